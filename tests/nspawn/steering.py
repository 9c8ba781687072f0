"""Connections that follow CPUs in a booted Debian: pinned workers, the classic program that the daemon
attaches inside its sandbox, and ringsocket-steering.service.

Steps of scenario.py, in a file of their own. The container shares the machine's loopback, where the CPU
that sends a SYN receives it. Not for: the programs in detail (tests/e2e/steering).
"""

import os
import re

from clients import handshake

SERVICE, SOCKET = "ringsocket.service", "ringsocket.socket"
STEERING = "ringsocket-steering.service"
DROP_IN = f"/etc/systemd/system/{SOCKET}.d/steering.conf"

# Connections above the mean, or a fourth of it, that a worker may have before others get them.
SLACK = 8


class Steering:
    """The steps. Their class has `run`, `show`, `wait`, `expect`, `figure`, `port` and `container`."""

    def open_from(self, cpu: int, count: int) -> list:
        """Connections that are upgraded, from one CPU, each counted before the next one comes."""
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {cpu})
        try:
            return [handshake(self.port, "/echo")[1] for _ in range(count)]
        finally:
            os.sched_setaffinity(0, before)

    def open_by_worker(self) -> list[int]:
        """How many connections each worker has, as it says itself."""
        def lines():
            log = self.run(f"journalctl --unit={SERVICE} --output=cat")
            return re.findall(r"workers: open ([\d ]+), accepted", log)

        before = len(lines())
        self.run(f"systemctl kill --signal=USR1 {SERVICE}")
        self.wait("the workers' counters", lambda: len(lines()) > before)
        return [int(number) for number in lines()[-1].split()]

    def spread(self, cpu: int, count: int) -> list[int]:
        """How so many connections from one CPU are spread; they are gone afterwards."""
        sockets = self.open_from(cpu, count)
        spread = self.open_by_worker()
        for sock in sockets:
            sock.close()
        self.wait("all are gone", lambda: sum(self.open_by_worker()) == 0)
        return spread

    def passed(self) -> int:
        """How many listening sockets of the port the daemon has."""
        pid = self.show(SERVICE, "MainPID")
        sockets = self.run(f"ls -l /proc/{pid}/fd")
        inodes = set(re.findall(r"socket:\[(\d+)\]", sockets))
        port = f":{self.port:04X} "
        rows = [line.split() for line in self.run("cat /proc/net/tcp").splitlines() if port in line]
        return sum(row[3] == "0A" and row[9] in inodes for row in rows)

    async def step_steering(self):
        """with a socket per worker, workers are pinned and connections follow CPUs"""
        self.cpus = sorted(os.sched_getaffinity(0))
        assert len(self.cpus) > 1, "steering can only be seen with several CPUs"
        worker_c = len(self.cpus)
        self.run("cp /etc/ringsocket.json /tmp/good.json")
        self.container.write("/etc/ringsocket.json", f'{{ "worker_c": {worker_c} }}\n')
        listen = f"ListenStream=127.0.0.1:{self.port}\n" * worker_c
        self.container.write(DROP_IN, f"[Socket]\nListenStream=\n{listen}ReusePort=yes\n")
        self.run(f"systemctl daemon-reload && systemctl restart {SOCKET} {SERVICE}")
        self.expect(SERVICE, "active")
        assert self.passed() == worker_c
        pid = self.show(SERVICE, "MainPID")
        for worker, cpu in enumerate(self.cpus):
            thread = self.run(f"grep -lx 'worker {worker}' /proc/{pid}/task/*/comm").strip()
            allowed = self.run(f"grep Cpus_allowed_list {os.path.dirname(thread)}/status").split()[1]
            assert allowed == str(cpu), f"worker {worker} may run on {allowed}"
            spread = self.spread(cpu, 30)
            assert spread[worker] == 30, f"from CPU {cpu}: {spread}"

    async def step_steering_reload(self):
        """no socket of a group is lost, or changes its place, when systemd reads its units anew"""
        self.run(f"systemctl daemon-reload && systemctl restart {SERVICE}")
        assert self.passed() == len(self.cpus)
        for worker, cpu in enumerate(self.cpus):
            spread = self.spread(cpu, 30)
            assert spread[worker] == 30, f"from CPU {cpu}: {spread}"

    async def step_steering_ebpf(self):
        """ringsocket-steering.service levels a skewed load, across restarts and a crash of the daemon"""
        self.run(f"systemctl enable {STEERING} && systemctl restart {SERVICE}")
        self.is_levelled()
        self.run(f"systemctl restart {SERVICE}")
        self.is_levelled()
        before = self.show(SERVICE, "MainPID")
        self.run(f"systemctl kill --signal=KILL {SERVICE}")
        # Well before a request that nobody answers would be given up (5 s).
        self.wait("restarted", lambda: self.show(SERVICE, "MainPID") not in (before, "0"), 4)
        self.is_levelled()
        pid = self.show(SERVICE, "MainPID")
        status = dict(re.findall(r"^(\w+):\s*(.*)$", self.run(f"cat /proc/{pid}/status"), re.M))
        assert int(status["CapBnd"], 16) == 0, "the daemon needs no right for it"
        report = self.run(f"systemd-analyze security --no-pager {STEERING}")
        exposure = float(re.search(r"exposure level for \S+: ([0-9.]+)", report)[1])
        self.figure("systemd-analyze security of the one-shot", exposure)

    def is_levelled(self):
        self.wait("steered", lambda: self.show(STEERING, "ActiveState") == "active")
        count = 100 * len(self.cpus)
        spread = self.spread(self.cpus[-1], count)
        bound = 125 + SLACK + 1
        assert max(spread) <= bound, f"{spread}, and the bound is {bound}"
        self.figure(f"{count} connections from one CPU, by eBPF", spread)

    async def step_steering_off(self):
        """stopping it gives connections back to their CPUs, and does not stop the daemon"""
        pid = self.show(SERVICE, "MainPID")
        self.run(f"systemctl disable {STEERING} && systemctl stop {STEERING}")
        assert self.show(SERVICE, "MainPID") == pid
        assert self.spread(self.cpus[-1], 100)[-1] == 100
        self.run(f"systemctl start {STEERING}")
        self.is_levelled()
        self.run(f"systemctl stop {STEERING} {SERVICE} ringsocket-steering.socket")
        # A daemon without that socket serves as ever, and takes off what is left on the sockets.
        self.run(f"systemctl start {SERVICE}")
        self.expect(STEERING, "inactive")
        assert self.spread(self.cpus[-1], 100)[-1] == 100
        self.run(f"rm {DROP_IN} && mv /tmp/good.json /etc/ringsocket.json")
        self.run(f"systemctl daemon-reload && systemctl restart {SOCKET} {SERVICE}")
        self.expect(SERVICE, "active")
