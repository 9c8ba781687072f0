"""What is wrong with a client's frames, by RFC 6455: the first fault of a stream, and how much of
it is there to be seen. It reads whole streams at leisure; what servers may see sooner or later than
others is the matter of known.py.
"""

import dataclasses
import zlib

from streams import BINARY, CLOSE, COMPRESSED, CONTINUATION, FIN, MAX_MESSAGE, TAIL, TEXT
from streams import Stream, masked


@dataclasses.dataclass(frozen=True)
class Fault:
    # The rule that is broken; "close" for a well-formed Close frame, "end" for the end of TCP.
    rule: str
    # Whether the frame that breaks it is there to its end.
    is_whole: bool
    # Whether a message was incomplete before that frame.
    in_message: bool
    # With "close": the code that the frame has, 1005 if none.
    code: int | None = None
    # Whether there is more behind that frame.
    has_more: bool = False
    # Whether a compressed message had blocks behind a last one, which is no fault (RFC 7692,
    # section 7.2.3.4).
    has_late_blocks: bool = False


@dataclasses.dataclass
class _Header:
    # The rule that the header breaks, if it does.
    rule: str | None
    opcode: int
    is_final: bool
    is_compressed: bool
    key: bytes
    # Where the payload starts, and its size by the header.
    start: int
    size: int


@dataclasses.dataclass
class _Message:
    """A message that is incomplete."""

    opcode: int
    is_compressed: bool
    payload: bytes


def first_fault(stream: Stream) -> Fault:
    late: list[bool] = []
    fault = _first_fault(stream, late)
    return dataclasses.replace(fault, has_late_blocks=any(late))


def _first_fault(stream: Stream, late: list[bool]) -> Fault:
    data, at = stream.data(), 0
    message: _Message | None = None
    while True:
        header = _header(data, at, stream.has_deflate)
        if header is None:
            return Fault("end", at == len(data), message is not None)
        end = header.start + header.size
        payload = masked(data[header.start : end], header.key)
        rule = header.rule or _rule(header, payload, message, end <= len(data), late)
        if rule:
            code = int.from_bytes(payload[:2], "big") or 1005 if rule == "close" else None
            return Fault(rule, end <= len(data), message is not None, code, end < len(data))
        if end > len(data):
            return Fault("end", False, message is not None)
        if header.opcode < 8:
            message = None if header.is_final else _joined(header, payload, message)
        at = end


def _joined(header: _Header, payload: bytes, message: _Message | None) -> _Message:
    if message is None:
        return _Message(header.opcode, header.is_compressed, payload)
    return dataclasses.replace(message, payload=message.payload + payload)


def _header(data: bytes, at: int, has_deflate: bool) -> _Header | None:
    """The header at `at`, as far as needed to say what is wrong with it; `None` if the stream ends
    before that, or nothing is wrong and it ends within the header."""
    if at + 2 > len(data):
        rule = _first_byte(data[at], has_deflate) if at < len(data) else None
        return _Header(rule, 0, True, False, bytes(4), len(data), 1) if rule else None
    first, second = data[at], data[at + 1]
    opcode, short, has_mask = first & 15, second & 127, bool(second & 0x80)
    wide = {126: 2, 127: 8}.get(short, 0)
    start = at + 2 + wide + (4 if has_mask else 0)
    size = int.from_bytes(data[at + 2 : at + 2 + wide], "big") if wide else short
    rule = _first_byte(first, has_deflate)
    if not rule and not has_mask:
        rule = "no mask"
    if not rule and opcode >= 8 and short > 125 and size > 125:
        rule = "long control frame"
    if not rule and at + 2 + wide <= len(data):
        if wide and size < (126 if wide == 2 else 1 << 16):
            rule = "longer form of a length"
        elif size >> 63:
            rule = "top bit of a length"
    if not rule and start > len(data):
        return None
    key = data[start - 4 : start] if has_mask and start <= len(data) else bytes(4)
    return _Header(rule, opcode, bool(first & FIN), bool(first & COMPRESSED), key, start, size)


def _first_byte(first: int, has_deflate: bool) -> str | None:
    if has_deflate and first & 0x7F == COMPRESSED | CONTINUATION:
        return "compressed bit in a later fragment"
    may_be_compressed = has_deflate and first & 15 in (TEXT, BINARY)
    if first & (0x30 if may_be_compressed else 0x70):
        return "reserved bit"
    if first & 15 not in (0, 1, 2, 8, 9, 10):
        return "reserved opcode"
    if first & 8 and not first & FIN:
        return "control frame in fragments"
    return None


def _rule(header, payload: bytes, message: _Message | None, is_whole: bool, late) -> str | None:
    """The rule that the frame breaks by what it is, with its header in order."""
    opcode = header.opcode
    if opcode >= 8:
        return _close(payload) if opcode == CLOSE and is_whole else None
    if opcode == CONTINUATION and message is None:
        return "nothing to continue"
    if opcode != CONTINUATION and message is not None:
        return "message in a message"
    before = len(message.payload) if message else 0
    if before + header.size > MAX_MESSAGE:
        return "message too big"
    whole, is_over = _joined(header, payload, message), is_whole and header.is_final
    if whole.is_compressed:
        return _compressed(whole, late) if is_over else None
    if whole.opcode != TEXT or _is_text(whole.payload, is_over):
        return None
    return "not UTF-8" if is_over else "not UTF-8 so far"


def _compressed(message: _Message, late: list[bool]) -> str | None:
    """The rule that a whole compressed message breaks; notes blocks behind a last one."""
    inflated, rest = b"", message.payload + TAIL
    while rest:
        decompressor = zlib.decompressobj(-15, zdict=inflated[-(1 << 15) :])
        try:
            inflated += decompressor.decompress(rest, MAX_MESSAGE + 1 - len(inflated))
        except zlib.error:
            return "cannot be inflated"
        if len(inflated) > MAX_MESSAGE:
            return "message too big when inflated"
        if not decompressor.eof and not _is_between_blocks(decompressor):
            return "ends within a block"
        rest = decompressor.unused_data
        # All but the empty block that ends every message.
        late.append(len(rest) > 1 + len(TAIL))
    is_wrong = message.opcode == TEXT and not _is_text(inflated, True)
    return "not UTF-8" if is_wrong else None


def _is_between_blocks(decompressor) -> bool:
    """Only where a block ends is an empty last block the end, and nothing more."""
    try:
        return not decompressor.decompress(b"\3\0") and decompressor.eof
    except zlib.error:
        return False


def _close(payload: bytes) -> str:
    if not payload:
        return "close"
    if len(payload) == 1:
        return "half a close code"
    code = int.from_bytes(payload[:2], "big")
    if not (1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999):
        return "reserved close code"
    return "close" if _is_text(payload[2:], True) else "reason not UTF-8"


def _is_text(data: bytes, is_over: bool) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        # What is cut off at the end may go on well.
        return not is_over and error.reason == "unexpected end of data"
    return True
