"""What the tests here share: units of this machine's systemd, and WebSocket clients.

The clients are Python's `websockets`, of whatever version the Debian has, whose names for things differ:
only what all have is used. Not for: a test by itself.
"""

import asyncio
import contextlib
import subprocess
import time

import websockets

SERVICE, SOCKET = "ringsocket.service", "ringsocket.socket"
# As ringsocket.socket is shipped.
PORT = 8080
PATIENCE_S = 15


def run(*command: str) -> str:
    """What a command prints, its errors included; fails if it does."""
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}"
    return done.stdout.strip()


def show(unit: str, name: str) -> str:
    """A property of a unit."""
    return run("systemctl", "show", "--value", f"--property={name}", unit)


def expect(unit: str, state: str):
    found = show(unit, "ActiveState")
    assert found == state, f"{unit} is {found}, not {state}"


def client(path: str, port: int = PORT):
    """A connection to an app, as a context manager."""
    # No pings: one could come amid a frame that a test sends by halves.
    return websockets.connect(f"ws://127.0.0.1:{port}{path}", ping_interval=None)


async def echoed(ws, message):
    """Sends a message, which must come back as it is."""
    await ws.send(message)
    back = await told(ws)
    assert back == message, f"{back!r} came back for {message!r}"


async def told(ws):
    """The next message."""
    return await asyncio.wait_for(ws.recv(), PATIENCE_S)


async def eventually(what: str, holds):
    """Waits until what `holds` (an async function) says is true."""
    deadline = time.monotonic() + PATIENCE_S
    while not await holds():
        assert time.monotonic() < deadline, f"in {PATIENCE_S} s not: {what}"
        await asyncio.sleep(0.05)


async def is_served(path: str, port: int = PORT) -> bool:
    """Whether an app answers handshakes at a path."""
    try:
        async with client(path, port):
            return True
    except (OSError, websockets.InvalidHandshake):
        return False


@contextlib.contextmanager
def socket_unit():
    """Starts ringsocket.socket, and stops it and its service in the end."""
    run("systemctl", "start", SOCKET)
    try:
        yield
    except BaseException:
        print(run("journalctl", "--boot", "--lines=60", "--unit=ringsocket*"), flush=True)
        raise
    finally:
        run("systemctl", "stop", SOCKET, SERVICE)
