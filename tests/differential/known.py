"""The differences between RingSocket and Python `websockets` that are known, each with its reason.

A stream whose outcomes differ must fit an entry here, or the run fails. An entry says for which
fault of the client (faults.py) it holds, how each server ends, which of them RFC 6455 is with, and
why.
"""

import dataclasses

from faults import Fault

# How a server ended: the code of its Close frame, 1005 for a Close frame without one, `None` for
# TCP's end alone.
Code = int | str | None

ANY = None
# The code of the client's own Close frame.
ECHO = "echo"
# A reset, before the client has read a Close frame.
RESET = "reset"


@dataclasses.dataclass(frozen=True)
class Known:
    # Rules that the client breaks, as faults.py calls them.
    rules: set[str]
    # How RingSocket ends, and how websockets may.
    ours: Code
    theirs: set[Code] | None
    right: str
    reason: str
    # Whether the frame that breaks the rule is there whole; whether a message was incomplete.
    is_whole: bool | None = ANY
    in_message: bool | None = ANY
    # Whether something follows that frame.
    has_more: bool | None = ANY
    has_late_blocks: bool | None = ANY

    def fits(self, fault: Fault, ours: Code, theirs: Code) -> bool:
        is_echo = [code is not None and code == fault.code for code in (ours, theirs)]
        ours, theirs = (ECHO if echo else code for echo, code in zip(is_echo, (ours, theirs)))
        return (
            fault.rule in self.rules
            and ours == self.ours
            and (self.theirs is ANY or theirs in self.theirs)
            and self.is_whole in (ANY, fault.is_whole)
            and self.in_message in (ANY, fault.in_message)
            and self.has_more in (ANY, fault.has_more)
            and self.has_late_blocks in (ANY, fault.has_late_blocks)
        )


KNOWN = {
    "longer forms of lengths": Known(
        rules={"longer form of a length"},
        ours=1002,
        theirs=ANY,
        right="RingSocket, by section 5.2: the fewest bytes MUST be used",
        reason="websockets reads any form of a length, and goes on with what follows",
    ),
    "top bits of lengths": Known(
        rules={"top bit of a length"},
        ours=1002,
        theirs={1009},
        right="RingSocket, by section 5.2: the top bit MUST be 0",
        reason="to websockets it is part of the number, which is too large then",
    ),
    "Close frames within messages": Known(
        rules={"close"},
        ours=ECHO,
        theirs={1002},
        in_message=True,
        right="RingSocket, by sections 5.4 and 5.5.1: control frames may come in the middle of a "
        "message, and a Close frame MUST be answered",
        reason="websockets takes a Close frame within a message for a breach of the protocol",
    ),
    "frames behind a Close frame": Known(
        rules={"close"},
        ours=RESET,
        theirs={ECHO},
        has_more=True,
        right="both: by section 5.5.1 a client MUST NOT send data behind its Close frame, and a "
        "server MUST close TCP at once",
        reason="RingSocket closes the socket when both Close frames are through, and the kernel "
        "answers what comes then with a reset, which may cost the client the Close frame; "
        "websockets shuts down its own direction first",
    ),
    "frames that are wrong and cut off": Known(
        rules={
            "reserved bit", "reserved opcode", "control frame in fragments", "no mask",
            "long control frame", "nothing to continue", "message in a message",
            "compressed bit in a later fragment",
        },
        ours=1002,
        theirs={None, 1009},
        is_whole=False,
        right="both: no section says how soon a fault is to be seen",
        reason="RingSocket judges a frame by its first bytes; websockets judges it when all of it "
        "is there, and its length before that",
    ),
    "texts that nothing can make good": Known(
        rules={"not UTF-8 so far"},
        ours=1007,
        theirs=ANY,
        right="both: section 8.1 does not say how soon",
        reason="RingSocket reads text as it comes; websockets decodes it when it is whole, and may "
        "meet another end or fault before that",
    ),
    "texts that are wrong before another end": Known(
        rules={"not UTF-8"},
        ours=1007,
        theirs=ANY,
        right="RingSocket, by section 8.1: a text that is not UTF-8 MUST fail the connection",
        reason="websockets decodes a message when the application takes it, which may be after "
        "what is behind it was dealt with: a Close frame, another fault, the end",
    ),
    "Close frames that are wrong twice": Known(
        rules={"reserved close code"},
        ours=1002,
        theirs={1007},
        right="both: no section says which fault is to be named first",
        reason="RingSocket reads the code before the reason, websockets the reason before the code",
    ),
    "compressed messages that are a little too big": Known(
        rules={"message too big when inflated"},
        ours=1009,
        theirs={1000},
        right="RingSocket, by section 10.4 of RFC 6455, and because a message is not to be cut off",
        reason="websockets inflates up to the limit, and takes that for all of the message if zlib "
        "has read all of its bytes by then",
    ),
    "compressed bits in later fragments": Known(
        rules={"compressed bit in a later fragment"},
        ours=1002,
        theirs=ANY,
        is_whole=True,
        right="RingSocket, by RFC 7692, section 6: it MUST fail the connection",
        reason="websockets does not look at the bit in fragments of a compressed message",
    ),
    "compressed messages with blocks behind a last one": Known(
        rules={"close"},
        ours=ECHO,
        theirs={ECHO},
        has_late_blocks=True,
        right="RingSocket, by RFC 7692, section 7.2.3.4: others may follow a block with BFINAL set",
        reason="websockets forgets what is behind it",
    ),
    "compressed messages that break off": Known(
        rules={"ends within a block"},
        ours=1007,
        theirs=ANY,
        right="RingSocket, by RFC 7692, section 7.2.1: a message is made of whole blocks",
        reason="websockets takes what can be inflated for the message, and goes on",
    ),
    "compressed messages that are no such thing": Known(
        rules={"cannot be inflated"},
        ours=1007,
        theirs=ANY,
        right="both: RFC 7692 names no code; 1007 is for a payload that is not what it should be",
        reason="websockets says 1002; and if there is a last block among the bytes, it forgets "
        "what is behind it",
    ),
}  # fmt: skip


def explain(fault: Fault, ours: Code, theirs: Code) -> str | None:
    """The entry that explains a difference, if one does."""
    return next((name for name, known in KNOWN.items() if known.fits(fault, ours, theirs)), None)
