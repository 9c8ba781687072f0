"""Restarts in a booted Debian: clients that live through `systemctl restart`, whatever the daemon is in the
midst of, and through restarts of the socket, and those that a stop or a crash ends.

Steps of scenario.py, in a file of their own. Not for: upgrades (versions.py), thousands of clients
(load.py), what hangs (watchdog.py), or the hand-over in detail (tests/e2e/restart).
"""

import asyncio
import os
import time

from clients import client, close_code, handshake

SERVICE, SOCKET = "ringsocket.service", "ringsocket.socket"
DROP_IN = f"/etc/systemd/system/{SERVICE}.d/restart.conf"

# Half of them amid a frame while the daemon is restarted.
CLIENTS = 200


def frame(text: bytes) -> bytes:
    """A text as a client sends it, masked."""
    key = os.urandom(4)
    masked = bytes(byte ^ key[at % 4] for at, byte in enumerate(text))
    return bytes([0x81, 0x80 | len(text)]) + key + masked


def hear(sock, size: int) -> bytes:
    """Exactly so many bytes."""
    sock.settimeout(20)
    heard = b""
    while len(heard) < size:
        piece = sock.recv(size - len(heard))
        assert piece, f"the end after {heard!r}"
        heard += piece
    return heard


class Crowd:
    """Clients of the echo app, each with its messages numbered."""

    def __init__(self, port: int):
        self.sockets = [handshake(port, "/echo")[1] for _ in range(CLIENTS)]
        self.round = 0

    def begin(self):
        """Every client sends its next message, every second one only a part of it."""
        self.round += 1
        self.rest = []
        for at, sock in enumerate(self.sockets):
            bytes_ = frame(f"{at} {self.round}".encode())
            cut = len(bytes_) if at % 2 else 1 + at % (len(bytes_) - 1)
            sock.sendall(bytes_[:cut])
            self.rest.append(bytes_[cut:])

    def end(self):
        """Every client sends the rest, and gets its own message back, and nothing else."""
        for sock, rest in zip(self.sockets, self.rest):
            sock.sendall(rest)
        for at, sock in enumerate(self.sockets):
            expected = f"{at} {self.round}".encode()
            heard = hear(sock, 2 + len(expected))
            assert heard == bytes([0x81, len(expected)]) + expected, f"{heard!r}"

    def leave(self):
        for sock in self.sockets:
            sock.close()


class Restart:
    """The steps. Their class has `run`, `show`, `wait`, `expect`, `figure`, `url` and `port`."""

    def lives_through(self, crowd: Crowd, command: str):
        """Runs a command that restarts the daemon while everybody is in the midst of something."""
        before = self.show(SERVICE, "MainPID")
        crowd.begin()
        start = time.monotonic()
        self.run(command)
        crowd.end()
        took = time.monotonic() - start
        assert self.show(SERVICE, "MainPID") not in (before, "0"), "it was not restarted"
        assert self.show(SERVICE, "NFileDescriptorStore") == "0", "something was not taken up"
        return took

    def taken_up_c(self) -> int:
        """How often all of a crowd have been taken up."""
        log = self.run(f"journalctl --unit={SERVICE} --output=cat")
        return log.count(f"took up {CLIENTS} connections")

    async def step_restart_keeps(self):
        """systemctl restart, of the service or its socket, and try-restart disconnect nobody"""
        before = self.taken_up_c()
        crowd = Crowd(self.port)
        commands = [f"systemctl restart {SERVICE}", f"systemctl restart {SOCKET}"]
        commands += [f"systemctl try-restart {SERVICE}", f"deb-systemd-invoke restart {SERVICE}"]
        took = [self.lives_through(crowd, command) for command in commands]
        assert self.taken_up_c() - before == len(commands)
        self.figure("restart: clients that live through it", CLIENTS)
        self.figure("restart: until all have their answer", f"{max(took) * 1e3:.0f} ms")
        crowd.leave()

    def drop_in(self, line: str):
        self.container.write(DROP_IN, f"[Service]\n{line}\n")
        self.run("systemctl daemon-reload")

    def drop_out(self):
        self.run(f"rm {DROP_IN} && systemctl daemon-reload")

    async def step_restart_amid_reload(self):
        """a restart in the midst of a reload disconnects nobody, and neither does a reload amid a restart"""
        self.run(f"systemctl reset-failed {SERVICE}")
        crowd = Crowd(self.port)
        self.drop_in("ExecReload=/bin/sleep 60")
        self.run(f"systemctl reload --no-block {SERVICE}")
        self.wait("it reloads", lambda: self.show(SERVICE, "SubState") == "reload")
        took = self.lives_through(crowd, f"systemctl restart {SERVICE}")
        self.figure("restart amid a reload: until all have their answer", f"{took * 1e3:.0f} ms")
        self.drop_out()
        # At whichever moment of the daemon's own part.
        for delay_ms in range(0, 30, 5):
            reload = f"systemctl reload --no-block {SERVICE}; sleep {delay_ms / 1e3}"
            self.lives_through(crowd, f"{reload}; systemctl restart {SERVICE}")
        restart = f"systemctl restart --no-block {SERVICE}; systemctl reload {SERVICE}"
        self.lives_through(crowd, restart)
        crowd.leave()

    async def step_restart_amid_start(self):
        """a restart while an app of the new process has yet to begin disconnects nobody"""
        self.run(f"systemctl reset-failed {SERVICE}")
        crowd = Crowd(self.port)
        first = self.show(SERVICE, "MainPID")
        self.drop_in("Environment=NEEDS_INIT_S=1")
        crowd.begin()
        self.run(f"systemctl restart --no-block {SERVICE}")
        self.wait("the next one starts", lambda: self.show(SERVICE, "SubState") == "start")
        second = self.show(SERVICE, "MainPID")
        self.run(f"systemctl restart {SERVICE}")
        crowd.end()
        assert len({first, second, self.show(SERVICE, "MainPID"), "0"}) == 4
        self.drop_out()
        crowd.leave()

    async def step_stop_ends(self):
        """systemctl stop closes with 1001 and leaves nothing"""
        async with client(self.url("echo")) as ws:
            self.run(f"systemctl stop --no-block {SERVICE}")
            assert await close_code(ws) == 1001
        self.wait("it has stopped", lambda: self.show(SERVICE, "ActiveState") == "inactive")
        assert self.show(SERVICE, "NFileDescriptorStore") == "0"

    async def step_broken_restart(self):
        """what is left and cannot be used ends with a line that says so, and the daemon serves"""
        handshake(self.port, "/echo")[1].close()
        crowd = Crowd(self.port)
        before = self.show(SERVICE, "MainPID")
        # The old process is killed in the midst of it, or before, or after: all or nothing.
        self.run(f"systemctl restart --no-block {SERVICE}; kill -9 {before} || true")
        self.wait("restarted", lambda: self.show(SERVICE, "MainPID") not in (before, "0"))
        self.wait("active", lambda: self.show(SERVICE, "ActiveState") == "active")
        crowd.leave()
        async with client(self.url("echo")) as ws:
            await ws.send("still here")
            assert await asyncio.wait_for(ws.recv(), 20) == "still here"
        assert self.show(SERVICE, "NFileDescriptorStore") == "0"
