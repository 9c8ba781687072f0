"""Clients of the scenario: exchanges with the echo app, raw handshakes, and probers.

Not for: what is expected of the server as a whole (scenario.py).
"""

import asyncio
import os
import socket
import subprocess
import threading
import time

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

# Around each form of a frame's length field, of a page, of the ring and of the message limit.
SIZES = [0, 1, 125, 126, 127, 4096, 65535, 65536, 1 << 20, 16 << 20]

PATIENCE_S = 30


def client(url: str, compression: str | None = None, headers: dict[str, str] | None = None):
    """A Python client without limits and keep-alives of its own."""
    return connect(
        url,
        max_size=None,
        compression=compression,
        additional_headers=headers,
        ping_interval=None,
        proxy=None,
        open_timeout=PATIENCE_S,
        close_timeout=PATIENCE_S,
    )


async def exchange_python(url: str, compression: str | None = None) -> int:
    """Has messages of all kinds and sizes echoed, perhaps compressed; how many."""
    count = 0
    async with client(url, compression) as ws:
        agreed = [extension.name for extension in ws.protocol.extensions]
        wanted = ["permessage-deflate"] if compression else []
        assert agreed == wanted, f"the extensions agreed on are {agreed}"
        for size in SIZES:
            data = os.urandom(size)
            text = ("é√𝄞 " * (size // 10 + 1))[: size // 4]
            third = size // 3
            parts = [data[:third], b"", data[third:]], [text[:third], text[third:]]
            for sent in (data, text, *parts):
                await ws.send(sent)
                expected = sent if isinstance(sent, (bytes, str)) else type(sent[0])().join(sent)
                received = await asyncio.wait_for(ws.recv(), PATIENCE_S)
                assert received == expected, (
                    f"{type(sent).__name__} of {len(expected)} came back as "
                    f"{type(received).__name__} of {len(received)}"
                )
                count += 1
    assert ws.close_code == 1000, f"the server answered the Close with {ws.close_code}"
    return count


def exchange_node(node_modules: str, url: str, compression: str | None = None) -> int:
    """The same from Node; how many messages."""
    script = os.path.join(os.path.dirname(__file__), "client.mjs")
    command = ["node", script, node_modules, url, compression or "plain", *map(str, SIZES)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=4 * PATIENCE_S)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


async def close_code(ws) -> int:
    """Reads until the server closes."""
    try:
        while True:
            await asyncio.wait_for(ws.recv(), PATIENCE_S)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else 1006


def handshake(port: int, path: str) -> tuple[float, socket.socket]:
    """Connects and upgrades; the seconds from the start of connecting to the end of the 101."""
    start = time.perf_counter()
    sock = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
    try:
        sock.sendall(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        head = b""
        while b"\r\n\r\n" not in head:
            more = sock.recv(4096)
            if not more:
                raise ConnectionResetError(f"closed after {head!r}")
            head += more
        assert head.startswith(b"HTTP/1.1 101 "), head
        return time.perf_counter() - start, sock
    except BaseException:
        sock.close()
        raise


class Prober:
    """Connects again and again, in a thread of its own, until told to stop."""

    PAUSE_S = 0.002

    def __init__(self, port: int, path: str | None = None):
        """With a `path` each connection is upgraded as well; without, it is closed at once."""
        self.port, self.path = port, path
        self.attempts = self.refused = self.cut = 0
        self.worst_s = 0.0
        self.failure = None
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.probe)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()
        if self.failure:
            raise self.failure

    def probe(self):
        while not self.stopping.wait(self.PAUSE_S):
            self.attempts += 1
            start = time.perf_counter()
            try:
                if self.path:
                    handshake(self.port, self.path)[1].close()
                else:
                    address = ("127.0.0.1", self.port)
                    socket.create_connection(address, timeout=PATIENCE_S).close()
            except ConnectionRefusedError:
                self.refused += 1
            except ConnectionError:
                # The old process had it already when it died.
                self.cut += 1
                continue
            except Exception as error:
                self.failure = error
                return
            self.worst_s = max(self.worst_s, time.perf_counter() - start)
