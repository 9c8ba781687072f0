"""Apps that come, are replaced and go in a booted Debian, by the path unit and by dpkg's trigger.

Steps of scenario.py, in a file of their own. Not for: what clients and threads see of it in detail
(tests/e2e).
"""

import http.client

from clients import client

SERVICE = "ringsocket.service"
APPS = "/usr/lib/ringsocket/apps"


class DropIn:
    """The steps. Their class has `run`, `show`, `wait`, `url`, `port` and `container`."""

    def answer(self, path: str) -> int:
        """The status of a plain request: 426 where an app stands, 404 where none does."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        finally:
            connection.close()

    def status_text(self) -> str:
        return self.show(SERVICE, "StatusText")

    async def step_replace(self):
        """a replaced app keeps its client, and goes when that has left"""
        pid = self.show(SERVICE, "MainPID")
        async with client(self.url("echo-c")) as old:
            await old.send("one")
            assert await old.recv() == "one"
            self.run(f"cp {APPS}/echo.so {APPS}/echo-c.so")  # onto it: the same inode
            self.wait("the old one drains", lambda: "1 draining (echo-c)" in self.status_text())
            await old.send("two")
            assert await old.recv() == "two"
            async with client(self.url("echo-c")) as new:
                await new.send("three")
                assert await new.recv() == "three"
        self.wait("the old one is gone", lambda: "draining" not in self.status_text())
        assert self.show(SERVICE, "MainPID") == pid

    async def step_bad_app(self):
        """what is no app changes nothing; systemctl reload fails and says why"""
        self.container.write(f"{APPS}/bad.so", "no library\n" * 100)
        self.wait("the status names it", lambda: "bad not loaded" in self.status_text())
        done = self.run(f"systemctl reload {SERVICE}; echo status $?")
        assert "status 1" in done, done
        assert self.show(SERVICE, "ActiveState") == "active"
        log = self.run(f"journalctl --unit={SERVICE} -n 30")
        assert "bad: " in log and "invalid ELF header" in log, log
        assert self.answer("/echo") == 426
        self.run(f"rm {APPS}/bad.so")
        self.wait("it is forgotten", lambda: "not loaded" not in self.status_text())
        self.run(f"systemctl reload {SERVICE}")

    async def step_package(self):
        """a package that brings an app need not know how it gets to be served"""
        self.run("systemctl stop ringsocket-apps.path")  # so that it is the trigger that does it
        control = "Package: a-packaged-app\\nVersion: 1\\nArchitecture: all\\n"
        control += "Maintainer: nobody <nobody@localhost>\\nDescription: an app\\n"
        self.run(
            f"mkdir -p /tmp/package/DEBIAN /tmp/package{APPS} && "
            f"printf '{control}' > /tmp/package/DEBIAN/control && "
            f"cp {APPS}/echo.so /tmp/package{APPS}/packaged.so && "
            "dpkg-deb --root-owner-group --build /tmp/package /tmp/packaged.deb"
        )
        assert self.answer("/packaged") == 404
        self.run("dpkg -i /tmp/packaged.deb")
        self.wait("it is served", lambda: self.answer("/packaged") == 426)
        self.run("dpkg -P a-packaged-app")
        self.wait("it is not served any more", lambda: self.answer("/packaged") == 404)
        self.run("systemctl start ringsocket-apps.path")
