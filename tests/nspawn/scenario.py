"""What a user of the .deb does, in a booted Debian, each step with what must come of it.

Called by tests/nspawn/run. Ends with a table of figures and the number of steps passed.
Not for: the container itself (container.py) and the clients (clients.py).
"""

import argparse
import asyncio
import json
import os
import re
import signal
import statistics
import sys
import time
import traceback
from pathlib import Path

from clients import Prober, client, close_code, exchange_node, exchange_python, handshake
from container import Container, make_root
from dropin import DropIn
from load import Load
from ports import Ports
from projects import Projects
from removal import Removal
from restart import Restart
from sandbox import Sandbox
from steering import Steering
from telling import Telling
from tls import Tls
from versions import Versions
from watchdog import Watchdog

SERVICE, SOCKET, TLS = "ringsocket.service", "ringsocket.socket", "ringsocket-tls.socket"
STARTS = 20
MAX_EXPOSURE = 0.5


class Scenario(
    DropIn, Load, Ports, Projects, Removal, Restart, Sandbox, Steering, Telling, Tls, Versions, Watchdog
):
    """The steps, in their order: methods whose names start with `step_`."""

    def __init__(self, container: Container, options):
        self.container = container
        self.run = container.run
        self.port, self.tls_port = options.port, options.tls_port
        self.node = str(options.cache / "node")
        self.debs, self.cache, self.soak = options.debs, options.cache, options.soak
        self.figures = []

    def url(self, app: str) -> str:
        return f"ws://127.0.0.1:{self.port}/{app}"

    def figure(self, name: str, value):
        self.figures.append((name, value))

    def show(self, unit: str, name: str) -> str:
        return self.run(f"systemctl show --value --property={name} {unit}").strip()

    def expect(self, unit: str, state: str):
        found = self.show(unit, "ActiveState")
        assert found == state, f"{unit} is {found}, not {state}:\n{self.run('journalctl -n 40')}"

    def wait(self, what: str, holds, patience_s: float = 15):
        deadline = time.monotonic() + patience_s
        while not holds():
            assert time.monotonic() < deadline, f"in {patience_s} s not: {what}"
            time.sleep(0.02)

    def files(self) -> set[str]:
        """All paths of the root that the tools of package management do not keep for themselves."""
        own = "run|tmp|proc|sys|dev|debs|app|var/tmp|var/log|var/cache|var/lib/dpkg|var/lib/apt"
        found = self.run("find / -xdev").splitlines()
        return {path for path in found if not re.match(f"/({own})(/|$)", path)}

    async def step_install(self):
        """apt install starts and enables nothing, and makes the user"""
        self.before = self.files()
        self.run("apt-get install --yes /debs/ringsocket_*.deb")
        for unit in (SERVICE, SOCKET, TLS, "ringsocket-apps.path"):
            self.expect(unit, "inactive")
            if unit.endswith(".path"):
                continue  # it comes with the service
            enabled = self.run(f"systemctl is-enabled {unit}", check=False).strip()
            assert enabled == "disabled", f"{unit} is {enabled}"
        assert "/nologin" in self.run("getent passwd ringsock")
        assert "/etc/ringsocket.json" in self.run("dpkg-query -W -f '${Conffiles}' ringsocket")
        units = self.run(f"systemd-analyze verify --man=no {SERVICE} {SOCKET} {TLS}")
        assert "ringsocket" not in units, units

    async def step_configuration(self):
        """the shipped configuration is valid, and so is each key that it comments out"""
        self.run("ringsocket check /etc/ringsocket.json")
        text = self.run("cat /etc/ringsocket.json")
        bare = re.sub(r'^( *)//(?=["\]}]|    )', r"\1", text, flags=re.MULTILINE)
        assert bare.count('": ') > 20, bare
        self.container.write("/tmp/www/index.html", "<!doctype html><title>A page</title>\n")
        self.example("/tmp/ours")
        bare = bare.replace("/usr/share/example", "/tmp/www")
        bare = bare.replace("/etc/ringsocket/", "/tmp/ours/")
        self.container.write("/tmp/all-keys.json", bare)
        self.run("ringsocket check /tmp/all-keys.json")

    async def step_enable(self):
        """systemctl enable --now ringsocket.socket opens the port and starts no daemon"""
        if self.port != 8080:
            self.container.write(
                f"/etc/systemd/system/{SOCKET}.d/port.conf",
                f"[Socket]\nListenStream=\nListenStream=127.0.0.1:{self.port}\n",
            )
            self.run("systemctl daemon-reload")
        self.run(f"systemctl enable --now {SOCKET}")
        self.expect(SOCKET, "active")
        self.expect(SERVICE, "inactive")

    async def step_exposure(self):
        """systemd-analyze security finds the sandbox tight enough"""
        report = self.run(f"systemd-analyze security --no-pager {SERVICE}")
        exposure = float(re.search(r"exposure level for \S+: ([0-9.]+)", report)[1])
        self.figure("systemd-analyze security", exposure)
        assert exposure <= MAX_EXPOSURE, report

    async def step_python(self):
        """a Python client's connection starts the daemon; its messages of all kinds come back"""
        self.expect(SERVICE, "inactive")
        self.figure("messages echoed to Python", await exchange_python(self.url("echo")))
        self.expect(SERVICE, "active")

    async def step_node(self):
        """a Node client's messages of all kinds come back"""
        self.figure("messages echoed to Node", exchange_node(self.node, self.url("echo")))

    async def step_sandbox(self):
        """the sandbox is in force: no capability, no network of its own, nothing writable"""
        pid = self.show(SERVICE, "MainPID")
        status = dict(re.findall(r"^(\w+):\s*(.*)$", self.run(f"cat /proc/{pid}/status"), re.M))
        for field in ("CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert int(status[field], 16) == 0, f"{field} is {status[field]}"
        assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2", status
        user = self.run("id -u ringsock").strip()
        assert status["Uid"].split() == [user] * 4, status["Uid"]
        assert self.run(f"readlink /proc/{pid}/ns/net") != self.run("readlink /proc/1/ns/net")
        # Whether this container enforces IPAddressDeny= at all: else the steps around this one
        # would not show that passed sockets work in spite of it.
        denied = "systemd-run --quiet --wait --pipe --property=IPAddressDeny=any"
        reach = f"timeout 3 bash -c 'exec 3<>/dev/tcp/127.0.0.1/{self.port}'"
        self.run(reach)
        assert "bash" in self.run(f"{denied} {reach} || echo bash"), "IPAddressDeny= has no effect"
        mounts = self.run(f"cat /proc/{pid}/mountinfo")
        root = re.search(r" / / (\S+)", mounts)
        assert root and "ro" in root[1].split(","), f"/ is writable:\n{mounts}"

    step_status, step_explained = Telling.step_status, Telling.step_explained

    async def step_chat(self):
        """an app dropped into the folder is served without a restart: two clients chat"""
        before = self.show(SERVICE, "MainPID")
        self.run("install -m 644 /app/libchat.so /usr/lib/ringsocket/apps/chat.so")
        self.wait("chat is served", lambda: self.answer("/chat") == 426)
        assert self.show(SERVICE, "MainPID") == before

        async def told(ws):
            return json.loads(await asyncio.wait_for(ws.recv(), 5))

        def enter(name):
            return client(self.url("chat?room=den"), headers={"Cookie": f"chat_name={name}"})

        async with enter("Ann") as ann:
            welcome = await told(ann)
            assert welcome["type"] == "welcome" and welcome["here"] == ["Ann"], welcome
            async with enter("Ben") as ben:
                welcome = await told(ben)
                assert welcome["here"] == ["Ann", "Ben"], welcome
                assert await told(ann) == {"type": "joined", "name": "Ben"}
                for speaker, name, text in ((ann, "Ann", "hi √"), (ben, "Ben", "hi Ann")):
                    await speaker.send(text)
                    for hearer in (ann, ben):
                        line = await told(hearer)
                        assert line.pop("at") > 0
                        assert line == {"type": "said", "name": name, "text": text}
            assert await told(ann) == {"type": "left", "name": "Ben"}

    step_c_app, step_new_app = Projects.step_c_app, Projects.step_new_app
    step_replace, step_bad_app = DropIn.step_replace, DropIn.step_bad_app
    step_package = DropIn.step_package
    step_ordinary_app, step_network_conf = Sandbox.step_ordinary_app, Sandbox.step_network_conf
    step_jit_conf, step_state_conf = Sandbox.step_jit_conf, Sandbox.step_state_conf
    step_memory_conf, step_memory_pressure = Sandbox.step_memory_conf, Sandbox.step_memory_pressure
    step_watchdog, step_restart_amid_start = Watchdog.step_watchdog, Restart.step_restart_amid_start
    step_starts = Sandbox.step_starts
    step_steering, step_steering_reload = Steering.step_steering, Steering.step_steering_reload
    step_steering_ebpf = Steering.step_steering_ebpf
    step_steering_off = Steering.step_steering_off
    step_tls_credentials, step_tls_renewal = Tls.step_tls_credentials, Tls.step_tls_renewal
    step_tls_broken, step_tls_second_name = Tls.step_tls_broken, Tls.step_tls_second_name
    step_tls_planted_link, step_tls_start = Tls.step_tls_planted_link, Tls.step_tls_start
    step_tls_group, step_tls_off = Tls.step_tls_group, Tls.step_tls_off

    async def step_crash(self):
        """after SIGSEGV systemd brings the daemon back, and the port never refused a connection"""
        before = self.show(SERVICE, "MainPID")
        with Prober(self.port) as plain, Prober(self.port, "/echo") as upgraded:
            time.sleep(0.5)
            self.run(f"systemctl kill --signal=SEGV {SERVICE}")
            time.sleep(0.3)
            if self.show(SERVICE, "MainPID") == before:
                # Rust's runtime has a handler that tells overflown stacks from other faults. With
                # no fault behind it, it steps aside and goes on: the next signal is the kernel's.
                self.run(f"systemctl kill --signal=SEGV {SERVICE}")
            self.wait("restarted", lambda: self.show(SERVICE, "MainPID") not in (before, "0"))
            self.wait("active", lambda: self.show(SERVICE, "ActiveState") == "active")
            time.sleep(1)
        self.expect(SOCKET, "active")
        self.figure("crash: connections tried", plain.attempts + upgraded.attempts)
        self.figure("crash: refused", plain.refused + upgraded.refused)
        self.figure("crash: cut off by it", plain.cut + upgraded.cut)
        self.figure("crash: longest wait for a 101", f"{upgraded.worst_s * 1e3:.0f} ms")
        assert plain.attempts > 200 and upgraded.attempts > 50, "the probers were too slow"
        refused = plain.refused + upgraded.refused
        assert refused == 0, f"{refused} connections were refused"
        # Those that the old process had accepted, or was about to: a handful, not a stream.
        cut = plain.cut + upgraded.cut
        assert cut < 20, f"{cut} connections were cut off"

    async def step_activation(self):
        """each connection to the waiting socket starts the daemon and gets its 101"""
        seconds = []
        for _ in range(STARTS):
            self.run(f"systemctl stop {SERVICE}")
            self.expect(SERVICE, "inactive")
            # So many starts in a row would reach StartLimitBurst=, which is not what is tested.
            self.run(f"systemctl reset-failed {SERVICE}")
            taken, sock = handshake(self.port, "/echo")
            sock.close()
            seconds.append(taken)
        _, sock = handshake(self.port, "/echo")
        sock.close()
        running = statistics.median(self.running_handshakes())
        median, worst = statistics.median(seconds), max(seconds)
        self.figure(f"start: connection to 101, median of {STARTS}", f"{median * 1e3:.1f} ms")
        self.figure("start: the slowest of them", f"{worst * 1e3:.1f} ms")
        self.figure("running: connection to 101, median of 100", f"{running * 1e3:.2f} ms")

    def running_handshakes(self):
        for _ in range(100):
            taken, sock = handshake(self.port, "/echo")
            sock.close()
            yield taken

    async def step_stop(self):
        """systemctl stop closes clients with 1001 and leaves the socket, which starts it again"""
        async with client(self.url("echo")) as one, client(self.url("echo")) as two:
            for ws in (one, two):
                await ws.send("hello")
                assert await ws.recv() == "hello"
            codes = asyncio.gather(close_code(one), close_code(two))
            start = time.monotonic()
            await asyncio.to_thread(self.run, f"systemctl stop {SERVICE}")
            taken = time.monotonic() - start
            self.figure("stop with two clients", f"{taken:.2f} s")
            assert await codes == [1001, 1001], f"closed with {codes.result()}"
            # Both answered at once, so no deadline was to be waited for.
            assert taken < 3, f"the stop took {taken:.2f} s"
        self.expect(SERVICE, "inactive")
        assert self.show(SERVICE, "Result") == "success"
        self.expect(SOCKET, "active")
        await exchange_python(self.url("echo"))
        self.expect(SERVICE, "active")

    async def step_bad_configuration(self):
        """a bad configuration ends with 78 and no restarts; mended, all is as before"""
        self.run(f"systemctl reset-failed {SERVICE}")
        self.run("cp /etc/ringsocket.json /tmp/good.json && echo nonsense > /etc/ringsocket.json")
        self.run(f"systemctl restart {SERVICE}", check=False)
        time.sleep(0.5)
        self.expect(SERVICE, "failed")
        assert self.show(SERVICE, "ExecMainStatus") == "78"
        assert self.show(SERVICE, "NRestarts") == "0"
        self.expect(SOCKET, "active")
        # A client is not left waiting for ever: its starts fail until systemd closes the port.
        with Prober(self.port) as prober:
            self.wait("the socket fails", lambda: self.show(SOCKET, "ActiveState") == "failed")
            time.sleep(0.2)
        assert prober.refused > 0, "the port is still open"
        self.run("cp /tmp/good.json /etc/ringsocket.json && rm /tmp/good.json")
        self.run(f"systemctl reset-failed {SERVICE} {SOCKET}")
        self.run(f"systemctl start {SOCKET}")
        await exchange_python(self.url("echo"))

    async def step_new_port(self):
        """restarting the socket moves the daemon along"""
        before = self.show(SERVICE, "MainPID")
        self.run(f"systemctl restart {SOCKET}")
        self.expect(SOCKET, "active")
        handshake(self.port, "/echo")[1].close()
        self.expect(SERVICE, "active")
        assert self.show(SERVICE, "MainPID") != before

    step_restart_keeps, step_versions = Restart.step_restart_keeps, Versions.step_versions
    step_restart_amid_reload = Restart.step_restart_amid_reload
    step_stop_ends, step_broken_restart = Restart.step_stop_ends, Restart.step_broken_restart
    step_ports_generated, step_ports_unix = Ports.step_ports_generated, Ports.step_ports_unix
    step_ports_changed, step_ports_encrypted = Ports.step_ports_changed, Ports.step_ports_encrypted
    step_ports_edited, step_ports_broken = Ports.step_ports_edited, Ports.step_ports_broken
    step_ports_boot, step_ports_generator = Ports.step_ports_boot, Ports.step_ports_generator
    step_load, step_ports_off = Load.step_load, Ports.step_ports_off
    step_remove, step_purge = Removal.step_remove, Removal.step_purge


def steps(scenario: Scenario):
    """The methods in the order in which they are written."""
    for name in vars(Scenario):
        if name.startswith("step_"):
            yield getattr(scenario, name)


def report(figures):
    if figures:
        width = max(len(name) for name, _ in figures)
        print("\n".join(f"  {name:{width}}  {value}" for name, value in figures))


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--suite", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--tls-port", type=int, required=True)
    parser.add_argument("--debs", type=Path, required=True)
    parser.add_argument("--apps", type=Path, required=True)
    parser.add_argument("--soak", type=Path, required=True)
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    # So that a kill runs the context managers too, and with them the container's end.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(130))

    root = make_root(options.cache, options.suite)
    folders = {"/debs": options.debs, "/app": options.apps}
    console = options.cache / "console.log"
    passed, failed = 0, 0
    start = time.monotonic()
    with Container(root, console, folders, options.verbose) as container:
        scenario = Scenario(container, options)
        scenario.figure(f"boot of {options.suite}", f"{time.monotonic() - start:.1f} s")
        for step in steps(scenario):
            begun = time.monotonic()
            try:
                asyncio.run(step())
            except Exception:
                # The steps build on each other, so the first failure is the last word.
                traceback.print_exc()
                print(f"FAIL {step.__doc__}", flush=True)
                failed = 1
                journal = options.cache / "journal.txt"
                journal.write_text(container.run("journalctl --boot", check=False))
                print(f"nspawn: the container's journal is in {os.path.relpath(journal)}")
                break
            passed += 1
            print(f"ok   {step.__doc__} ({time.monotonic() - begun:.1f} s)", flush=True)
    report(scenario.figures)
    print(f"nspawn: {passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
