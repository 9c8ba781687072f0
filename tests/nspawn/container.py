"""A Debian that is made with debootstrap, kept, and booted with systemd-nspawn.

Every boot sees the same pristine root: what it writes goes to a tmpfs that ends with it. The
network is the machine's own, so that clients outside reach the container's ports on loopback, or else
it has none but loopback.
Not for: what is tested in it (scenario.py).
"""

import os
import signal
import subprocess
import time
from pathlib import Path

# All that the packages depend on, so that installing them fetches nothing.
PACKAGES = "systemd,systemd-sysv,dbus,python3"

# Rights that units' sandboxes need and a container lacks by default; systemd would go on without
# them and quietly leave a part of the sandbox out. CAP_NET_ADMIN is for PrivateNetwork=, the other
# two and the system call are for IPAddressDeny=.
CAPABILITIES = "CAP_NET_ADMIN,CAP_BPF,CAP_PERFMON"
SYSTEM_CALLS = "bpf"

ENVIRONMENT = [
    "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL=C.UTF-8",
    "DEBIAN_FRONTEND=noninteractive",
    "SYSTEMD_PAGER=",
]

BOOT_S = 60
STOP_S = 20


def make_root(cache: Path, suite: str) -> Path:
    """The root folder of a suite, made if it is not there yet."""
    script = Path(__file__).parent.parent / "debian-root"
    subprocess.run([script, suite, PACKAGES, cache / suite], check=True)
    return cache / suite


class Container:
    """A booted container; a context manager, which always tears it down."""

    def __init__(
        self, root: Path, log: Path, folders: dict[str, Path], verbose: bool, has_network: bool = True,
        to_fail: list[str] | None = None,
    ):
        """`folders` maps where a folder is seen inside, read-only, to where it lies. Of all units
        those `to_fail` do so at boot, and no other."""
        self.root = root
        self.log = log
        self.folders = folders
        self.verbose = verbose
        self.has_network = has_network
        self.to_fail = to_fail or []
        self.nspawn = None
        self.init = None

    def __enter__(self):
        # The kernel ends nspawn if this process is killed outright: --pdeathsig.
        command = ["setpriv", "--pdeathsig", "TERM", "systemd-nspawn"]
        command += ["--register=no", "--keep-unit", "--link-journal=no", "--volatile=overlay"]
        command += [f"--machine=ringsocket-{self.root.name}-{os.getpid()}", f"--directory={self.root}"]
        command += [f"--capability={CAPABILITIES}", f"--system-call-filter={SYSTEM_CALLS}"]
        command += [f"--bind-ro={here}:{there}" for there, here in self.folders.items()]
        if not self.has_network:
            command.append("--private-network")
        with open(self.log, "wb") as log:
            self.nspawn = subprocess.Popen(
                command + ["--boot"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )
        try:
            self.wait_for_boot()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def wait_for_boot(self):
        deadline = time.monotonic() + BOOT_S
        while self.init is None:
            self.check(deadline, "started no init")
            children = Path(f"/proc/{self.nspawn.pid}/task/{self.nspawn.pid}/children")
            for pid in children.read_text().split():
                # Before it is init it is a child of nspawn that sets the container up.
                if Path(f"/proc/{pid}/comm").read_text().strip() == "systemd":
                    self.init = int(pid)
            time.sleep(0.05)
        state = ""
        while state not in ("running", "degraded"):
            self.check(deadline, f"is still {state or 'without systemd'}")
            state = self.run("systemctl is-system-running", check=False).strip()
            time.sleep(0.1)
        failed = self.run("systemctl list-units --failed --plain --no-legend").splitlines()
        if [line.split()[0] for line in failed] != self.to_fail:
            raise RuntimeError(f"units that failed at boot: {failed}, not {self.to_fail}")

    def check(self, deadline: float, what: str):
        if self.nspawn.poll() is not None or time.monotonic() > deadline:
            tail = self.log.read_text(errors="replace")[-2000:]
            raise RuntimeError(f"the container {what}: {self.log} ends with\n{tail}")

    def inside(self, command: str) -> list[str]:
        """What runs a shell command inside, to be run outside."""
        enter = ["nsenter", "-t", str(self.init), "-a", "env", "-i", *ENVIRONMENT]
        return [*enter, "sh", "-c", command]

    def run(self, command: str, check: bool = True) -> str:
        """What a shell command prints inside, stderr included; fails if it does, unless told."""
        done = subprocess.run(
            self.inside(command),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        if self.verbose:
            print(f"# {command}\n{done.stdout}", end="", flush=True)
        if check and done.returncode != 0:
            raise AssertionError(f"`{command}` ended with {done.returncode}:\n{done.stdout}")
        return done.stdout

    def write(self, path: str, content: str | bytes):
        """Writes a file inside."""
        subprocess.run(
            ["nsenter", "-t", str(self.init), "-a", "sh", "-c",
             f"mkdir -p $(dirname {path}) && cat > {path}"],
            input=content.encode() if isinstance(content, str) else content, check=True,
        )

    def stop(self):
        """Shuts down (nspawn passes SIGTERM on as a request to power off), or else kills."""
        if self.nspawn.poll() is None:
            self.nspawn.terminate()
            try:
                self.nspawn.wait(STOP_S)
            except subprocess.TimeoutExpired:
                # The init of a pid namespace takes all of its processes along.
                if self.init is not None:
                    os.kill(self.init, signal.SIGKILL)
                self.nspawn.kill()
                self.nspawn.wait()
