"""What `openssl s_client` makes of the server's TLS, check by check, in the manner of testssl.sh:
versions and suites that are offered and that must not be, names, ALPN, tickets, key updates,
renegotiation, compression.

Usage: checks.py PORT FOLDER      The folder has ca.pem. The server has an ECDSA certificate for
localhost (also for clients that name nobody) and an RSA one for rsa.test.
Not for: what the records are (src/tls), and rustls as a client (tests/e2e/tls).
"""

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PATIENCE_S = 20
# So that this client offers what it would rather not.
WEAK = ["-cipher", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"]

port, folder = sys.argv[1], Path(sys.argv[2])
count = 0


def s_client(*options: str, name: str | None = "localhost", says: bytes = b"") -> str:
    """All that s_client prints of a connection on which this is said and then the end."""
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-CAfile", folder / "ca.pem"]
    command += ["-servername", name] if name else ["-noservername"]
    done = subprocess.run(
        [*command, "-verify_return_error", *options],
        input=says,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=PATIENCE_S,
    )
    return done.stdout.decode(errors="replace")


def conversation(*options: str, lines: list[tuple[str, int, str]]) -> str:
    """What s_client prints when these lines are typed, each once these words were printed so often: of
    two lines that it reads at once it heeds but one."""
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-CAfile", folder / "ca.pem"]
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(
            [*command, "-servername", "localhost", *options],
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=subprocess.STDOUT,
        )

        def printed() -> str:
            return Path(f"/proc/self/fd/{out.fileno()}").read_text(errors="replace")

        deadline = time.monotonic() + PATIENCE_S
        for awaited, times, line in lines:
            while printed().count(awaited) < times and process.poll() is None:
                assert time.monotonic() < deadline, f"no {awaited!r} in:\n{printed()}"
                time.sleep(0.01)
            try:
                process.stdin.write(line.encode())
                process.stdin.flush()
            except BrokenPipeError:
                break
        try:
            process.stdin.close()
        except BrokenPipeError:
            pass
        process.wait(PATIENCE_S)
        return printed()


def check(what: str, output: str, *wanted: str, unwanted: tuple[str, ...] = ()):
    """Holds that the output has all of these words and none of those."""
    global count
    count += 1
    missing = [words for words in wanted if not re.search(words, output)]
    there = [words for words in unwanted if re.search(words, output)]
    if missing or there:
        sys.exit(f"checks: {what}: missing {missing}, unwanted {there}, in:\n{output}")


def versions():
    for option, version in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")]:
        check(version, s_client(option), f"{version}, Cipher is", r"Verify return code: 0 \(ok\)")
    for option in ["-tls1", "-tls1_1"]:
        refused = s_client(option, *WEAK)
        check(f"no {option}", refused, "alert (protocol version|handshake failure)")
    whole = s_client("-tls1_2")
    check("no compression", whole, "Compression: NONE", "Expansion: NONE")
    check("extended master secret", whole, "Extended master secret: yes")
    check("secure renegotiation is known", whole, "Secure Renegotiation IS supported")
    check("no early data", s_client("-tls1_3"), "Max Early Data: 0|Early data was not sent")


def suites():
    for suite in ["AES_128_GCM_SHA256", "AES_256_GCM_SHA384", "CHACHA20_POLY1305_SHA256"]:
        output = s_client("-tls1_3", "-ciphersuites", f"TLS_{suite}")
        check(suite, output, f"TLSv1.3, Cipher is TLS_{suite}")
    for name, kind in [("localhost", "ECDSA"), ("rsa.test", "RSA")]:
        for cipher in ["AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305"]:
            suite = f"ECDHE-{kind}-{cipher}"
            output = s_client("-tls1_2", "-cipher", suite, name=name)
            check(suite, output, f"TLSv1.2, Cipher is {suite}")
        # No forward secrecy, no AEAD, no key.
        for suite in [
            f"ECDHE-{kind}-AES128-SHA",
            f"ECDHE-{kind}-AES256-SHA384",
            "AES128-GCM-SHA256",
            "AES256-SHA",
            "DHE-RSA-AES128-GCM-SHA256",
            "ECDHE-ECDSA-AES128-CCM",
            f"ECDHE-{kind}-NULL-SHA",
            "AECDH-AES128-SHA",
        ]:
            output = s_client("-tls1_2", "-cipher", f"{suite}:@SECLEVEL=0", name=name)
            check(f"no {suite}", output, "alert handshake failure")
    for group in ["X25519", "prime256v1", "secp384r1"]:
        for version in ["-tls1_2", "-tls1_3"]:
            check(group, s_client(version, "-groups", group), r"Server Temp Key: .*" + group)
    check("no weak group", s_client("-tls1_3", "-groups", "ffdhe2048"), "alert handshake failure")


def names():
    check("one name", s_client(name="localhost"), "subject=CN = localhost")
    check("another", s_client(name="rsa.test"), "subject=CN = rsa.test")
    check("no name", s_client(name=None), "subject=CN = localhost")
    for version in ["-tls1_2", "-tls1_3"]:
        for name in ["nobody.test", "a.localhost", "rsa"]:
            output = s_client(version, name=name)
            check(f"SNI {name}", output, "alert unrecognized name|alert number 112")
    for offer in ["http/1.1", "h2,http/1.1"]:
        check(f"ALPN {offer}", s_client("-alpn", offer), "ALPN protocol: http/1.1")
    check("no ALPN", s_client(), "No ALPN negotiated")
    check("ALPN h2", s_client("-alpn", "h2"), "no application protocol|alert number 120")


GET = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


def tickets():
    session = str(folder / "session")
    for version in ["-tls1_2", "-tls1_3"]:
        # TLS 1.3 has its tickets after the handshake: with the answer at the latest.
        given = s_client(version, "-sess_out", session, "-ign_eof", says=GET.encode())
        check("a ticket", given, "TLS session ticket:", r"\{\"status\":\"ok\"\}")
        output = s_client(version, "-sess_in", session)
        check(f"resumption, {version}", output, "Reused, TLSv1")
        # A ticket is no use where it was not made.
        output = s_client(version, "-sess_in", session, name="rsa.test")
        check("a ticket for another name", output, "New, TLSv1", unwanted=("Reused, TLSv1",))
    again = s_client("-tls1_2", "-reconnect")
    check("-reconnect", again, r"(?s)New, TLSv1.2(.*Reused, TLSv1.2){5}")


def talk():
    """What is typed: Q ends, K and k update keys (RFC 8446 section 4.6.3), R renegotiates."""
    for how in ["K\n", "k\n", "K\nk\nK\nK\nk\n"]:
        typed = how.splitlines(keepends=True)
        lines = [("Early data was not sent", 1, typed[0])]
        lines += [("KEYUPDATE", at, line) for at, line in enumerate(typed) if at > 0]
        lines += [("KEYUPDATE", len(typed), GET), ('{"status":"ok"}', 1, "Q\n")]
        output = conversation("-tls1_3", lines=lines)
        check(f"key updates {how!r}", output, "KEYUPDATE", r'\{"status":"ok"\}')
    lines = [("Verify return code", 1, "R\n"), ("RENEGOTIATING", 1, GET)]
    lines += [("no renegotiation", 1, "Q\n")]
    output = conversation("-tls1_2", lines=lines)
    check("no renegotiation", output, "RENEGOTIATING", "no renegotiation")
    assert output.count("BEGIN CERTIFICATE") == 1, output


for part in (versions, suites, names, tickets, talk):
    part()
print(f"openssl s_client: {count} checks of TLS")
