"""The two servers, each in a process of its own, on a port of its own.

Not for: what is sent to them (differential.py). Run as a program it is the one of websockets:
servers.py MAX-MESSAGE, with its listening socket as standard input.
"""

import asyncio
import contextlib
import json
import logging
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile

from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed


def listening() -> socket.socket:
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    sock.listen(1024)
    return sock


@contextlib.contextmanager
def ringsocket(built: pathlib.Path, max_message: int):
    """The daemon with the echo app; its port."""
    with tempfile.TemporaryDirectory() as folder, listening() as sock:
        config = pathlib.Path(folder, "ringsocket.json")
        app = {
            "name": "echo",
            "app_path": str(built / "libecho.so"),
            "endpoints": [{"endpoint_id": 1, "url": "/"}],
        }
        config.write_text(json.dumps({"max_ws_msg_size": max_message, "apps": [app]}))
        command = [str(built / "ringsocket"), "--config", str(config)]
        with _process(command, sock, 3) as process:
            yield sock.getsockname()[1], process


@contextlib.contextmanager
def websockets(max_message: int):
    """The same of websockets."""
    with listening() as sock:
        command = [sys.executable, __file__, str(max_message)]
        with _process(command, sock, 0) as process:
            yield sock.getsockname()[1], process


@contextlib.contextmanager
def _process(command: list[str], sock: socket.socket, number: int):
    """Runs a command with the socket as this descriptor, and the variables of sd_listen_fds(3)."""
    sock.set_inheritable(True)
    # The shell is gone by then: it only knows its own process id in time.
    script = f'exec {number}<&{sock.fileno()}; LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"'
    process = subprocess.Popen(["bash", "-c", script, "bash", *command], close_fds=False)
    try:
        yield process
        if process.poll() is not None:
            raise SystemExit(f"{command[0]} has ended by itself: {process.returncode}")
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        process.wait(60)


async def _echo(connection):
    try:
        async for message in connection:
            await connection.send(message)
    except ConnectionClosed:
        pass  # what the client sees of it is compared


async def _serve(sock: socket.socket, max_message: int):
    # What clients do wrong is no news here.
    logging.getLogger("websockets").setLevel(logging.CRITICAL)
    options = {"ping_interval": None, "max_size": max_message}
    async with serve(_echo, sock=sock, close_timeout=5, **options):
        loop = asyncio.get_running_loop()
        stop = loop.create_future()
        loop.add_signal_handler(signal.SIGTERM, stop.set_result, None)
        await stop


if __name__ == "__main__":
    asyncio.run(_serve(socket.socket(fileno=os.dup(0)), int(sys.argv[1])))
