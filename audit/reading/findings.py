"""Findings: what an audit has to say, as data. Bad bytes are findings, never exceptions.

``error`` means that the files do not hold what they claim to hold. What a ledger itself shows and keeps (an
act without effect, the branch of a fork, a record entered late) is a ``warning`` when somebody should look at
it, else a ``notice``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from ledger.errors import BanjianError, Param

Severity = Literal["error", "warning", "notice"]

SEVERITIES: Final[tuple[Severity, ...]] = ("error", "warning", "notice")
"""Worst first."""
KEPT_PER_CODE_MAX: Final = 200
"""Findings of one code and severity that are kept whole; the others are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing found.

    Attributes:
        code: stable dotted code; its texts are in ``ledger/texts``.
        severity: ``error``, ``warning`` or ``notice``.
        log: log name in hex, "" when the finding concerns no log.
        seq: position in the log from 1, 0 when it concerns no position.
        act: act id, empty when it concerns no act.
        case: case id, empty when it concerns no case.
        params: values for the text.
    """

    code: str
    severity: Severity
    log: str = ""
    seq: int = 0
    act: bytes = b""
    case: bytes = b""
    params: Mapping[str, Param] = field(default_factory=dict)


def error(
    code: str, /, *, log: str = "", seq: int = 0, act: bytes = b"", case: bytes = b"", **params: Param
) -> Finding:
    """Return a finding that says that the files do not hold what they claim."""
    return Finding(code=code, severity="error", log=log, seq=seq, act=act, case=case, params=params)


def warning(
    code: str, /, *, log: str = "", seq: int = 0, act: bytes = b"", case: bytes = b"", **params: Param
) -> Finding:
    """Return a finding that somebody should look at."""
    return Finding(code=code, severity="warning", log=log, seq=seq, act=act, case=case, params=params)


def notice(
    code: str, /, *, log: str = "", seq: int = 0, act: bytes = b"", case: bytes = b"", **params: Param
) -> Finding:
    """Return a finding that is worth knowing."""
    return Finding(code=code, severity="notice", log=log, seq=seq, act=act, case=case, params=params)


def from_error(
    raised: BanjianError,
    *,
    severity: Severity = "error",
    log: str = "",
    seq: int = 0,
    act: bytes = b"",
) -> Finding:
    """Return what an exception of the product says as a finding; place and severity come from the caller."""
    return Finding(code=raised.code, severity=severity, log=log, seq=seq, act=act, params=dict(raised.params))


@dataclass(slots=True)
class Collector:
    """Takes findings; keeps the first of each code and counts all, so that a ruined file fits in memory."""

    kept: list[Finding] = field(default_factory=list)
    counts: Counter[tuple[Severity, str]] = field(default_factory=Counter)

    def add(self, finding: Finding) -> None:
        """Take one finding."""
        key = (finding.severity, finding.code)
        self.counts[key] += 1
        if self.counts[key] <= KEPT_PER_CODE_MAX:
            self.kept.append(finding)

    def extend(self, findings: Iterable[Finding]) -> None:
        """Take several findings."""
        for finding in findings:
            self.add(finding)

    def take(self, other: Collector) -> None:
        """Take what another one took, as if all of it had come here."""
        room = {key: KEPT_PER_CODE_MAX - self.counts[key] for key in other.counts}
        self.counts.update(other.counts)
        for finding in other.kept:
            key = (finding.severity, finding.code)
            room[key] -= 1
            if room[key] >= 0:
                self.kept.append(finding)

    def total(self, severity: Severity) -> int:
        """Return how many findings of a severity came in, kept or not."""
        return sum(count for (found, _), count in self.counts.items() if found == severity)

    def sorted(self) -> tuple[Finding, ...]:
        """Return the kept findings, the worst first, else in the order in which they came."""
        return tuple(sorted(self.kept, key=lambda finding: SEVERITIES.index(finding.severity)))
