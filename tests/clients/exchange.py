"""Has the echo app checked by the Python and the Node client that the booted-Debian test uses.

Usage: exchange.py WS-MODULE-FOLDER ECHO-URL
"""

import asyncio
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "nspawn"))

from clients import exchange_node, exchange_python

node_modules, url = sys.argv[1:]
for compression in (None, "deflate"):
    how = f"with {compression}" if compression else "plain"
    count = asyncio.run(exchange_python(url, compression))
    print(f"Python websockets, {how}: {count} messages came back as they went")
    count = exchange_node(node_modules, url, compression)
    print(f"Node ws, {how}: {count} messages came back as they went")
