"""Has the echo app checked by the Python and the Node client that the booted-Debian test uses.

Usage: exchange.py WS-MODULE-FOLDER ECHO-URL
"""

import asyncio
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "nspawn"))

from clients import exchange_node, exchange_python

node_modules, url = sys.argv[1:]
print(f"Python websockets: {asyncio.run(exchange_python(url))} messages came back as they went")
print(f"Node ws: {exchange_node(node_modules, url)} messages came back as they went")
