"""Random frame streams of a client, each of them all from its seed.

A stream is a few well-formed messages, with control frames among them, and then an ending: a Close
frame, the end of TCP, or something broken. Not for: what servers make of it (differential.py), or
what is wrong with it (faults.py).
"""

import dataclasses
import random
import struct
import zlib

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
FIN = 0x80
# RSV1, which says that a message is compressed where permessage-deflate was agreed on (RFC 7692).
COMPRESSED = 0x40

# What is taken off a compressed message's end (RFC 7692, section 7.2.1).
TAIL = b"\0\0\xff\xff"

# Both servers take messages up to this many bytes.
MAX_MESSAGE = 1 << 17

# Around the forms of the length, and the largest; small ones more often.
SIZES = [0, 1, 2, 5, 20, 60, 124, 125, 126, 127, 128, 300, 1000, 65535, 65536, MAX_MESSAGE]
WEIGHTS = [4] * 12 + [1] * 4

LETTERS = ["a", "0", " ", "é", "ß", "√", "€", "\uffff", "𝄞", "🙂", "\U0010ffff"]

# Not UTF-8, each for another reason: stray and missing continuations, overlong forms, surrogates,
# beyond the last character.
NOT_UTF8 = [
    b"\x80", b"\xbf", b"\xc0\xaf", b"\xc1\x81", b"\xc3(", b"\xe0\x80\xaf", b"\xe0\x9f\xbf",
    b"\xe2\x82(", b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xf0\x80\x80\x80", b"\xf0\x8f\xbf\xbf",
    b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80", b"\xfe", b"\xff",
]  # fmt: skip

GOOD_CODES = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999]
BAD_CODES = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535]


@dataclasses.dataclass
class Stream:
    seed: int
    # What it ends in, in a word.
    kind: str
    # Whether permessage-deflate is agreed on, without context takeover.
    has_deflate: bool
    # Pieces to be written one by one. All but the last `tail` of them are of well-formed messages.
    pieces: list[bytes]
    tail: int
    # Whether the client waits for the answers to all messages before it sends the tail.
    is_patient: bool
    # Whether it shuts its direction down after the last piece, or waits for the server to end.
    shuts_down: bool
    # Answers that an echo server owes for the well-formed part.
    messages: list[tuple[int, bytes]]
    pings: list[bytes]

    def data(self) -> bytes:
        return b"".join(self.pieces)


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    first: int = FIN,
    mask: bytes | None = b"\x37\xfa\x21\x3d",
    form: int = 0,
    declared: int | None = None,
) -> bytes:
    """A frame with nothing left to chance. `first` are the bits beside the opcode; `form` (126 or
    127) writes the length longer than need be, `declared` writes another one."""
    size = len(payload) if declared is None else declared
    bit = 0 if mask is None else 0x80
    head = bytes([first | opcode])
    if form != 127 and size < 126 and not form:
        head += bytes([bit | size])
    elif form != 127 and size < 1 << 16:
        head += struct.pack("!BH", bit | 126, size)
    else:
        head += struct.pack("!BQ", bit | 127, size)
    if mask is None:
        return head + payload
    return head + mask + masked(payload, mask)


def masked(payload: bytes, mask: bytes) -> bytes:
    size = len(payload)
    key = (mask * (size // 4 + 1))[:size]
    both = int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")
    return both.to_bytes(size, "big")


class Generator:
    """Makes the stream of one seed."""

    def __init__(self, seed: int):
        self.seed = seed
        self.random = random.Random(seed)
        self.has_deflate = self.random.random() < 0.4
        self.messages: list[tuple[int, bytes]] = []
        self.pings: list[bytes] = []

    def stream(self) -> Stream:
        body = b"".join(self.well_formed() for _ in range(self.random.choice([0, 1, 1, 2, 3, 6])))
        messages, pings = self.messages, self.pings
        kind = self.random.choice(ENDINGS + DEFLATE_ENDINGS if self.has_deflate else ENDINGS)
        tail, shuts_down = getattr(self, kind)()
        tail = self.cut(tail)
        return Stream(
            seed=self.seed,
            kind=kind,
            has_deflate=self.has_deflate,
            pieces=self.cut(body) + tail,
            tail=len(tail),
            is_patient=self.random.random() < 0.8,
            shuts_down=shuts_down,
            messages=messages,
            pings=pings,
        )

    def cut(self, data: bytes) -> list[bytes]:
        """Cuts bytes for TCP: not at all, at random, or byte by byte."""
        how = self.random.random()
        if how < 0.3 or len(data) < 2:
            return [data] if data else []
        if how < 0.4 and len(data) < 200:
            return [data[i : i + 1] for i in range(len(data))]
        count = min(len(data) - 1, self.random.randint(1, 8))
        cuts = [0, *sorted(self.random.sample(range(1, len(data)), count)), len(data)]
        return [data[a:b] for a, b in zip(cuts, cuts[1:])]

    # Parts of frames.

    def mask(self) -> bytes:
        return self.random.choice([b"\0\0\0\0", self.random.randbytes(4), self.random.randbytes(4)])

    def text(self, size: int) -> bytes:
        text = b"".join(self.random.choices([letter.encode() for letter in LETTERS], k=size))[:size]
        good = text.decode(errors="ignore").encode()
        return good + b"." * (size - len(good))

    def payload(self) -> tuple[int, bytes]:
        size = self.random.choices(SIZES, WEIGHTS)[0]
        if self.random.random() < 0.5:
            return TEXT, self.text(size)
        return BINARY, self.random.randbytes(size)

    def control(self) -> bytes:
        """A ping or a pong, as it may stand anywhere."""
        payload = self.random.randbytes(self.random.choice([0, 1, 4, 60, 125]))
        opcode = self.random.choice([PING, PING, PONG])
        if opcode == PING:
            self.pings.append(payload)
        return frame(opcode, payload, mask=self.mask())

    def deflated(self, payload: bytes) -> bytes:
        """A message compressed in one of the ways that there are."""
        level, bits = self.random.randint(0, 9), -self.random.randint(9, 15)
        strategy = self.random.choice([zlib.Z_DEFAULT_STRATEGY, zlib.Z_FIXED, zlib.Z_HUFFMAN_ONLY])
        compressor = zlib.compressobj(level, zlib.DEFLATED, bits, 8, strategy)
        cut = self.random.randint(0, len(payload))
        data = compressor.compress(payload[:cut])
        if self.random.random() < 0.3:
            data += compressor.flush(self.random.choice([zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH]))
        data += compressor.compress(payload[cut:])
        if self.random.random() < 0.2:
            return data + compressor.flush(zlib.Z_FINISH) + b"\0"  # RFC 7692, section 7.2.3.4
        return (data + compressor.flush(zlib.Z_SYNC_FLUSH)).removesuffix(TAIL)

    def fragments(self, opcode: int, payload: bytes, controls: bool = True) -> list[bytes]:
        """The frames of a message, often just one; cuts may fall within characters."""
        # What is compressed may become larger, and what is larger is refused.
        is_small = len(payload) < MAX_MESSAGE
        if self.has_deflate and is_small and self.random.random() < 0.6:
            opcode, payload = opcode | COMPRESSED, self.deflated(payload)
        return self.frames(opcode, payload, controls)

    def frames(self, opcode: int, payload: bytes, controls: bool = True) -> list[bytes]:
        count = self.random.choice([0, 0, 0, 1, 2, 5])
        cuts = sorted(self.random.randint(0, len(payload)) for _ in range(count))
        cuts = [0, *cuts, len(payload)]
        frames = []
        for i, (a, b) in enumerate(zip(cuts, cuts[1:])):
            is_last = i == count
            part = payload[a:b]
            kind = CONTINUATION if i else opcode
            frames.append(frame(kind, part, first=FIN if is_last else 0, mask=self.mask()))
            if controls and not is_last and self.random.random() < 0.3:
                frames.append(self.control())
        return frames

    def well_formed(self) -> bytes:
        if self.random.random() < 0.25:
            return self.control()
        opcode, payload = self.payload()
        frames = self.fragments(opcode, payload)
        self.messages.append((opcode, payload))
        return b"".join(frames)

    def begun(self) -> bytes:
        """Sometimes the start of a message of which no more comes."""
        if self.random.random() < 0.7:
            return b""
        return frame(self.random.choice([TEXT, BINARY]), b"begun", first=0, mask=self.mask())

    def close_frame(self) -> bytes:
        return frame(CLOSE, struct.pack("!H", 1000), mask=self.mask())

    def broken(self, data: bytes) -> tuple[bytes, bool]:
        """What follows something broken: a Close frame, for a server that saw nothing wrong, and
        the end, for one that still waits for more."""
        return data + self.close_frame(), True

    # Endings. Each gives bytes, and whether the client then shuts its direction down.

    def closed(self):
        code, reason = self.random.choice(GOOD_CODES), self.text(self.random.choice([0, 5, 123]))
        payload = self.random.choice([b"", struct.pack("!H", code) + reason])
        return self.begun() + frame(CLOSE, payload, mask=self.mask()), False

    def closed_badly(self):
        code = struct.pack("!H", self.random.choice(BAD_CODES))
        good = struct.pack("!H", 1000)
        payload = self.random.choice(
            [b"\x03", code, code + b"why", good + self.random.choice(NOT_UTF8), good + b"a\xc3"]
        )
        return frame(CLOSE, payload, mask=self.mask()), False

    def ended(self):
        return self.begun(), True

    def ended_in_a_frame(self):
        opcode, payload = self.payload()
        data = b"".join(self.fragments(opcode, payload, controls=False))
        return data[: self.random.randrange(len(data))], True

    def data_after_close(self):
        return self.close_frame() + frame(TEXT, b"late") + frame(PING, b"late"), False

    def reserved_bits(self):
        opcode = self.random.choice([TEXT, BINARY, PING, PONG, CLOSE])
        bits = self.random.choice([0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70])
        return self.broken(frame(opcode, b"", first=FIN | bits, mask=self.mask()))

    def reserved_opcode(self):
        opcode = self.random.choice([3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
        first = self.random.choice([FIN, 0])
        payload = b"x" * self.random.randint(0, 5)
        return self.broken(self.begun() + frame(opcode, payload, first=first))

    def unmasked(self):
        opcode, payload = self.payload()
        return self.broken(self.begun() + frame(opcode, payload, mask=None))

    def control_in_fragments(self):
        opcode = self.random.choice([PING, PONG, CLOSE])
        return self.broken(frame(opcode, b"", first=0, mask=self.mask()))

    def long_control(self):
        opcode = self.random.choice([PING, PONG, CLOSE])
        payload = b"x" * self.random.choice([126, 127, 200, 70_000])
        return self.broken(frame(opcode, payload, mask=self.mask()))

    def nothing_to_continue(self):
        first = self.random.choice([FIN, 0])
        return self.broken(frame(CONTINUATION, b"x", first=first, mask=self.mask()))

    def message_in_message(self):
        start = frame(self.random.choice([TEXT, BINARY]), b"x", first=0, mask=self.mask())
        other = frame(self.random.choice([TEXT, BINARY]), b"y", mask=self.mask())
        return self.broken(start + other)

    def long_length(self):
        form = self.random.choice([126, 127])
        size = self.random.choice([0, 1, 125] if form == 126 else [0, 125, 126, 65535])
        opcode = BINARY if size > 125 else self.random.choice([TEXT, BINARY, PING, PONG])
        return self.broken(frame(opcode, b"x" * size, form=form, mask=self.mask()))

    def top_bit(self):
        declared = self.random.choice([1 << 63, (1 << 64) - 1])
        return self.broken(frame(BINARY, b"x", declared=declared, mask=self.mask()))

    def too_big(self):
        declared = self.random.choice([MAX_MESSAGE + 1, 1 << 32, (1 << 63) - 1])
        if self.random.random() < 0.5:
            return self.broken(frame(BINARY, b"x", declared=declared, mask=self.mask()))
        start = frame(BINARY, b"x" * 1000, first=0, mask=self.mask())
        rest = frame(CONTINUATION, b"x", declared=MAX_MESSAGE - 999, mask=self.mask())
        return self.broken(start + rest)

    def not_utf8(self):
        bad = self.random.choice([*NOT_UTF8, b"\xc3", b"\xe2\x82", b"\xf0\x9f\x99"])
        text = self.text(self.random.choice([0, 3, 130])) + bad
        if self.random.random() < 0.5 and bad not in (b"\xc3", b"\xe2\x82", b"\xf0\x9f\x99"):
            text += self.text(self.random.choice([1, 40]))
        # Nothing follows, so that the server has to find it by itself.
        return b"".join(self.fragments(TEXT, text, controls=False)), False

    def not_utf8_so_far(self):
        """A fragment that no other can make good."""
        text = self.text(3) + self.random.choice(NOT_UTF8)
        return frame(TEXT, text, first=0, mask=self.mask()), True

    def not_deflated(self):
        """Bytes that inflate to nothing, by their look or by their end."""
        data = bytearray(self.deflated(self.text(self.random.choice([5, 300, 1000]))))
        how = self.random.randrange(3)
        if how == 0:
            data = self.random.randbytes(self.random.randint(1, 60))
        elif how == 1:
            del data[self.random.randrange(len(data)) :]
        else:
            data[self.random.randrange(len(data))] ^= 1 << self.random.randrange(8)
        opcode = self.random.choice([TEXT, BINARY]) | COMPRESSED
        return self.broken(b"".join(self.frames(opcode, bytes(data), controls=False)))

    def deflated_bomb(self):
        data = self.deflated(bytes(self.random.choice([MAX_MESSAGE + 1, 20 * MAX_MESSAGE])))
        return self.broken(b"".join(self.frames(BINARY | COMPRESSED, data, controls=False)))

    def deflated_not_utf8(self):
        text = self.text(50) + self.random.choice(NOT_UTF8)
        data = self.deflated(text)
        return b"".join(self.frames(TEXT | COMPRESSED, data, controls=False)), False

    def compressed_fragment(self):
        """RSV1 where it must not be."""
        start = frame(TEXT, b"x", first=0, mask=self.mask())
        if self.random.random() < 0.5:
            start = frame(TEXT | COMPRESSED, self.deflated(b"x"), first=0, mask=self.mask())
        return self.broken(start + frame(CONTINUATION | COMPRESSED, b"", mask=self.mask()))

    def late_blocks(self):
        """A message of which a part comes behind a block with BFINAL set."""
        compressor = zlib.compressobj(6, zlib.DEFLATED, -15)
        data = compressor.compress(self.text(20)) + compressor.flush(zlib.Z_FINISH)
        data += self.deflated(self.text(30))
        return self.broken(b"".join(self.frames(TEXT | COMPRESSED, data, controls=False)))

    def noise(self):
        return self.random.randbytes(self.random.randint(1, 40)), True

    def mutated(self):
        opcode, payload = self.payload()
        frames = [*self.fragments(opcode, payload[:200], controls=False), self.close_frame()]
        data = bytearray(b"".join(frames))
        for _ in range(self.random.randint(1, 3)):
            data[self.random.randrange(len(data))] ^= 1 << self.random.randrange(8)
        return bytes(data), True


ENDINGS = [
    *["closed"] * 4,
    *["mutated"] * 6,
    *["not_utf8"] * 3,
    *["noise"] * 2,
    "closed_badly", "ended", "ended_in_a_frame", "data_after_close", "reserved_bits",
    "reserved_opcode", "unmasked", "control_in_fragments", "long_control", "nothing_to_continue",
    "message_in_message", "long_length", "top_bit", "too_big", "not_utf8_so_far",
]  # fmt: skip

# Where permessage-deflate is agreed on, these too.
DEFLATE_ENDINGS = [
    *["not_deflated"] * 5,
    *["deflated_bomb", "deflated_not_utf8", "compressed_fragment", "late_blocks"] * 2,
]  # fmt: skip


def stream(seed: int) -> Stream:
    return Generator(seed).stream()
