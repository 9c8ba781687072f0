"""A certificate authority for the time of a test, made with openssl(1).

Not for: serving with its certificates (tls.py).
"""

import ssl
import subprocess
import tempfile
from pathlib import Path

KEY = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc"


class Authority:
    """Its key, its certificate and what it issued last lie in a folder that goes with it."""

    def __init__(self):
        self.kept = tempfile.TemporaryDirectory()
        self.folder = Path(self.kept.name)
        self.serial = 0
        self.openssl(f"req -x509 {KEY} -days 2 -subj /CN=Test -keyout ca.key -out ca.pem")

    def openssl(self, arguments: str) -> str:
        done = subprocess.run(
            f"openssl {arguments}", shell=True, cwd=self.folder, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        assert done.returncode == 0, f"openssl {arguments}:\n{done.stdout}"
        return done.stdout

    def issue(self, *names: str) -> tuple[int, bytes, bytes]:
        """A new key and certificate for these names: the serial number, the key, the chain."""
        self.serial += 1
        sans = ",".join(f"DNS:{name}" for name in names)
        self.openssl(
            f"req -new {KEY} -subj /CN={names[0]} -addext subjectAltName={sans} "
            "-keyout leaf.key -out leaf.csr"
        )
        self.openssl(
            f"x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -set_serial {self.serial} -days 1 "
            "-copy_extensions copy -out leaf.pem"
        )
        key, leaf = (self.folder / "leaf.key", self.folder / "leaf.pem")
        return self.serial, key.read_bytes(), leaf.read_bytes()

    def trusting(self) -> ssl.SSLContext:
        """What a client that trusts it, and nobody else, connects with."""
        return ssl.create_default_context(cafile=self.folder / "ca.pem")
