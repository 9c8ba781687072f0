"""Apps that are built with the packages: an example, and projects of `ringsocket new-app`.

The container has no compiler. So what its package writes is taken out, and built with nothing but
what the packages hold, unpacked into a folder: headers, pkg-config file, Rust SDK, ringsocket-try
and the daemon. Not for: how apps come and go (dropin.py).
"""

import base64
import os
import shlex
import subprocess
import tempfile
from pathlib import Path

from clients import client, exchange_python
from container import Container

APPS = "/usr/lib/ringsocket/apps"
PLAYED = "conversation.txt: 13 lines, all as written"
SDK = "/usr/share/ringsocket/ringsocket-app"


def use_libraries_of(root: Path, program: Path):
    """Has a program run with the C library of the Debian in a folder: that of this machine may be older
    than the one that the packages were built with."""
    (loader,) = root.glob("usr/lib/*/ld-linux*.so.*")
    moved = program.rename(f"{program}.real")
    command = shlex.join([str(loader), "--library-path", str(loader.parent), str(moved)])
    program.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    program.chmod(0o755)


def unpack(debs: Path, folder: Path) -> dict[str, str]:
    """Unpacks the packages, and gives the environment in which they are as if installed."""
    for name in ("ringsocket", "libringsocket-dev", "ringsocket-examples"):
        (deb,) = debs.glob(f"{name}_*.deb")
        subprocess.run(["dpkg-deb", "-x", deb, folder], check=True)
    ours = {
        "PATH": f"{folder}/usr/bin:{os.environ['PATH']}",
        "PKG_CONFIG_SYSROOT_DIR": str(folder),
        "PKG_CONFIG_LIBDIR": f"{folder}/usr/share/pkgconfig",
        "PKG_CONFIG_ALLOW_SYSTEM_CFLAGS": "1",
        # Empty, so that Cargo has no crate but what the package holds.
        "CARGO_HOME": f"{folder}/cargo",
    }
    return {k: v for k, v in os.environ.items() if k != "CARGO_TARGET_DIR"} | ours


def example_in_c(folder: Path, env: dict[str, str]) -> bytes:
    """The library of an example that ringsocket-examples ships."""
    source = "usr/share/doc/ringsocket-examples/examples/echo-c/echo.c"
    build = "cc -std=c17 -shared -fPIC -Wall -Werror -o echo-c.so "
    build += f"$(pkg-config --cflags ringsocket) {source}"
    subprocess.run(build, shell=True, check=True, cwd=folder, env=env)
    return (folder / "echo-c.so").read_bytes()


def made(container: Container, language: str, name: str, folder: Path) -> Path:
    """Makes a project in the container and takes it out into a folder."""
    said = container.run(f"cd /tmp && ringsocket new-app --lang {language} {name}")
    assert f"cd {name} && " in said and "apt install libringsocket-dev" in said, said
    again = container.run(f"cd /tmp && ringsocket new-app --lang c {name}", check=False)
    assert "is there already" in again, again
    packed = base64.b64decode(container.run(f"tar -C /tmp -c {name} | base64"))
    subprocess.run(["tar", "-x", "-C", folder], input=packed, check=True)
    container.run(f"rm -r /tmp/{name}")
    return folder / name


def played(command: list[str], project: Path, env: dict[str, str]):
    """Runs a project's test, which must have played the whole conversation."""
    done = subprocess.run(
        command, cwd=project, env=env,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )
    assert done.returncode == 0 and PLAYED in done.stdout, done.stdout


def in_c(container: Container, folder: Path, env: dict[str, str]) -> bytes:
    """The library of a project in C whose test has passed."""
    project = made(container, "c", "in-c", folder)
    played(["make", "test"], project, env)
    return (project / "in-c.so").read_bytes()


def in_rust(container: Container, folder: Path, env: dict[str, str]) -> bytes:
    """The same in Rust: with the SDK where the project names it, and as a `directory` source."""
    project = made(container, "rust", "in-rust", folder)
    manifest = project / "Cargo.toml"
    named = manifest.read_text()
    assert f'{{ path = "{SDK}" }}' in named, named
    test = ["cargo", "test", "--offline"]

    (project / ".cargo").mkdir()
    (project / ".cargo/config.toml").write_text(
        '[source.crates-io]\nreplace-with = "debian"\n'
        f'[source.debian]\ndirectory = "{folder}/usr/share/cargo/registry"\n'
    )
    manifest.write_text(named.replace(f'{{ path = "{SDK}" }}', '"0.1"'))
    played(test, project, env)
    assert "\nchecksum = " in (project / "Cargo.lock").read_text()

    (project / ".cargo/config.toml").unlink()
    (project / "Cargo.lock").unlink()
    manifest.write_text(named.replace(SDK, f"{folder}{SDK}"))
    played(test, project, env)
    subprocess.run(["cargo", "build", "--offline"], cwd=project, env=env, check=True)
    return (project / "target/debug/libin_rust.so").read_bytes()


class Projects:
    """The steps; a part of `Scenario`, whose attributes they use."""

    async def step_c_app(self):
        """an app in C, built with what libringsocket-dev installs, is served"""
        with tempfile.TemporaryDirectory() as folder:
            app = example_in_c(Path(folder), unpack(self.debs, Path(folder)))
        self.container.write(f"{APPS}/echo-c.so", app)
        self.wait("it is served", lambda: self.answer("/echo-c") == 426)
        await exchange_python(self.url("echo-c"))

    async def step_new_app(self):
        """projects of ringsocket new-app test themselves with the packages, and are served"""
        with tempfile.TemporaryDirectory() as folder:
            env = unpack(self.debs, Path(folder))
            use_libraries_of(self.container.root, Path(folder, "usr/bin/ringsocket"))
            for name, build in (("in-c", in_c), ("in-rust", in_rust)):
                app = build(self.container, Path(folder), env)
                self.container.write(f"{APPS}/{name}.so", app)
                self.wait("it is served", lambda name=name: self.answer(f"/{name}") == 426)
                async with client(self.url(name)) as ws:
                    assert await ws.recv() == "welcome: 1 here"
                self.run(f"rm {APPS}/{name}.so")
