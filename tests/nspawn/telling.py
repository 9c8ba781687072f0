"""What the daemon tells about itself: STATUS=, the journal's fields, and its catalog.

Steps of scenario.py, in a file of their own. Not for: what else it logs (tests/e2e).
"""

import json

from clients import client, handshake

SERVICE = "ringsocket.service"


class Telling:
    """The steps. Their class has `run`, `show`, `wait`, `figure`, `url`, `port` and `container`."""

    async def step_status(self):
        """STATUS= and the journal's fields tell what goes on"""
        self.run("cp /etc/ringsocket.json /tmp/good.json")
        self.container.write("/etc/ringsocket.json", '{ "log_level": "info" }\n')
        self.run(f"systemctl restart {SERVICE}")
        async with client(self.url("echo")) as ws:
            await ws.send("x")
            await ws.recv()
            # The status follows within moments, not with every connection.
            self.wait("counted", lambda: "1 connection" in self.show(SERVICE, "StatusText"))
            self.figure("STATUS=", self.show(SERVICE, "StatusText"))
        # A frame without a mask: closed with 1002 (RFC 6455 section 5.1), which is worth a line.
        _, sock = handshake(self.port, "/echo")
        with sock:
            sock.sendall(b"\x81\x01x")
            close = sock.recv(4)
            assert (close[0], close[2:]) == (0x88, b"\x03\xea"), close
        wanted = {"APP": "echo", "WORKER": "0", "PEER": "127.0.0.1"}
        wanted = {f"RINGSOCKET_{name}": value for name, value in wanted.items()}
        self.wait("lines with all fields", lambda: wanted.keys() <= self.fields().keys())
        fields = self.fields()
        for name, value in wanted.items():
            assert fields[name].startswith(value), f"{name}={fields[name]}"
        self.figure("journal fields", " ".join(sorted(fields)))
        self.run(f"mv /tmp/good.json /etc/ringsocket.json && systemctl restart {SERVICE}")

    def fields(self) -> dict[str, str]:
        """The fields of the daemon's own that its lines in the journal have."""
        lines = self.run(f"journalctl --unit={SERVICE} --output=json").splitlines()
        entries = [json.loads(line) for line in lines if line.startswith("{")]
        own = {}
        for entry in entries:
            own |= {name: entry[name] for name in entry if name.startswith("RINGSOCKET_")}
        return own

    async def step_explained(self):
        """journalctl -x explains lines that ask for something to be done, from the first to the last"""
        listed = self.run("journalctl --list-catalog").splitlines()
        ours = [line for line in listed if " RingSocket: " in line]
        self.figure("entries of the journal's catalog", len(ours))
        assert len(ours) > 30, listed
        broken = "/usr/lib/ringsocket/apps/broken.so"
        self.run(f"echo nonsense > {broken} && systemctl reload {SERVICE}", check=False)
        # Its field is put into the words.
        self.wait("broken.so", lambda: "The app broken is not served" in self.explained())
        self.run(f"rm {broken} && systemctl reload {SERVICE}")
        self.run(f"systemctl stop {SERVICE}")
        for subject in ("RingSocket serves", "RingSocket begins to stop", "RingSocket has stopped"):
            assert subject in self.explained(), self.explained()
        # What is wrong with the configuration is said before there is a log thread.
        self.run("cp /etc/ringsocket.json /tmp/good.json && echo nonsense > /etc/ringsocket.json")
        self.run(f"systemctl start {SERVICE}", check=False)
        self.run(f"mv /tmp/good.json /etc/ringsocket.json && systemctl reset-failed {SERVICE}")
        explained = self.explained()
        assert "Subject: The configuration cannot be used" in explained, explained
        assert 'run "ringsocket check", mend what it names' in explained, explained
        assert "man:ringsocket.json(5)" in explained, explained
        self.run(f"systemctl start {SERVICE}")

    def explained(self) -> str:
        """The daemon's latest lines, each with what the catalog has to say of it."""
        return self.run(f"journalctl --catalog --unit={SERVICE} --lines=60")
