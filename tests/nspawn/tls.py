"""Certificates in a booted Debian: as credentials, as files for the group, renewed and broken.

Steps of scenario.py, in a file of their own. The files lie as certbot has them, and the package's
examples are used as they are. Not for: TLS itself (tests/e2e).
"""

import asyncio
import json
import socket

from authority import Authority
from clients import PATIENCE_S
from websockets.asyncio.client import connect

SERVICE, SOCKET, TLS = "ringsocket.service", "ringsocket.socket", "ringsocket-tls.socket"
UNITS = "/etc/systemd/system"
EXAMPLES = "/usr/share/doc/ringsocket/examples"
CONFIGURATION = "/etc/ringsocket.json"
NAME = "example.com"
ARCHIVE, LIVE = f"/etc/letsencrypt/archive/{NAME}", f"/etc/letsencrypt/live/{NAME}"
FOLDER = f"/etc/ringsocket/certs/{NAME}"
# As the example of a drop-in calls them.
CREDENTIALS = (f"{NAME}.key", f"{NAME}.pem")


class Tls:
    """The steps. Their class has `run`, `show`, `expect`, `wait`, `container` and `tls_port`."""

    def configure(self, **files: tuple[str, str]):
        """Writes a configuration with these certificates: by host name, key and chain."""
        certs = [
            {"hostnames": [name], "privkey_path": key, "pubchain_path": chain}
            for name, (key, chain) in files.items()
        ]
        self.container.write(CONFIGURATION, json.dumps({"certs": certs}))
        self.run(f"ringsocket check {CONFIGURATION}")

    def example(self, folder: str):
        """Lays down what the shipped configuration names as an example, below a folder."""
        _, key, chain = Authority().issue(NAME, f"*.{NAME}")
        self.container.write(f"{folder}/certs/{NAME}/privkey.pem", key)
        self.container.write(f"{folder}/certs/{NAME}/fullchain.pem", chain)
        self.container.write(f"{folder}/clients.pem", chain)
        self.run(f"chmod 640 {folder}/certs/{NAME}/privkey.pem")

    def renew(self) -> int:
        """Lays a new key and chain down as certbot does; the serial number."""
        serial, key, chain = self.authority.issue(NAME)
        self.run(f"mkdir -p -m 700 {ARCHIVE} {LIVE} && chmod 700 /etc/letsencrypt/*")
        for name, content in (("privkey", key), ("fullchain", chain)):
            self.container.write(f"{ARCHIVE}/{name}{serial}.pem", content)
            self.link(name, serial)
        self.run(f"chmod 600 {ARCHIVE}/privkey*.pem")
        return serial

    def link(self, name: str, serial: int):
        self.run(f"ln -sfn ../../archive/{NAME}/{name}{serial}.pem {LIVE}/{name}.pem")

    def served(self, name: str = NAME) -> int:
        """The serial number of the certificate that a client of this name is shown and verifies."""
        with socket.create_connection(("127.0.0.1", self.tls_port), PATIENCE_S) as plain:
            with self.authority.trusting().wrap_socket(plain, server_hostname=name) as secure:
                return int(secure.getpeercert()["serialNumber"], 16)

    def wss(self):
        return connect(
            f"wss://{NAME}:{self.tls_port}/echo", host="127.0.0.1", port=self.tls_port,
            ssl=self.authority.trusting(), proxy=None, ping_interval=None,
        )

    def reload(self) -> str:
        """What `systemctl reload` and then `systemctl status` say, and the former's status."""
        said = self.run(f"systemctl reload {SERVICE}; echo status $?")
        return said + self.run(f"systemctl status --lines=20 {SERVICE}", check=False)

    def s_client(self, options: str) -> str:
        return self.authority.openssl(
            f"s_client -connect 127.0.0.1:{self.tls_port} -servername {NAME} -CAfile ca.pem "
            f"-verify_return_error {options}"
        )

    async def still_talks(self, ws):
        await ws.send("still here?")
        assert await asyncio.wait_for(ws.recv(), PATIENCE_S) == "still here?"

    async def step_tls_credentials(self):
        """with a certificate as a credential, the encrypted port is served"""
        self.authority = Authority()
        self.run(f"cp {CONFIGURATION} /tmp/good.json")
        serial = self.renew()
        self.run(f"install -D -t {UNITS}/{SERVICE}.d {EXAMPLES}/credentials.conf")
        self.configure(**{NAME: CREDENTIALS})
        if self.tls_port != 8443:
            self.container.write(
                f"{UNITS}/{TLS}.d/port.conf",
                f"[Socket]\nListenStream=\nListenStream=127.0.0.1:{self.tls_port}\n",
            )
        # A socket unit does not start while the service runs that it is for.
        self.run(f"systemctl daemon-reload && systemctl stop {SOCKET} {SERVICE}")
        self.run(f"systemctl enable {TLS} && systemctl start {SOCKET} {TLS}")
        async with self.wss() as ws:
            await self.still_talks(ws)
        self.expect(SERVICE, "active")
        assert self.served() == serial
        for version in ("tls1_3", "tls1_2"):
            said = self.s_client(f"-{version} -alpn http/1.1")
            assert "Verify return code: 0 (ok)" in said, said
            assert "ALPN protocol: http/1.1" in said, said
        await self.still_plain()

    async def still_plain(self):
        async with connect(self.url("echo"), proxy=None) as ws:
            await self.still_talks(ws)

    async def step_tls_renewal(self):
        """a renewed certificate is served after certbot's hook; who is connected stays"""
        pid = self.show(SERVICE, "MainPID")
        before = self.served()
        self.run(f"install -D -m 755 {EXAMPLES}/certbot-deploy-hook /tmp/hook")
        async with self.wss() as ws:
            await self.still_talks(ws)
            for _ in range(2):
                serial = self.renew()
                assert self.served() == before
                self.run(f"RENEWED_LINEAGE={LIVE} /tmp/hook")
                assert self.served() == serial
                await self.still_talks(ws)
                before = serial
        assert self.show(SERVICE, "MainPID") == pid
        copies = self.run("ls -lL /run/ringsocket/credentials/").split("\n", 1)[1]
        assert copies.count("-r-------- 1 ringsock ringsock ") == 2, copies
        copies = self.run("ls -d /run/ringsocket/credentials.*").split()
        assert len(copies) == 1, f"copies of earlier reloads are left: {copies}"

    async def step_tls_broken(self):
        """a key that does not fit, or is gone: the reload fails and says why, the old one stays"""
        before = self.served()
        async with self.wss() as ws:
            serial = self.renew()
            self.link("privkey", before)
            said = self.reload()
            assert "status 1" in said and NAME in said, said
            assert "the private key does not belong to the certificate" in said, said
            assert self.served() == before
            self.link("privkey", 0)
            said = self.reload()
            assert "status 1" in said and f"there is no {LIVE}/privkey.pem" in said, said
            assert self.served() == before
            await self.still_talks(ws)
            self.link("privkey", serial)
            said = self.reload()
            assert "status 0" in said, said
            assert self.served() == serial
            await self.still_talks(ws)

    async def step_tls_second_name(self):
        """a further name takes a reload, though its credentials are new to the service"""
        first = self.served()
        serial, key, chain = self.authority.issue("example.org")
        self.container.write("/etc/letsencrypt/org.key", key)
        self.container.write("/etc/letsencrypt/org.pem", chain)
        self.container.write(
            f"{UNITS}/{SERVICE}.d/org.conf",
            "[Service]\nLoadCredential=org.key:/etc/letsencrypt/org.key\n"
            "LoadCredential=org.pem:/etc/letsencrypt/org.pem\n",
        )
        self.configure(**{NAME: CREDENTIALS, "example.org": ("org.key", "org.pem")})
        self.run(f"systemctl daemon-reload && systemctl reload {SERVICE}")
        assert (self.served(), self.served("example.org")) == (first, serial)
        self.run(f"rm {UNITS}/{SERVICE}.d/org.conf")
        self.configure(**{NAME: CREDENTIALS})
        self.run(f"systemctl daemon-reload && systemctl reload {SERVICE}")
        assert self.served() == first
        assert "org.key" not in self.run("ls /run/ringsocket/credentials/")

    async def step_tls_planted_link(self):
        """a daemon gone bad cannot lead the refreshing of its credentials astray"""
        self.run("rm -rf /run/ringsocket/credentials && ln -s /etc /run/ringsocket/credentials")
        serial = self.renew()
        said = self.reload()
        assert "status 0" in said, said
        assert self.served() == serial
        assert self.run(f"ls /etc | grep {NAME} || true") == ""

    async def step_tls_start(self):
        """a start uses what the certificates are then, not what a reload has copied"""
        self.run(f"systemctl stop {SERVICE} && systemctl reset-failed {SERVICE}")
        self.run("! test -e /run/ringsocket")
        serial = self.renew()
        assert self.served() == serial
        self.expect(SERVICE, "active")

    async def step_tls_group(self):
        """keys in files for the group work as well, and the path unit sees when they change"""
        self.run(f"rm {UNITS}/{SERVICE}.d/credentials.conf")
        self.run(f"install -d -m 750 -g ringsock /etc/ringsocket/certs {FOLDER}")
        self.run(f"cp {EXAMPLES}/ringsocket-certs.* {UNITS}/ && systemctl daemon-reload")
        self.run(f"RENEWED_LINEAGE={LIVE} /tmp/hook")
        rights = self.run(f"stat -c '%A %U:%G' {FOLDER}/*")
        assert rights == "-rw-r----- root:ringsock\n" * 2, rights
        self.configure(**{NAME: (f"{FOLDER}/privkey.pem", f"{FOLDER}/fullchain.pem")})
        self.run(f"systemctl restart {SERVICE}")
        async with self.wss() as ws:
            self.run("systemctl enable --now ringsocket-certs.path")
            serial, key, chain = self.authority.issue(NAME)
            # Onto the files, whose rights stay.
            self.container.write(f"{FOLDER}/privkey.pem", key)
            self.container.write(f"{FOLDER}/fullchain.pem", chain)
            self.wait("it is served", lambda: self.served() == serial)
            await self.still_talks(ws)

    async def step_tls_off(self):
        """without the encrypted port all is as before"""
        self.run(f"systemctl disable --now {TLS} ringsocket-certs.path")
        self.run(f"rm -rf {UNITS}/{TLS}.d {UNITS}/ringsocket-certs.* /etc/letsencrypt")
        self.run("rm -rf /etc/ringsocket /tmp/hook && mv /tmp/good.json /etc/ringsocket.json")
        self.run(f"systemctl daemon-reload && systemctl reset-failed {SERVICE}")
        await self.still_plain()
