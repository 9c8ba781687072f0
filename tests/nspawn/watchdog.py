"""The watchdog in a booted Debian: an app that hangs, what is said of it, and what becomes of clients.

A step of scenario.py, in a file of its own; the app is needs.c. Not for: when a thread counts as stuck
(unit tests of the daemon).
"""

import asyncio
import json
import time

from clients import PATIENCE_S, Prober, client, close_code

SERVICE = "ringsocket.service"
DROP_IN = f"/etc/systemd/system/{SERVICE}.d/watchdog.conf"
# In place of the 30 s of the unit.
WATCHDOG_S = 3
# THREAD_STUCK of the daemon's message ids.
STUCK = "7b20061b060e4124a4c5a1829403f113"


class Watchdog:
    """The step; a part of `Scenario`, whose attributes it uses, while the app `needs` is there."""

    def entries(self, match: str) -> list[dict]:
        """Lines of the journal with all their fields, the oldest first."""
        lines = self.run(f"journalctl --quiet --output=json {match}").splitlines()
        return [json.loads(line) for line in lines]

    async def echoes(self, ws, text: str):
        await ws.send(text)
        assert await asyncio.wait_for(ws.recv(), PATIENCE_S) == text

    async def step_watchdog(self):
        """an app that hangs has the watchdog bite: it is named, nobody is refused, all is served anew"""
        self.container.write(DROP_IN, f"[Service]\nWatchdogSec={WATCHDOG_S}\n")
        self.again()
        before = self.show(SERVICE, "MainPID")
        with Prober(self.port) as plain, Prober(self.port, "/echo") as upgraded:
            async with client(self.url("echo")) as other, client(self.url("needs")) as stuck:
                await self.echoes(other, "before")
                begun = time.monotonic()
                await stuck.send("hang")
                await self.echoes(other, "while another app hangs")
                assert await close_code(other) == 1006, "it ends as in a crash"
            async with client(self.url("echo")) as again:
                await self.echoes(again, "after")
                took = time.monotonic() - begun
        assert self.show(SERVICE, "MainPID") not in (before, "0")
        self.bitten(before)
        refused = plain.refused + upgraded.refused
        assert refused == 0, f"{refused} connections were refused"
        # Those that the old process had accepted when it was ended: a handful, not a stream.
        cut = plain.cut + upgraded.cut
        assert cut < 20, f"{cut} connections were cut off"
        self.figure(f"hang until served anew, WatchdogSec={WATCHDOG_S}", f"{took:.1f} s")
        # Not at once, and long before the unit's own watchdog would have bitten.
        assert WATCHDOG_S / 2 < took < 15, f"{took:.1f} s"
        assert await self.asked("ordinary") == ["ok"]
        self.run(f"rm {DROP_IN}")
        self.again()

    def bitten(self, pid: str):
        """Holds what the journal says: the daemon of the stuck thread, and systemd, later, of the end."""
        named = self.entries(f"MESSAGE_ID={STUCK} _PID={pid}")
        assert named, self.run(f"journalctl --unit={SERVICE} -n 40")
        for entry in named:
            assert "app needs is stuck" in entry["MESSAGE"], entry["MESSAGE"]
        ends = self.entries(f"UNIT={SERVICE} UNIT_RESULT=watchdog")
        assert len(ends) == 1, f"{ends}"
        first, end = (int(entry["__MONOTONIC_TIMESTAMP"]) for entry in (named[0], ends[0]))
        assert first < end, "it was named too late"
