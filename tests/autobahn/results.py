"""The committed results: what each case of the suite must come out as.

results.json holds a list per case: behaviour, closing behaviour and, where the behaviour is not
simply OK or INFORMATIONAL, the name of one of the reasons at its head. Two behaviours with a bar
between them mean that timing decides which it is.
Not for: running the suite (suite.py).
"""

import json
from pathlib import Path

GOOD = {"OK", "INFORMATIONAL"}
# Accepted with a reason.
CHOICE = "NON-STRICT"


def in_order(case: str) -> list[int]:
    """The key that sorts 2.10 after 2.9."""
    return [int(number) for number in case.split(".")]


class Results:
    """The file of results."""

    def __init__(self, path: Path):
        self.path = path
        data = json.loads(path.read_text()) if path.exists() else {}
        self.reasons = data.get("reasons", {})
        self.cases = data.get("cases", {})

    def is_as_committed(self, case: str, behavior: str, close: str) -> bool:
        entry = self.cases.get(case)
        return entry is not None and behavior in entry[0].split("|") and close == entry[1]

    def faults(self) -> list[str]:
        """Whatever may not be committed."""
        found = []
        for case, (behaviors, close, *reason) in self.cases.items():
            bad = {*behaviors.split("|"), close} - GOOD
            if close not in GOOD or bad - {CHOICE}:
                found.append(f"{case}: {behaviors}, closing {close} is not conformant")
            elif bad and (not reason or reason[0] not in self.reasons):
                found.append(f"{case}: {behaviors} needs a reason in {self.path.name}")
        used = {reason for _, _, *reasons in self.cases.values() for reason in reasons}
        found += [f"no case has the reason {name!r}" for name in self.reasons.keys() - used]
        return found

    def differences(self, reported: dict, is_whole: bool) -> list[str]:
        """What came out otherwise than committed."""
        found = []
        for case, (behavior, close) in sorted(reported.items(), key=lambda it: in_order(it[0])):
            if not self.is_as_committed(case, behavior, close):
                committed = self.cases.get(case)
                told = f"{committed[0]}, closing {committed[1]}" if committed else "nothing"
                found.append(f"{case}: {behavior}, closing {close}; committed is {told}")
        if is_whole:
            gone = sorted(self.cases.keys() - reported.keys(), key=in_order)
            found += [f"{case}: committed, but not a case of the suite" for case in gone]
        return found

    def update(self, reported: dict, is_whole: bool):
        """Takes over what differs, and writes the file."""
        for case, (behavior, close) in reported.items():
            if not self.is_as_committed(case, behavior, close):
                self.cases[case] = [behavior, close]
        kept = reported if is_whole else self.cases
        self.cases = {case: self.cases[case] for case in sorted(kept, key=in_order)}
        reasons = json.dumps(self.reasons, indent=4, sort_keys=True).replace("\n", "\n    ")
        cases = ",\n".join(
            f"        {json.dumps(case)}: {json.dumps(entry)}" for case, entry in self.cases.items()
        )
        text = f'{{\n    "reasons": {reasons},\n    "cases": {{\n{cases}\n    }}\n}}\n'
        self.path.write_text(text)
