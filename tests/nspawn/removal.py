"""Removing and purging all packages in a booted Debian: what stops, what stays, and that nothing is left.

Steps of scenario.py, in a file of their own, and its last ones. Not for: what may be removed while it is
served (dropin.py).
"""

from clients import client, handshake

SERVICE, SOCKET = "ringsocket.service", "ringsocket.socket"
PACKAGES = "ringsocket ringsocket-examples libringsocket-dev"
APPS = "/usr/lib/ringsocket/apps"
EXAMPLES = "/usr/share/doc/ringsocket/examples"
STATE = "/var/lib/ringsocket"
# Backups that systemd-sysusers makes of what it edits.
BACKUPS = {f"/etc/{name}-" for name in ("passwd", "group", "shadow", "gshadow")}


class Removal:
    """The steps; a part of `Scenario`, whose attributes they use."""

    def catalog(self) -> list[str]:
        """The journal catalog's entries that are ours."""
        listed = self.run("journalctl --list-catalog").splitlines()
        return [line for line in listed if " RingSocket: " in line]

    def running(self) -> str:
        """What is left at run time: processes, files in /run, and units that are active or have failed
        (other than the slice of instances, which systemd keeps)."""
        left = self.run("grep -lsx 'ringsocket.*' /proc/[0-9]*/comm || true")
        left += self.run("find /run -name '*ringsock*'")
        units = "systemctl list-units --type=service,socket,path --no-legend --plain"
        return left + self.run(f"{units} '*ringsock*'")

    async def step_remove(self):
        """apt remove stops all, closes all ports, and keeps what is the administrator's"""
        more = "/debs/ringsocket-examples_*.deb /debs/libringsocket-dev_*.deb"
        self.run(f"apt-get install --yes --no-install-recommends {more}")
        conf = f"/etc/systemd/system/{SERVICE}.d/state.conf"
        self.run(f"install -D -m 644 {EXAMPLES}/state.conf {conf}")
        # The second one has a unit of its own, which a generator has made.
        ports = [self.port, self.port + 1]
        self.run(f"rm -rf /etc/systemd/system/{SOCKET}.d")
        self.put(*({"port_number": port, "is_unencrypted": True} for port in ports))
        self.put_in_force()
        async with client(self.url("echo")) as ws:
            await ws.send("x")
            await ws.recv()
        self.run(f"echo kept > {STATE}/file")
        handshake(ports[1], "/echo")[1].close()
        before = self.run("cat /etc/ringsocket.json")

        self.run(f"apt-get remove --yes {PACKAGES}")
        for port in ports:
            self.refused(port)
        assert self.running() == "", self.running()
        assert "ringsock" not in self.run("systemctl list-unit-files --no-legend")
        kept = ["/etc/ringsocket.json", conf, f"{APPS}/chat.so", f"{STATE}/file"]
        self.run("ls " + " ".join(kept))
        assert self.run("cat /etc/ringsocket.json") == before
        assert self.catalog() == []
        state = self.run("dpkg-query --show --showformat='${db:Status-Status}' ringsocket")
        assert state == "config-files", state

    async def step_purge(self):
        """apt purge leaves nothing but the user"""
        # What this test itself put there, as an administrator would have to as well.
        self.run("rm -rf /etc/systemd/system/ringsocket*.d")
        self.run(f"cd {APPS} && rm -f chat.so echo-c.so in-*.so")
        self.run(f"apt-get purge --yes {PACKAGES}")
        left = sorted(self.files() - self.before - BACKUPS)
        assert not left, f"left behind: {left}"
        assert self.running() == "" and self.catalog() == []
        self.run("getent passwd ringsock")
