"""Sends the same random frames to RingSocket and to Python `websockets`, and compares what comes
back: messages and pongs in their order, the code of the Close frame, and what ends TCP. Messages
and pongs are compared apart: section 5.5.2 of RFC 6455 only wants a pong soon, so that it may
overtake an app's answer. The reason of a Close frame that answers one is not compared: section
5.5.1 asks for the code alone.

Usage: differential.py BUILT-FOLDER [--streams N] [--first SEED] [--verbose]
"""

import argparse
import asyncio
import collections
import dataclasses
import pathlib
import time
import zlib

import known
import servers
from faults import first_fault
from streams import CLOSE, COMPRESSED, CONTINUATION, FIN, MAX_MESSAGE, PING, PONG, TAIL
from streams import Stream, stream

# How long any one wait may take.
PATIENCE_S = 20
# How many streams are under way at a time.
AT_ONCE = 12

HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
OFFER = (
    b"Sec-WebSocket-Extensions: permessage-deflate; "
    b"server_no_context_takeover; client_no_context_takeover\r\n"
)


@dataclasses.dataclass
class Outcome:
    """What a server made of a stream."""

    messages: list[tuple[int, bytes]] = dataclasses.field(default_factory=list)
    pongs: list[bytes] = dataclasses.field(default_factory=list)
    # The code of its Close frame, 1005 for one without, `None` if there was none.
    code: int | None = None
    # "end", "reset", or what the server did that no server may.
    how: str = ""

    def __str__(self) -> str:
        kinds = "".join("tb"[kind - 1] + f"{len(data)} " for kind, data in self.messages)
        return f"messages {kinds or '- '}pongs {len(self.pongs)}, Close {self.code}, {self.how}"


class Broken(Exception):
    """The server did what none may."""


class Client:
    """One connection, and what has come of it."""

    def __init__(self, reader, writer, has_deflate: bool):
        self.reader, self.writer = reader, writer
        self.has_deflate = has_deflate
        self.outcome = Outcome()
        self.news = asyncio.Condition()
        self.is_over = False

    async def read(self):
        """Reads to the end of TCP."""
        try:
            await self.read_frames()
        except Broken as broken:
            self.outcome.how = f"broken: {broken}"
        except asyncio.IncompleteReadError as error:
            self.outcome.how = "broken: the end within a frame" if error.partial else "end"
        except ConnectionError:
            self.outcome.how = "reset"
        async with self.news:
            self.is_over = True
            self.news.notify_all()

    async def read_frames(self):
        message = None
        while True:
            opcode, first, payload = await self.read_frame()
            if self.outcome.code is not None:
                raise Broken("something after the Close frame")
            if opcode == CLOSE:
                self.outcome.code = int.from_bytes(payload[:2], "big") if payload else 1005
                payload[2:].decode()
            elif opcode == PONG:
                self.outcome.pongs.append(payload)
            elif (opcode == CONTINUATION) == (message is None) or opcode == PING:
                raise Broken(f"opcode {opcode} out of order")
            else:
                kind, before = message or (first & (COMPRESSED | 15), b"")
                message = (kind, before + payload)
                if first & FIN:
                    self.outcome.messages.append(inflated(*message))
                    message = None
            async with self.news:
                self.news.notify_all()

    async def read_frame(self) -> tuple[int, int, bytes]:
        """Opcode, first byte and payload of the next frame."""
        first, size = await self.reader.readexactly(2)
        opcode = first & 15
        wide = {126: 2, 127: 8}.get(size, 0)
        reserved = 0x30 if self.has_deflate and opcode in (1, 2) else 0x70
        if first & reserved or size & 0x80 or opcode not in (0, 1, 2, 8, 9, 10):
            raise Broken(f"a frame begins with {first:02x} {size:02x}")
        if opcode >= 8 and (wide or not first & FIN):
            raise Broken("a control frame that is long or in fragments")
        if wide:
            size = int.from_bytes(await self.reader.readexactly(wide), "big")
            if size < (126 if wide == 2 else 1 << 16):
                raise Broken("a length that could be shorter")
        return opcode, first, await self.reader.readexactly(size)

    async def write(self, piece: bytes):
        if self.is_over or self.writer.transport.is_closing():
            return
        try:
            self.writer.write(piece)
            await self.writer.drain()
        except ConnectionError:
            pass  # it is over, as the reader will find
        # Lets the piece go, and the server have it, by itself.
        await asyncio.sleep(0)

    async def until(self, done):
        async with self.news:
            await self.news.wait_for(lambda: self.is_over or done(self.outcome))


def inflated(kind: int, payload: bytes) -> tuple[int, bytes]:
    """A message as it was before it was compressed, if it was."""
    if not kind & COMPRESSED:
        return kind, payload
    try:
        return kind & 15, zlib.decompressobj(-15).decompress(payload + TAIL)
    except zlib.error as error:
        raise Broken(f"a message that cannot be inflated: {error}") from error


async def converse(port: int, sent: Stream) -> Outcome:
    """Sends a stream to one of the servers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(HANDSHAKE + (OFFER if sent.has_deflate else b"") + b"\r\n")
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 "), head
    assert (b"permessage-deflate" in head) == sent.has_deflate, head
    client = Client(reader, writer, sent.has_deflate)
    reading = asyncio.create_task(client.read())
    body = len(sent.pieces) - sent.tail
    for piece in sent.pieces[:body]:
        await client.write(piece)
    if sent.is_patient:
        await client.until(
            lambda got: len(got.messages) >= len(sent.messages)
            and len(got.pongs) >= len(sent.pings)
        )
    for piece in sent.pieces[body:]:
        await client.write(piece)
    if sent.shuts_down:
        try:
            writer.write_eof()
        except OSError:
            pass  # as in `write`
    await reading
    writer.close()
    return client.outcome


async def outcome(port: int, sent: Stream) -> Outcome:
    try:
        return await asyncio.wait_for(converse(port, sent), PATIENCE_S)
    except TimeoutError:
        return Outcome(how=f"nothing for {PATIENCE_S} s")


def is_start(part: list, whole: list) -> bool:
    return part == whole[: len(part)]


def agree(one: list, other: list) -> bool:
    return is_start(one, other) or is_start(other, one)


def judge(sent: Stream, ours: Outcome, theirs: Outcome) -> str | None:
    """What is wrong or different: "" for nothing, the name of a known difference, or `None` if
    there is no explanation."""
    fault = first_fault(sent)
    if not (is_sound(sent, ours) and is_sound(sent, theirs)):
        return None
    # A reset is what the kernel makes of closing under bytes that nobody reads. RingSocket reads on
    # for a while, unless both Close frames are through.
    if ours.how == "reset" and fault.rule != "close":
        return None
    # An answer that was not waited for may come too late for the Close frame.
    is_same = agree(ours.messages, theirs.messages) and agree(ours.pongs, theirs.pongs)
    if is_same and ours.code == theirs.code:
        return ""
    is_cut_off = ours.how == "reset" and ours.code is None
    return known.explain(fault, known.RESET if is_cut_off else ours.code, theirs.code)


def is_sound(sent: Stream, got: Outcome) -> bool:
    """Whether a server did what it must, whatever the other does: it ended, and echoed the
    well-formed part in order, all of it if it was given the time."""
    if got.how not in ("end", "reset"):
        return False
    messages, pongs = sent.messages, sent.pings
    if sent.is_patient:
        return is_start(messages, got.messages) and is_start(pongs, got.pongs)
    return agree(messages, got.messages) and agree(pongs, got.pongs)


async def compare(ports: tuple[int, int], seeds: range, verbose: bool) -> int:
    """Runs all seeds; how many have no explanation."""
    counts: collections.Counter[str] = collections.Counter()
    failures = 0
    queue = iter(seeds)

    async def work():
        nonlocal failures
        for seed in queue:
            sent = stream(seed)
            ours, theirs = await asyncio.gather(*(outcome(port, sent) for port in ports))
            verdict = judge(sent, ours, theirs)
            counts["no difference" if verdict == "" else verdict or "NOT EXPLAINED"] += 1
            if verdict is None:
                failures += 1
            if verdict is None or (verdict and verbose):
                print(f"seed {seed}, {sent.kind}, {first_fault(sent)}: {verdict}")
                print(f"  RingSocket: {ours}\n  websockets: {theirs}", flush=True)

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    for name, count in counts.most_common():
        print(f"{count:7} {name}")
    unused = [name for name in known.KNOWN if not counts[name]]
    if unused and len(seeds) >= 30_000:
        print(f"explanations that nothing needs: {unused}")
        failures += 1
    return failures


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("built", type=pathlib.Path)
    parser.add_argument("--streams", type=int, default=3000)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    start = time.monotonic()
    seeds = range(options.first, options.first + options.streams)
    with servers.ringsocket(options.built, MAX_MESSAGE) as (our_port, _):
        with servers.websockets(MAX_MESSAGE) as (their_port, _):
            failures = asyncio.run(compare((our_port, their_port), seeds, options.verbose))
    print(f"{len(seeds)} streams in {time.monotonic() - start:.0f} s")
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
