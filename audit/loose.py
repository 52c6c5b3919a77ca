"""Frames outside every tree: the other branch of a forked log, and single frames that came with a case.

No root covers them here, so what can be checked is each by itself: encoding, pins, signature, facts.
"""

from __future__ import annotations

from collections.abc import Callable

from audit.findings import Finding, Severity, error, from_error, warning
from audit.judge import Judge
from audit.openings import Branch
from audit.source import Source
from audit.subtree import BATCH
from ledger.act import verify_act
from ledger.body import check_facts
from ledger.entry import entry_hash
from ledger.errors import BanjianError, DataError
from ledger.frame import Frame, decode_frame
from ledger.types import LedgerId


class LooseChecker:
    """Checks frames that no tree covers.

    Args:
        source: the file.
        judge: keys and registry.
        ledger: id of the ledger.
        report: takes findings.
    """

    def __init__(
        self, source: Source, judge: Judge, ledger: LedgerId, report: Callable[[Finding], None]
    ) -> None:
        self._source = source
        self._judge = judge
        self._ledger = ledger
        self._report = report

    def check_branch(self, branch: Branch) -> int:
        """Check the frames of a branch and return how many there are."""
        name = branch.name
        self._report(warning("log.branch", log=name, size=branch.size))
        previous, count = b"", 0
        for first in range(1, branch.size + 1, BATCH):
            for row in self._source.events(name, first, first + BATCH - 1):
                count += 1
                seq = row.seq if isinstance(row.seq, int) else 0
                frame = self._decode(row.frame, name, seq)
                if frame is None:
                    previous = b""
                    continue
                if frame.entry.log_id.hex() != branch.base:
                    self._report(error("entry.log", log=name, seq=seq, found=frame.entry.log_id))
                if previous and frame.entry.previous != previous:
                    self._report(error("entry.chain", log=name, seq=seq))
                previous = entry_hash(frame.entry_raw)
                self._check(frame, self._source.facts_at(row, name), name, seq)
        return count

    def check_sparse(self) -> int:
        """Check the single frames of other logs and return how many there are."""
        count = 0
        for act, log, seq, raw, facts in self._source.sparse():
            count += 1
            place = (str(log), seq if isinstance(seq, int) else 0)
            frame = self._decode(raw, *place)
            if frame is None:
                continue
            named = (act, log, seq)
            if named != (frame.act.act_id, frame.entry.log_id.hex(), frame.entry.seq):
                self._report(error("sparse.row", log=place[0], seq=place[1], act=frame.act.act_id))
            self._check(frame, facts, *place)
        return count

    def _decode(self, raw: object, log: str, seq: int) -> Frame | None:
        try:
            return decode_frame(raw if isinstance(raw, bytes) else b"")
        except BanjianError as raised:
            self._report(from_error(raised, log=log, seq=seq))
            return None

    def _check(self, frame: Frame, facts: object, log: str, seq: int) -> None:
        act = frame.act
        try:
            if act.header.ledger_id != self._ledger:
                raise DataError("act.ledger")
            public_key = self._judge.public_key(act.header.actor)
            if public_key is None:
                raise DataError("authority.key_unknown", key=act.header.actor, size=act.header.registry_size)
            verify_act(act.raw, act.sig, public_key)
            if not isinstance(facts, bytes):
                raise DataError("act.facts_missing")
            check_facts(act.header, facts)
        except BanjianError as raised:
            # Kept as evidence or as it came: it has no effect, and no root says that it ever stood there.
            changed = raised.code in ("act.facts_hash", "act.facts_missing")
            severity: Severity = "error" if changed else "warning"
            self._report(from_error(raised, severity=severity, log=log, seq=seq, act=act.act_id))
