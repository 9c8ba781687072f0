"""Restarts under load in a booted Debian: thousands of live connections, half of them with TLS, exchange
numbered messages while systemd restarts the daemon and apt puts the package in place anew.

A step of scenario.py, in a file of its own. The clients are those of `ringsocket-soak`, which run outside
and hold that nothing is lost. Not for: what is in the midst of a frame (restart.py).
"""

import re
import shlex
import statistics
import subprocess
import tempfile
from pathlib import Path

from authority import Authority

SERVICE = "ringsocket.service"
APPS = "/usr/lib/ringsocket/apps"
CERTS = "/etc/ringsocket-load"

CONNECTIONS = 5000
RESTARTS = 10
# Says so in a FIFO when the daemon is about to be told of a restart: systemd sends the signal behind it.
# Opened for both, it waits for no reader.
FIFO = "/run/load.fifo"
DROP_IN = f"/etc/systemd/system/{SERVICE}.d/load.conf"
TELL = f"[Service]\nExecStop=-+/bin/sh -c 'echo told 1<> {FIFO}'\n"
# Runs a command, and prints a line in that moment.
RESTART = f"""exec 3<> {FIFO}
(sh -c "$*" > /tmp/load.log 2>&1; status=$?; echo over >&3; exit $status) &
read -r line <&3
echo "$line"
[ "$line" = told ] || {{ cat /tmp/load.log; exit 1; }}
wait $! || {{ cat /tmp/load.log; exit 1; }}
"""
# Descriptors that the daemon needs beside those of connections.
SPARE = 200


def pause(waits: list[tuple[float, ...]]) -> str:
    """Of the median client's and the unluckiest client's waits, in ms, of one or several restarts."""
    median, worst = statistics.median(wait[1] for wait in waits), max(wait[2] for wait in waits)
    return f"median client {median:.0f} ms, unluckiest {worst:.0f} ms"


class Load:
    """The step. Its class has `run`, `show`, `figure`, `container`, `soak`, `port`, `tls_port`, and
    what ports.py has."""

    def load_comes(self) -> bytes:
        """Sets up both apps, both ports and a certificate; who vouches for that, as PEM."""
        authority = Authority()
        _, key, chain = authority.issue("localhost")
        self.container.write(f"{CERTS}/key.pem", key)
        self.container.write(f"{CERTS}/chain.pem", chain)
        self.run(f"chgrp -R ringsock {CERTS} && chmod 640 {CERTS}/key.pem")
        self.run(f"install -m 644 /app/libkeeper.so {APPS}/keeper.so")
        self.put(
            {"port_number": self.port, "is_unencrypted": True, "ip_addrs": ["127.0.0.1"]},
            {"port_number": self.tls_port, "ip_addrs": ["127.0.0.1"]},
            certs=[{"hostnames": ["localhost"], "privkey_path": f"{CERTS}/key.pem",
                    "pubchain_path": f"{CERTS}/chain.pem"}],
            fd_alloc_c=CONNECTIONS + SPARE, max_conn_c_per_addr=0, max_handshake_rate_per_addr=0,
            # All clients are in one thread: the worker of its CPU would get them all.
            worker_cpus="none",
        )
        self.container.write("/tmp/restart", RESTART)
        self.container.write(DROP_IN, TELL)
        self.run(f"mkfifo {FIFO}")
        self.put_in_force()
        return (authority.folder / "ca.pem").read_bytes()

    def load_goes(self):
        self.run(f"rm -r {DROP_IN} {CERTS} {APPS}/keeper.so && systemctl daemon-reload")
        self.run(f"rm {FIFO} /tmp/restart /tmp/load.log")

    def under_load(self, authority: bytes, commands: list[str]) -> list[tuple[float, ...]]:
        """Runs commands that restart the daemon. Of each in ms: how long it took from when the daemon
        was told, and how long the median client and the unluckiest one waited for an answer."""
        with tempfile.TemporaryDirectory() as folder:
            trusted = Path(folder) / "ca.pem"
            trusted.write_bytes(authority)
            soak = [self.soak, "restart-running", f"--connections={CONNECTIONS}"]
            soak += [f"--at=127.0.0.1:{self.port}", f"--tls-at=127.0.0.1:{self.tls_port}"]
            soak += [f"--authority={trusted}"]
            told = (self.container.inside(f"sh /tmp/restart {command}") for command in commands)
            soak += [f"--command={shlex.join(command)}" for command in told]
            done = subprocess.run(soak, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        said = done.stdout
        assert done.returncode == 0 and "no connection closed, no message lost" in said, said
        rows = re.findall(r"^restart +\d+ +([\d.]+) +([\d.]+) +([\d.]+)", said, re.M)
        assert len(rows) == len(commands), said
        self.figure("load: messages, all answered in order", re.search(r"(\d+) messages", said)[1])
        return [tuple(map(float, row)) for row in rows]

    def taken_up(self, cursor: str) -> list[str]:
        """The processes that have taken up all connections since then."""
        text = f"took up {CONNECTIONS} connections"
        shown = self.run(f"journalctl --after-cursor='{cursor}' --unit={SERVICE} --output=short")
        return re.findall(rf"ringsocket\[(\d+)\]: {text}", shown)

    async def step_load(self):
        """restarts and an upgrade under load: nobody is closed, nothing lost, doubled or out of order"""
        authority = self.load_comes()
        self.run(f"systemctl reset-failed {SERVICE}")
        shown = self.run("journalctl --lines=1 --show-cursor --quiet --output=cat")
        cursor = shown.rpartition("-- cursor: ")[2].strip()
        restart = f"systemctl restart {SERVICE}"
        upgrade = "apt-get install --yes --reinstall /debs/ringsocket_*.deb"
        *restarts, upgraded = self.under_load(authority, [restart] * RESTARTS + [upgrade])
        pids = self.taken_up(cursor)
        assert len(set(pids)) == RESTARTS + 1, f"{pids}"
        took = [row[0] for row in restarts]
        self.figure("load: live connections, half with TLS", CONNECTIONS)
        self.figure(f"load: told to READY, of {RESTARTS} restarts",
                    f"median {statistics.median(took):.0f} ms, worst {max(took):.0f} ms")
        self.figure(f"load: waits in {RESTARTS} restarts", pause(restarts))
        self.figure("load: waits in the upgrade", pause([upgraded]))
        self.load_goes()
