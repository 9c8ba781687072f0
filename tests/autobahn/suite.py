"""Runs the suite's fuzzing client against the daemon and judges what it reports.

Called by tests/autobahn/run. Not for: installing the suite (run), and the committed results
(results.py).
"""

import argparse
import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from results import Results, in_order

HERE = Path(__file__).resolve().parent
AGENT = "ringsocket"

# What CI runs: everything but the performance cases with large messages, which take ten minutes.
COMPRESSED = [(12, group) for group in range(1, 6)] + [(13, group) for group in range(1, 8)]
SMALL = [f"{part}.{group}.{case}" for part, group in COMPRESSED for case in range(1, 9)]
CI = [f"{part}.*" for part in (1, 2, 3, 4, 5, 6, 7, 9, 10)] + SMALL
# Over TLS, where large messages say nothing that other tests do not.
SECURE = [f"{part}.*" for part in (1, 2, 3, 4, 5, 6, 7, 10)]

START_S = 10
STOP_S = 30
# No case takes nearly as long, also on a slow machine.
STALL_S = 300


class Failure(Exception):
    """What to tell the person who runs this."""


class Child:
    """A program with its log; a context manager, which always ends it."""

    def __init__(self, name: str, command: list[str], log: Path, **options):
        self.name, self.log = name, log
        # The kernel ends it if this process is killed outright.
        command = ["setpriv", "--pdeathsig", "TERM", *command]
        with open(log, "wb") as out:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, **options
            )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def tail(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-30:]
        return "\n".join([f"The end of {self.log}:", *lines])

    def expect_alive(self, when: str):
        if self.process.poll() is not None:
            raise Failure(f"{self.name} ended with {self.process.returncode} {when}. {self.tail()}")


def free_port() -> int:
    """A port that nobody has, below those that the kernel gives to outgoing connections."""
    for port in range(10_000 + time.monotonic_ns() % 10_000, 32_000):
        with socket.socket() as sock:
            try:
                sock.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise Failure("there is no free port")


def make_certificate(folder: Path) -> dict:
    """A certificate of nobody's, which this client does not look at; its entry in `certs`."""
    key, chain = folder / "server.key", folder / "server.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2".split()
    command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run(
        [*command, "-keyout", key, "-out", chain], check=True, stderr=subprocess.DEVNULL
    )
    return {
        "hostnames": ["localhost"], "privkey_path": str(key), "pubchain_path": str(chain)
    }


def start_server(built: Path, folder: Path, port: int, options) -> Child:
    """The daemon as shipped, whose configuration sets nothing but what is asked for, with the echo
    app."""
    apps = folder / "apps"
    apps.mkdir(parents=True, exist_ok=True)
    echo = apps / "echo.so"
    echo.unlink(missing_ok=True)
    echo.symlink_to((built / "libecho.so").resolve())
    config = HERE.parent.parent / "packaging/ringsocket.json"
    settings = {}
    if options.takeover:
        settings["deflate_takeover"] = "both"
    if options.tls:
        settings["certs"] = [make_certificate(folder)]
    if settings:
        config = folder / "ringsocket.json"
        config.write_text(json.dumps(settings))
    server = Child(
        "ringsocket",
        ["systemd-socket-activate", f"--listen=127.0.0.1:{port}"]
        + [f"--fdname={'wss' if options.tls else 'ws'}"]
        + [str(built / "ringsocket"), "--config", str(config), "--apps", str(apps)],
        folder / "server.log",
    )
    try:
        deadline = time.monotonic() + START_S
        while "Listening on" not in server.log.read_text():
            server.expect_alive("at its start")
            if time.monotonic() > deadline:
                raise Failure(f"nobody listens on port {port}. {server.tail()}")
            time.sleep(0.02)
    except BaseException:
        server.__exit__()
        raise
    return server


def stop_server(server: Child):
    server.expect_alive("before it was to stop")
    server.process.terminate()
    try:
        status = server.process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        raise Failure(f"ringsocket does not stop. {server.tail()}") from None
    if status != 0:
        raise Failure(f"ringsocket ended with {status} when told to stop. {server.tail()}")


class Client:
    """wstest, in the Debian that it was installed in, if so."""

    def __init__(self, root: str, home: str, tls: bool):
        self.prefix = ["chroot", root] if root else []
        self.home = home
        self.folder = Path(root + home)
        self.scheme = "wss" if tls else "ws"

    def start(self, port: int, patterns: list[str]) -> Child:
        server = {"agent": AGENT, "url": f"{self.scheme}://127.0.0.1:{port}/echo"}
        spec = {"servers": [server], "cases": patterns, "outdir": f"{self.home}/reports"}
        (self.folder / "spec.json").write_text(json.dumps(spec))
        (self.folder / "reports/index.json").unlink(missing_ok=True)
        command = [f"{self.home}/venv/bin/wstest", "--mode", "fuzzingclient"]
        command += ["--spec", f"{self.home}/spec.json"]
        # Unbuffered: the last line of the log tells the case that runs.
        command = ["env", "PYTHONUNBUFFERED=1", *self.prefix, *command]
        return Child("wstest", command, self.folder / "wstest.log")

    def report(self) -> dict:
        """Behaviour and closing behaviour by case, as far as reported."""
        try:
            index = json.loads((self.folder / "reports/index.json").read_text())
        except FileNotFoundError:
            return {}
        cases = index.get(AGENT, {}).items()
        return {case: (it["behavior"], it["behaviorClose"]) for case, it in cases}


def running_case(wstest: Child) -> str:
    found = re.findall(r"Running test case ID (\S+)", wstest.log.read_text(errors="replace"))
    return f"in case {found[-1]}" if found else "before the first case"


def planned_cases(wstest: Child) -> list[str]:
    """The cases that wstest says it will run."""
    line = re.search(r"^Cases = \[(.*)\]$", wstest.log.read_text(errors="replace"), re.MULTILINE)
    if line is None:
        raise Failure(f"wstest has no plan. {wstest.tail()}")
    return re.findall(r"[0-9.]+", line[1])


def watch(wstest: Child, server: Child):
    """Waits for the end of wstest. It may well end with status 0 because the server is gone."""
    size, deadline = -1, 0.0
    while True:
        try:
            status = wstest.process.wait(0.2)
            break
        except subprocess.TimeoutExpired:
            server.expect_alive(running_case(wstest))
        if size != (now := wstest.log.stat().st_size):
            size, deadline = now, time.monotonic() + STALL_S
        if time.monotonic() > deadline:
            raise Failure(f"nothing happens {running_case(wstest)}. {server.tail()}")
    server.expect_alive(running_case(wstest))
    if status != 0:
        raise Failure(f"wstest ended with {status} {running_case(wstest)}. {wstest.tail()}")


def run(options, patterns: list[str]) -> dict:
    """Runs the cases; what was reported, which is all that was planned."""
    client = Client(options.root, options.home, options.tls)
    port = free_port()
    folder = client.folder / "server"
    with start_server(options.built, folder, port, options) as server:
        with client.start(port, patterns) as wstest:
            watch(wstest, server)
        stop_server(server)
    planned, reported = planned_cases(wstest), client.report()
    if missing := set(planned) - reported.keys():
        names = " ".join(sorted(missing, key=in_order))
        raise Failure(f"{len(missing)} of {len(planned)} cases are not reported: {names}")
    return reported


def print_table(reported: dict):
    """How many cases of each part came out how."""
    parts = {}
    for case, (behavior, _) in reported.items():
        parts.setdefault(int(case.split(".")[0]), Counter())[behavior] += 1
    for part, counts in sorted(parts.items()):
        told = ", ".join(f"{count} {behavior}" for behavior, count in counts.most_common())
        print(f"  {part:2}  {told}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", default="")
    parser.add_argument("--home", required=True)
    parser.add_argument("--built", required=True, type=Path)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--takeover", action="store_true")
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--update", action="store_true")
    parser.add_argument("cases", nargs="*")
    options = parser.parse_args()
    # As at Ctrl-C: the children are ended on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))

    some = SECURE if options.tls else SMALL if options.takeover else CI
    patterns = options.cases or (["*"] if options.all else some)
    began = time.monotonic()
    results = Results(HERE / "results.json")
    try:
        reported = run(options, patterns)
    except Failure as failure:
        sys.exit(f"autobahn: {failure}")
    print(f"autobahn: {len(reported)} cases in {time.monotonic() - began:.0f} s")
    print_table(reported)
    is_whole = patterns == ["*"]
    if options.update:
        results.update(reported, is_whole)
    if faults := results.faults() + results.differences(reported, is_whole):
        reports = Path(options.root + options.home) / "reports"
        faults.append(f"What happened on the wire: {reports}/{AGENT}_case_*.html")
        sys.exit("\n".join(f"autobahn: {fault}" for fault in faults))
    print("autobahn: all as committed")


if __name__ == "__main__":
    main()
