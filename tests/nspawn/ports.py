"""Ports from ringsocket.json in a booted Debian: what the generator makes, and systemd of that.

Steps of scenario.py, in a file of their own. Not for: the drop-ins by the letter (unit tests).
"""

import json
import shutil
import socket
import stat
import subprocess
import time

from authority import Authority
from clients import PATIENCE_S, handshake
from container import Container

SERVICE, SOCKET, TLS = "ringsocket.service", "ringsocket.socket", "ringsocket-tls.socket"
CONFIGURATION = "/etc/ringsocket.json"
GENERATOR = "/usr/lib/systemd/system-generators/ringsocket-generator"
UNIX, UNIX_UNIT = "/run/ws-test.sock", "ringsocket-port@unix-1.socket"
DROP_INS = f"/etc/systemd/system/{SOCKET}.d"
REQUEST = (
    b"GET /echo HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
RUNS = 1000


def upgraded(sock: socket.socket) -> bytes:
    """The first line of the answer to an upgrade; closes the socket."""
    with sock:
        sock.settimeout(PATIENCE_S)
        sock.sendall(REQUEST)
        return sock.recv(4096).split(b"\r\n")[0]


class Ports:
    """The steps. Their class has `run`, `show`, `expect`, `wait`, `figure`, `container`, `port`,
    `tls_port`, `debs` and `cache`."""

    def put(self, *ports: dict, **more):
        self.container.write(CONFIGURATION, json.dumps({"worker_c": 2, "ports": ports, **more}))

    def put_in_force(self):
        """What an administrator does after a change of ports."""
        # So many restarts in a row would reach systemd's limit, which is not what is tested.
        self.run(f"systemctl reset-failed {SERVICE} {SOCKET} {TLS} ringsocket-apps.path")
        self.run(f"systemctl daemon-reload && systemctl restart {SOCKET}")

    def listening(self, port: int) -> list[str]:
        """The addresses of all listening sockets of a port, as often as there are such sockets."""
        found = []
        for table in ("tcp", "tcp6"):
            # The network is the machine's own.
            for line in self.run(f"cat /proc/net/{table}").splitlines()[1:]:
                _, local, _, state = line.split()[:4]
                address, number = local.split(":")
                if state == "0A" and int(number, 16) == port:
                    found.append(address)
        return sorted(found)

    def refused(self, port: int):
        assert self.listening(port) == [], f"{port} is still open"
        try:
            socket.create_connection(("127.0.0.1", port), PATIENCE_S).close()
        except ConnectionRefusedError:
            return
        raise AssertionError(f"port {port} takes connections")

    def unix(self) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(f"/proc/{self.container.init}/root{UNIX}")
        return sock

    async def step_ports_generated(self):
        """ports of the configuration are opened, on both versions of IP, one socket per worker"""
        self.run(f"cp {CONFIGURATION} /tmp/no-ports.json")
        # As an administrator who leaves the ports to the file from now on.
        self.run(f"rm -rf {DROP_INS} /etc/systemd/system/{TLS}.d && systemctl daemon-reload")
        self.put(
            {"port_number": self.port, "is_unencrypted": True, "ip_addrs": ["127.0.0.1", "::1"]},
            {"port_number": self.port + 1, "is_unencrypted": True, "interface": "lo"},
            {"port_number": self.port + 2, "is_unencrypted": True,
             "ipv4_is_embedded_in_ipv6": True},
            {"unix_path": UNIX, "is_unencrypted": True, "unix_mode": "0620",
             "unix_group": "www-data"},
        )
        said = self.run("ringsocket check")
        assert "systemd has not been told of the `ports`" in said, said
        self.put_in_force()
        said = self.run("ringsocket check")
        assert "warning" not in said, said
        v4, v6 = "0100007F", "00000000000000000000000001000000"
        assert self.listening(self.port) == [v6, v6, v4, v4], self.listening(self.port)
        assert len(self.listening(self.port + 1)) == 4
        assert self.listening(self.port + 2) == ["0" * 32] * 2
        units = f"{SOCKET} ringsocket-port@{self.port + 1}.socket {UNIX_UNIT}"
        assert set(self.run(f"systemctl is-active {units}").split()) == {"active"}
        self.expect(TLS, "inactive")
        assert b" 101 " in upgraded(socket.create_connection(("::1", self.port), PATIENCE_S))
        for port in range(self.port, self.port + 3):
            handshake(port, "/echo")[1].close()
        assert b" 101 " in upgraded(self.unix())
        self.expect(SERVICE, "active")
        log = self.run(f"journalctl --unit={SERVICE} --boot -n 20")
        assert "is not listed" not in log and "no socket for it" not in log, log

    async def step_ports_unix(self):
        """a unix socket has its mode and its group, and goes with its unit"""
        about = self.run(f"stat --format='%f %G' {UNIX}").split()
        mode = int(about[0], 16)
        assert stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o620, oct(mode)
        assert about[1] == "www-data", about
        reach = "perl -MSocket -e 'socket(S, AF_UNIX, SOCK_STREAM, 0);"
        reach += f" exit !connect(S, pack_sockaddr_un(\"{UNIX}\"))'"
        for group, expected in (("www-data", "0"), ("nogroup", "1")):
            command = f"setpriv --reuid=nobody --regid={group} --clear-groups {reach}; echo $?"
            assert self.run(command).strip() == expected, group
        self.run(f"systemctl stop {SOCKET}")
        for unit in (SERVICE, UNIX_UNIT, f"ringsocket-port@{self.port + 1}.socket"):
            self.expect(unit, "inactive")
        assert "absent" in self.run(f"test -e {UNIX} || echo absent")
        self.refused(self.port + 1)
        self.run(f"systemctl start {SOCKET}")
        self.expect(UNIX_UNIT, "active")

    async def step_ports_changed(self):
        """a change: systemd says that it is not in force; then it is, and what has gone is closed"""
        handshake(self.port + 1, "/echo")[1].close()
        assert self.show(SOCKET, "NeedDaemonReload") == "no"
        time.sleep(1.1)  # systemd compares times of the file, which may be whole seconds
        self.put({"port_number": self.port + 3, "is_unencrypted": True, "ipv4only": True})
        assert self.show(SOCKET, "NeedDaemonReload") == "yes"
        said = self.run("ringsocket check")
        assert "socket: warning: its files have changed since systemd read them" in said, said
        self.put_in_force()
        handshake(self.port + 3, "/echo")[1].close()
        assert self.listening(self.port + 3) == ["00000000"] * 2
        for port in range(self.port, self.port + 3):
            self.refused(port)
        try:
            self.unix()  # its name stays, as systemd does not know of it any more
            raise AssertionError("the unix socket takes connections")
        except ConnectionRefusedError:
            self.run(f"rm {UNIX}")
        for unit in (UNIX_UNIT, f"ringsocket-port@{self.port + 1}.socket"):
            self.expect(unit, "inactive")

    async def step_ports_encrypted(self):
        """encrypted ports alone: ringsocket.socket listens nowhere, and is the switch all the same"""
        authority = Authority()
        _, key, chain = authority.issue("localhost")
        self.container.write("/etc/ringsocket-test/key.pem", key)
        self.container.write("/etc/ringsocket-test/chain.pem", chain)
        self.run("chgrp -R ringsock /etc/ringsocket-test && chmod 640 /etc/ringsocket-test/key.pem")
        cert = {"hostnames": ["localhost"], "privkey_path": "/etc/ringsocket-test/key.pem",
                "pubchain_path": "/etc/ringsocket-test/chain.pem"}
        self.put({"port_number": self.tls_port, "ipv4only": True}, certs=[cert])
        self.put_in_force()
        self.expect(SOCKET, "inactive")
        self.expect(TLS, "active")
        assert self.show(SOCKET, "Result") == "success"
        plain = socket.create_connection(("127.0.0.1", self.tls_port), PATIENCE_S)
        secure = authority.trusting().wrap_socket(plain, server_hostname="localhost")
        assert b" 101 " in upgraded(secure)
        self.refused(self.port + 3)
        self.run(f"systemctl stop {SOCKET}")
        self.expect(TLS, "inactive")
        self.refused(self.tls_port)

    async def step_ports_edited(self):
        """what an administrator wrote wins over what was generated"""
        self.put({"port_number": self.port, "is_unencrypted": True})
        self.container.write(
            f"{DROP_INS}/override.conf",
            f"[Socket]\nListenStream=\nListenStream=127.0.0.1:{self.port}\n",
        )
        self.put_in_force()
        assert self.listening(self.port) == ["0100007F"]
        handshake(self.port, "/echo")[1].close()
        said = self.run("ringsocket check")
        line = f"{DROP_INS}/override.conf:3: warning: 127.0.0.1:{self.port} has 1 socket for 2 workers:"
        assert line in said, said

        other = f"ListenStream=127.0.0.1:{self.port + 1}\n"
        self.container.write(
            f"{DROP_INS}/override.conf",
            "[Socket]\nListenStream=\n" + f"ListenStream=127.0.0.1:{self.port}\n" * 3 + other * 2,
        )
        self.put_in_force()
        said = self.run("ringsocket check")
        assert "override.conf:6: warning: `ports` of the configuration does not list" in said, said
        self.put(*({"port_number": self.port + n, "is_unencrypted": True} for n in (0, 1, 2)))
        self.put_in_force()
        handshake(self.port + 1, "/echo")[1].close()
        said = self.run("ringsocket check")
        assert "override.conf:2: warning: port" in said and "takes away what was generated" in said
        log = self.run(f"journalctl --unit={SERVICE} --boot -n 20")
        assert f"127.0.0.1:{self.port} has 3 sockets for 2 workers" in log, log
        assert f"port {self.port + 2} is configured, but no socket for it was passed" in log, log

    async def step_ports_broken(self):
        """a broken file: nothing is generated, which is told, and the units stand as edited"""
        self.container.write(
            f"{DROP_INS}/override.conf",
            f"[Socket]\nListenStream=\nListenStream=127.0.0.1:{self.port}\n",
        )
        self.container.write(CONFIGURATION, '{ "ports": [{ "port_number": "eighty" }] }')
        self.run("systemctl daemon-reload")
        found = self.run("find /run/systemd/generator* -path '*ringsocket*'")
        assert found == "", found
        self.run(f"systemctl restart {SOCKET}")
        self.expect(SOCKET, "active")
        said = self.run(f"{GENERATOR} /tmp; echo status $?")
        assert f"{CONFIGURATION}:1:" in said and "status 1" in said, said
        assert "cannot be used" in said, said

    def broken_root(self, port: int):
        """A root with the package as if enabled, service and socket, and a configuration that is none."""
        root = self.cache / "broken"
        shutil.rmtree(root, ignore_errors=True)
        subprocess.run(["cp", "-a", "--reflink=auto", self.container.root, root], check=True)
        for deb in self.debs.glob("ringsocket_*.deb"):
            # Not `dpkg-deb --extract`, which would make a folder of the link /lib.
            pack = ["dpkg-deb", "--fsys-tarfile", deb]
            packed = subprocess.run(pack, check=True, stdout=subprocess.PIPE)
            unpack = ["tar", "--extract", "--keep-directory-symlink", "--directory", root]
            subprocess.run(unpack, input=packed.stdout, check=True)
        (root / CONFIGURATION[1:]).write_text("nonsense\n")
        units = root / "etc/systemd/system"
        (units / f"{SOCKET}.d").mkdir(parents=True)
        text = f"[Socket]\nListenStream=\nListenStream=127.0.0.1:{port}\n"
        (units / f"{SOCKET}.d/port.conf").write_text(text)
        for target, unit in (("sockets", SOCKET), ("multi-user", SERVICE)):
            (units / f"{target}.target.wants").mkdir(exist_ok=True)
            (units / f"{target}.target.wants/{unit}").symlink_to(f"/lib/systemd/system/{unit}")
        return root

    async def step_ports_boot(self):
        """with nonsense in the file all else boots, and the daemon says why it does not; mended, it serves"""
        port = self.port + 4
        root = self.broken_root(port)
        try:
            log = self.cache / "broken.log"
            with Container(root, log, {}, False, to_fail=[SERVICE]) as second:
                # Before there is a journal systemd writes to the console, and in the kernel's log,
                # which a container has not.
                log = log.read_text(errors="replace")
                assert "ringsocket-generator failed with exit status 1" in log, log
                found = second.run("find /run/systemd/generator* -path '*ringsocket*'")
                assert found == "", found
                said = second.run(f"journalctl --boot --unit={SERVICE}")
                assert "status=78" in said and f"{CONFIGURATION}:1:1: " in said, said
                assert second.run(f"systemctl is-active {SOCKET}").strip() == "active"
                mended = {"port_number": port, "is_unencrypted": True}
                second.write(CONFIGURATION, json.dumps({"ports": [mended]}))
                second.run(f"systemctl daemon-reload && systemctl restart {SOCKET}")
                second.run(f"systemctl restart {SERVICE}")
                handshake(port, "/echo")[1].close()
                assert second.run("systemctl is-system-running").strip() == "running"
        finally:
            shutil.rmtree(root, ignore_errors=True)

    async def step_ports_generator(self):
        """the generator is quick, and takes no more than it says"""
        plain = [{"port_number": port, "is_unencrypted": True} for port in (80, 8080)]
        self.put(*plain)
        # Bash knows the time without starting anything, and writes the comma of no locale here.
        script = f"""
            for (( run = 0; run < {RUNS}; run++ )); do
                rm -rf /tmp/out; mkdir /tmp/out
                begun=${{EPOCHREALTIME/./}}
                {GENERATOR} /tmp/out || exit
                echo $(( ${{EPOCHREALTIME/./}} - begun ))
            done
        """
        self.container.write("/tmp/time.sh", script)
        micros = sorted(map(int, self.run("bash /tmp/time.sh").split()))
        assert len(micros) == RUNS, micros
        median, worst = micros[RUNS // 2] / 1e3, micros[-1] / 1e3
        self.figure(f"generator: median of {RUNS} runs", f"{median:.2f} ms")
        self.figure("generator: the slowest of them", f"{worst:.2f} ms")
        assert median < 100
        said = self.run(f"ldd {GENERATOR}")
        assert "ssl" not in said and "crypto" not in said, said

    async def step_ports_off(self):
        """without ports the units are what they were"""
        self.run(f"cp /tmp/no-ports.json {CONFIGURATION} && rm -r /etc/ringsocket-test")
        self.put_in_force()
        found = self.run("find /run/systemd/generator* -path '*ringsocket*'")
        assert found == "", found
        handshake(self.port, "/echo")[1].close()
