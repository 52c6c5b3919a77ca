"""What was found and stays as it is: somebody looks at it once, says so, and is told no more.

Most of what is found while records are taken in settles itself: by the next session, a longer registry, a
record that is healed. A fork, a second beginning of a station's log, a log that claims to continue another
one, entries that a log lost by being reopened, and acts that count for nothing stay for good, whatever is
done about them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ledger.errors import BanjianError
from ledger.facade.base.synctables import (
    CHANGED_OUTSIDE,
    FOREIGN_PARENT,
    FORK,
    REOPENED_EARLY,
    SECOND_FIRST,
    SYNC_FINDINGS,
)
from ledger.facade.logs.bodies import read_facts
from ledger.facade.logs.comingback import lost_by_reopening
from ledger.facade.logs.opening import HeldLog, read_frames
from ledger.facade.logs.treerows import NODES_LOST
from ledger.facade.opened.parts import Parts
from ledger.facade.transfer.withouteffect import is_without_effect
from ledger.formats.act import case_of
from ledger.formats.body import check_facts
from ledger.formats.frame import act_in
from ledger.store.contract import ReadTx, WriteTx

STAYING: Final = (SECOND_FIRST, REOPENED_EARLY, FORK, FOREIGN_PARENT, CHANGED_OUTSIDE, NODES_LOST)
"""Codes of findings about whole logs and files that nothing settles but somebody who looked into them."""
_SUBJECTS: Final = ("staff_no", "station", "purpose")
ACTS_MAX: Final = 1_000
"""Acts of a lost end that are read at once."""


def note_changed_outside(tx: WriteTx, *, now_ms: int) -> None:
    """Keep that another program wrote into the file while it was open here, until somebody has seen it."""
    tx.upsert(SYNC_FINDINGS, [(CHANGED_OUTSIDE, "", 0, now_ms, "", 0)])


def is_changed_outside(tx: ReadTx) -> bool:
    """Whether another program wrote into the file while it was open here, and nobody has seen to it yet."""
    return tx.count(SYNC_FINDINGS, {"code": CHANGED_OUTSIDE, "settled": 0}) > 0


def is_staying(code: str, detail: str) -> bool:
    """Tell whether nothing settles findings of a code but somebody who has looked into them."""
    return code in STAYING or is_without_effect(code, detail)


def settle_seen(tx: WriteTx) -> int:
    """Settle everything that only stays because nobody has said that it was seen; returns how much it was."""
    rows = [row for row in tx.select(SYNC_FINDINGS, {"settled": 0}) if is_staying(str(row[0]), str(row[4]))]
    tx.upsert(SYNC_FINDINGS, [(*row[:5], 1) for row in rows])
    return len(rows)


def is_seen(tx: ReadTx, code: str, logs: Iterable[str]) -> bool:
    """Whether something was found of a code about some logs, and somebody has seen all of it."""
    rows = [row for log in logs for row in tx.select(SYNC_FINDINGS, {"code": code, "log": log})]
    return bool(rows) and all(row[5] == 1 for row in rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class LostByReopening:
    """What a log of the county lost because it was opened anew too early.

    Attributes:
        count: entries that were left out, as stations below say.
        acts: of each of them that has come since, its action and whom or what it is about.
        seen: whether somebody has looked into it.
    """

    log: HeldLog
    count: int
    acts: tuple[str, ...]
    seen: bool


def read_lost(tx: ReadTx, parts: Parts) -> list[LostByReopening]:
    """Return what logs written here lost by being reopened."""
    return [
        LostByReopening(
            log=log,
            count=count,
            acts=tuple(_acts(tx, parts, log)),
            seen=is_seen(tx, REOPENED_EARLY, [log.name]),
        )
        for log, count in lost_by_reopening(tx, parts.succession, parts.holdings)
    ]


def _acts(tx: ReadTx, parts: Parts, log: HeldLog) -> list[str]:
    counted = parts.succession.continued_at(log.genesis.log_id()) or 0
    last = min(tx.size(log.name), counted + ACTS_MAX)
    return [_told(tx, frame) for frame in read_frames(tx, log.name, after=counted, last=last)]


def _told(tx: ReadTx, frame: bytes) -> str:
    try:
        act = act_in(frame)
        raw = read_facts(tx, case_of(act), act.act_id)
        facts = {} if raw is None else check_facts(act.header, raw)
    except BanjianError:
        return "?"
    subject = next((str(facts[name]) for name in _SUBJECTS if facts.get(name)), "")
    return f"{act.header.action} {subject}".strip()
