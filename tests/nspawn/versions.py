"""The package put in place anew, by a newer version and by an older one in a booted Debian, while clients
are in the midst of something.

A step of scenario.py, in a file of its own. The versions are made of the package that was built: the
numbers differ, and the configuration as shipped, but not the programs. So this is about dpkg, systemd and
maintainer scripts. Not for: state that another version has parked (unit tests of the daemon).
"""

from clients import Prober
from restart import SERVICE, SOCKET, Crowd

CONFIGURATION = "/etc/ringsocket.json"
INSTALL = "apt-get install --yes --allow-downgrades"
# The administrator's configuration stays without a question, which nobody would answer here.
INSTALL += " --option=Dpkg::Options::=--force-confold"


class Versions:
    """The step. Its class has `run`, `show`, `expect`, `figure`, `container`, `port`, and
    what restart.py has."""

    def installed(self) -> str:
        return self.run("dpkg-query --show --showformat='${Version}' ringsocket")

    def version_of(self, number: str) -> str:
        """Makes a package of that version, whose configuration is not the one shipped before."""
        deb = f"/tmp/ringsocket_{number}.deb"
        self.run(
            "rm -rf /tmp/deb && dpkg-deb --raw-extract /debs/ringsocket_*.deb /tmp/deb && "
            f"sed -i 's/^Version: .*/Version: {number}/' /tmp/deb/DEBIAN/control && "
            f"echo '// As of {number}.' >> /tmp/deb{CONFIGURATION} && "
            f"dpkg-deb --root-owner-group -Zgzip --build /tmp/deb {deb} && rm -r /tmp/deb"
        )
        return deb

    async def step_versions(self):
        """reinstalled, downgraded and upgraded: clients live on, nobody is refused, all settings stay"""
        built = self.installed()
        older, newer = f"{built}~older", f"{built}+newer"
        self.run(f"cp {CONFIGURATION} /tmp/shipped.json")
        edited = '{ "log_level": "info" }\n'
        self.container.write(CONFIGURATION, edited)
        packages = {
            "reinstalled": (built, "--reinstall /debs/ringsocket_*.deb"),
            "downgraded": (older, self.version_of(older)),
            "upgraded": (newer, self.version_of(newer)),
            "downgraded again": (built, "/debs/ringsocket_*.deb"),
        }
        self.run(f"systemctl reset-failed {SERVICE}")
        listening = self.show(SOCKET, "InvocationID")
        crowd = Crowd(self.port)
        with Prober(self.port) as prober:
            for how, (version, package) in packages.items():
                took = self.lives_through(crowd, f"{INSTALL} {package}")
                self.figure(f"{how}: until all have their answer", f"{took:.1f} s")
                assert self.installed() == version, f"{self.installed()}, not {version}"
                self.expect(SERVICE, "active")
                assert self.run(f"systemctl is-enabled {SOCKET}").strip() == "enabled"
                assert self.show(SOCKET, "InvocationID") == listening, "the socket was opened anew"
                assert self.run(f"cat {CONFIGURATION}") == edited
        crowd.leave()
        self.figure("versions: connections tried meanwhile", prober.attempts)
        assert prober.refused == 0, f"{prober.refused} connections were refused"
        assert prober.attempts > 200, "the prober was too slow"
        self.run(f"rm /tmp/ringsocket_*.deb && mv /tmp/shipped.json {CONFIGURATION}")
        self.run(f"systemctl restart {SERVICE}")
