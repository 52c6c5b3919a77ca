"""Rows that no act leads to, and acts that the tables do not place where they stand.

Whether all rows of acts are right is told by counting: the check of the cases counts the rows that fit, for
each batch of a log, and the check of the log its acts. Only a batch where the two differ is looked through.

Source: docs/protocol.md, "Reading a ledger file".
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from audit.caserange import BatchKey
from audit.findings import Finding, error, notice
from audit.source import EventRow, Source
from audit.subtree import BATCH
from ledger.act import Act, act_id, case_of, decode_act
from ledger.errors import BanjianError
from ledger.frame import split_frame


def check_places(
    source: Source,
    acts: Mapping[str, Sequence[int]],
    placed: Mapping[BatchKey, int],
    *,
    misfiled: Collection[bytes],
    report: Callable[[Finding], None],
) -> None:
    """Find the acts without a right row, and bodies at a place that is not the act's first.

    Args:
        source: the file.
        acts: acts that decode, by log and batch.
        placed: rows of acts that fit, by log and batch.
        misfiled: acts whose row names another case: that was reported.
        report: takes findings.
    """
    for log, counts in acts.items():
        for batch, count in enumerate(counts):
            if placed.get((log, batch), 0) == count:
                continue
            first = batch * BATCH + 1
            looks = [
                _look(source, log, row, misfiled) for row in source.events(log, first, first + BATCH - 1)
            ]
            for finding in (finding for look in looks if look is not None for finding in look):
                report(finding)
            if all(look is None for look in looks):
                # Every act has its row, and yet they are not as many: pages stand where they should not.
                report(error("file.damaged", log=log, seq=first, cause="store.damaged"))


def check_bodies(source: Source, sizes: Mapping[str, int], report: Callable[[Finding], None]) -> None:
    """Find bodies outside every log.

    Args:
        source: the file.
        sizes: highest position of every log and branch in the file.
        report: takes findings.
    """
    for log in source.logs_with_bodies():
        for seq in source.bodies_outside(log, sizes.get(log, 0)):
            report(error("body.orphan", log=log, seq=seq))


def _look(source: Source, log: str, row: EventRow, misfiled: Collection[bytes]) -> list[Finding] | None:
    """Return what is wrong with the row of an act, None when nothing is."""
    seq = row.seq if isinstance(row.seq, int) else 0
    try:
        parts = split_frame(row.frame if isinstance(row.frame, bytes) else b"")
        act = Act(decode_act(parts.act_raw), parts.act_raw, parts.sig, act_id(parts.act_raw))
    except BanjianError:
        return None
    place = source.place_of(case_of(act), act.act_id)
    if place is None:
        missing = error("acts.missing", log=log, seq=seq, act=act.act_id)
        return [] if act.act_id in misfiled else [missing]
    if place == (log, seq):
        return None
    other_log, other_seq = place
    if not (isinstance(other_log, str) and isinstance(other_seq, int)) or (
        source.act_at(other_log, other_seq) != act.act_id
    ):
        return [error("acts.row", log=log, seq=seq, act=act.act_id, field="log")]
    found = [notice("act.repeated", log=log, seq=seq, act=act.act_id)]
    if (row.facts, row.nonce, row.personal) != (None, None, None):
        # The bodies of an act lie at its first place: what is erased there must not go on lying here.
        found.append(error("body.orphan", log=log, seq=seq, act=act.act_id))
    return found
