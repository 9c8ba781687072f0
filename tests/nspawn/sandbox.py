"""What the sandbox lets apps do in a booted Debian, what the example drop-ins add, and what becomes of
the service when memory is short.

Steps of scenario.py, in a file of their own; the app that tries it all is needs.c. Not for: what the
daemon itself must be able to do, which is all that the other steps show.
"""

import re
import socket
import statistics
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

from clients import client
from projects import unpack

SERVICE = "ringsocket.service"
APPS = "/usr/lib/ringsocket/apps"
EXAMPLES = "/usr/share/doc/ringsocket/examples"
DROP_INS = f"/etc/systemd/system/{SERVICE}.d"
JOURNAL = "/run/systemd/journal/stdout"  # a unix socket that anybody may connect to
STARTS = 20

# What no drop-in changes: no port of its own, no program from the system or from where something can
# be written, no io_uring, and nothing is written to the folder of apps or beside its own in /run.
WRITABLE = ("/tmp", "/var/tmp", "/dev/shm", "/run/ringsocket")
NEVER = {
    "listen": ("EAFNOSUPPORT", "EPERM"),
    "program /usr/bin/true": ("EACCES",),
    **{f"from {folder}": ("EACCES",) for folder in WRITABLE},
    "uring": ("EPERM",),
    f"keep {APPS}": ("EROFS",),
    "keep /run/lock": ("EROFS",),
}


def app(debs: Path) -> bytes:
    """The library of needs.c, built with what libringsocket-dev installs."""
    source = Path(__file__).parent / "needs.c"
    with tempfile.TemporaryDirectory() as folder:
        env = unpack(debs, Path(folder))
        build = "cc -std=c17 -shared -fPIC -Wall -Wextra -Werror -pthread -o needs.so "
        build += f"$(pkg-config --cflags ringsocket) {source}"
        subprocess.run(build, shell=True, check=True, cwd=folder, env=env)
        return (Path(folder) / "needs.so").read_bytes()


class Sandbox:
    """The steps; a part of `Scenario`, whose attributes they use."""

    async def asked(self, *needs: str) -> list[str]:
        """What the app says when it is to do these things: `ok`, or the name of an errno."""
        async with client(self.url("needs")) as ws:
            answers = []
            for need in needs:
                await ws.send(need)
                answers.append(await ws.recv())
        return answers

    def again(self):
        """Starts the daemon anew under the units as they are."""
        self.run("systemctl daemon-reload")
        self.run(f"systemctl reset-failed {SERVICE}")
        self.run(f"systemctl restart {SERVICE}")

    @contextmanager
    def example_in_force(self, name: str):
        """The service as it is with one of the example drop-ins, installed as its first lines say."""
        self.run(f"install -D -m 644 {EXAMPLES}/{name} {DROP_INS}/{name}")
        units = self.run(f"systemctl daemon-reload && systemd-analyze verify --man=no {SERVICE}")
        assert "ringsocket" not in units, units
        self.again()
        report = self.run(f"systemd-analyze security --no-pager {SERVICE}")
        exposure = re.search(r"exposure level for \S+: ([0-9.]+)", report)[1]
        self.figure(f"systemd-analyze security with {name}", exposure)
        try:
            yield
        finally:
            self.run(f"rm {DROP_INS}/{name}")
            self.again()

    async def refusals(self):
        """Asks for what no drop-in allows."""
        # So that it is not the folder's own permissions that keep the app from writing there.
        self.run(f"chmod o+w {APPS}")
        answers = await self.asked(*NEVER)
        self.run(f"chmod o-w {APPS}")
        for (need, wanted), answer in zip(NEVER.items(), answers):
            assert answer in wanted, f"{need}: {answer}, not {wanted}"

    async def differs(self, name: str, *needs: str):
        """Things that fail without a drop-in and are done with it, and others that fail either way."""
        before = await self.asked(*needs)
        assert "ok" not in before, f"{needs}: {before} without {name}"
        with self.example_in_force(name):
            within = await self.asked(*needs)
            assert set(within) == {"ok"}, f"{needs}: {within} with {name}"
            await self.refusals()
        self.figure(f"{name}: {', '.join(needs)}", f"{', '.join(before)}; with it ok")

    async def step_ordinary_app(self):
        """an app has threads, timers, /tmp and unix sockets; no port, no program, and no folder"""
        self.container.write(f"{APPS}/needs.so", app(self.debs))
        self.wait("it is served", lambda: self.answer("/needs") == 426)
        pid = self.show(SERVICE, "MainPID")
        answers = await self.asked("ordinary", f"path {JOURNAL}")
        assert answers == ["ok", "ok"], answers
        await self.refusals()
        # To refuse a system call is not to kill who made it.
        assert self.show(SERVICE, "MainPID") == pid

    async def step_network_conf(self):
        """network.conf lets an app connect to a port, which fails without it"""
        with socket.create_server(("127.0.0.1", 0)) as server:
            await self.differs("network.conf", f"port {server.getsockname()[1]}")

    async def step_jit_conf(self):
        """jit.conf lets an app make code, which fails without it"""
        await self.differs("jit.conf", "code")

    async def step_state_conf(self):
        """state.conf lets an app keep a file, which fails without it, and is there after a restart"""
        await self.differs("state.conf", "keep")
        kept = self.run("stat -c '%U %a' /var/lib/ringsocket && cat /var/lib/ringsocket/name")
        assert kept == "ringsock 700\nkept", kept
        self.run("rm -r /var/lib/ringsocket")

    async def step_memory_conf(self):
        """memory.conf bounds the memory, and the daemon watches where systemd tells of pressure"""
        with self.example_in_force("memory.conf"):
            for name, wanted in (("MemoryHigh", 512 << 20), ("MemoryMax", 768 << 20)):
                assert self.show(SERVICE, name) == str(wanted)
            if self.watches_for_pressure():
                await self.squeeze()

    def version(self) -> int:
        return int(re.search(r"systemd (\d+)", self.run("systemctl --version"))[1])

    def watches_for_pressure(self) -> bool:
        """Whether systemd has the daemon watch. If so it does, and says nothing of trouble."""
        pid = self.show(SERVICE, "MainPID")
        environment = self.run(f"tr '\\0' '\\n' < /proc/{pid}/environ")
        watch = re.search(r"^MEMORY_PRESSURE_WATCH=(.*)$", environment, re.M)
        log = self.run(f"journalctl --unit={SERVICE} _PID={pid}")
        assert "is not watched" not in log, log
        if watch is None:
            assert self.version() < 254, environment
            self.figure("memory pressure", f"systemd {self.version()} does not tell of it")
        elif watch[1] == "/dev/null":
            assert not Path("/proc/pressure/memory").exists(), environment
            self.figure("memory pressure", "this kernel does not tell of it (PSI)")
        else:
            files = self.run(f"ls -l /proc/{pid}/fd")
            assert watch[1] in files, f"{watch[1]} is not open:\n{files}"
            self.figure("memory pressure", f"{watch[1]} is watched")
            return True
        return False

    async def squeeze(self):
        """Has the kernel tell of pressure, by a MemoryHigh= that is less than what is used."""
        if "memory" not in self.run("cat /sys/fs/cgroup/cgroup.controllers").split():
            self.figure("MemoryHigh= in force", "no: the controller is not in the container's tree")
            return
        self.run(f"systemctl set-property --runtime {SERVICE} MemoryHigh=4M")
        async with client(self.url("echo")) as ws:
            for _ in range(20):
                await ws.send(bytes(16 << 20))
                await ws.recv()
                if self.has_shed():
                    break
        self.run(f"systemctl set-property --runtime {SERVICE} MemoryHigh=512M")
        self.wait("memory is given back", self.has_shed)
        self.figure("MemoryHigh= in force", "memory was given back")

    def has_shed(self) -> bool:
        """Whether this daemon has given memory back: its status counts that."""
        return "memory short" in self.show(SERVICE, "StatusText")

    async def step_memory_pressure(self):
        """in the sandbox, who is told that memory is short gives back: here by an administrator's FIFO"""
        fifo, drop_in = "/etc/ringsocket/pressure", f"{DROP_INS}/pressure.conf"
        lines = [f"Environment=MEMORY_PRESSURE_WATCH={fifo}"]
        if self.version() >= 254:
            lines.append("MemoryPressureWatch=skip")
        self.container.write(drop_in, "[Service]\n" + "\n".join(lines) + "\n")
        self.run(f"mkdir -p /etc/ringsocket && mkfifo -m 600 {fifo} && chown ringsock: {fifo}")
        self.again()
        assert not self.has_shed()
        self.run(f"echo short > {fifo}")
        self.wait("memory is given back", self.has_shed)
        log = self.run(f"journalctl --unit={SERVICE} -n 20")
        assert "memory is short" in log, log
        self.run(f"rm {drop_in} {fifo}")
        self.again()

    async def step_starts(self):
        """systemctl start takes moments until READY"""
        whole, own = [], []
        start = f"date +%s%N; systemctl start {SERVICE}; date +%s%N"
        for _ in range(STARTS):
            self.run(f"systemctl stop {SERVICE}")
            self.run(f"systemctl reset-failed {SERVICE}")
            begun, ready = map(int, self.run(start).split())
            whole.append((ready - begun) / 1e6)
            forked, ready = (
                int(self.show(SERVICE, f"{name}TimestampMonotonic"))
                for name in ("ExecMainStart", "ActiveEnter")
            )
            own.append((ready - forked) / 1e3)
        for what, times in (("systemctl start", whole), ("of it from fork to READY", own)):
            median, worst = statistics.median(times), max(times)
            self.figure(f"{what}, of {STARTS}", f"median {median:.1f} ms, worst {worst:.1f} ms")
        self.run(f"rm {APPS}/needs.so")
        self.run("systemctl reset-failed ringsocket-apps.path", check=False)
        self.again()
