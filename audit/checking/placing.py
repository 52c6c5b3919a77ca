"""Rows that no act leads to, and acts that the tables do not place where they stand.

Whether all rows of acts are right is told by counting: the check of the cases counts the rows that fit, for
each batch of a log, and the check of the log its acts. Only a batch where the two differ is looked through.

Source: docs/protocol.md, "Reading a ledger file".
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from audit.checking.acts import OPAQUE
from audit.checking.caserange import BatchKey
from audit.reading.findings import Finding, error, notice
from audit.reading.ranks import rank_of, stored_act
from audit.reading.source import EventRow, Source
from audit.reading.subtree import BATCH
from ledger.formats.act import Act, case_of
from ledger.types import StationId


def check_places(
    source: Source,
    acts: Mapping[str, Sequence[int]],
    placed: Mapping[BatchKey, int],
    *,
    places: PlaceCheck,
    report: Callable[[Finding], None],
) -> None:
    """Find the acts without a right row, and bodies at a place that is not the act's own.

    Args:
        source: the file.
        acts: acts that decode, by log or branch and batch.
        placed: rows of acts that fit, by log and batch.
        places: compares places.
        report: takes findings.
    """
    for log, counts in acts.items():
        for batch, count in enumerate(counts):
            if placed.get((log, batch), 0) == count:
                continue
            first = batch * BATCH + 1
            looks = [_look(places, log, row) for row in source.events(log, first, first + BATCH - 1)]
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


class PlaceCheck:
    """Compares the places of acts with the one that the table of acts names.

    Args:
        source: the file.
        stations: station of every log by name, those of single frames among them.
        misfiled: acts whose row names another case: that was reported.
    """

    def __init__(
        self, source: Source, stations: Mapping[str, StationId], misfiled: Collection[bytes] = ()
    ) -> None:
        self._source = source
        self._stations = stations
        self._misfiled = misfiled

    def look(self, act: Act, frame: bytes, *, log: str, seq: int, opaque: bool) -> list[Finding] | None:
        """Return what is wrong with the row of an act that stands at a place; None when it names this one.

        Args:
            act: the act.
            frame: its frame there.
            log: name of the log or branch.
            seq: position there.
            opaque: the frame is stored as one that never counts.
        """
        row = self._source.row_of(case_of(act), act.act_id)
        if row is None:
            missing = error("acts.missing", log=log, seq=seq, act=act.act_id)
            return [] if act.act_id in self._misfiled else [missing]
        other_log, other_seq, action = row
        if (other_log, other_seq) == (log, seq):
            return None
        if not (isinstance(other_log, str) and isinstance(other_seq, int)):
            return [error("acts.row", log=log, seq=seq, act=act.act_id, field="log")]
        named = next((one for one in self._acts_at(other_log, other_seq) if one[0] == act.act_id), None)
        if named is None:
            return [error("acts.row", log=log, seq=seq, act=act.act_id, field="log")]
        here = rank_of(self._stations, act, frame, log=log, seq=seq, opaque=opaque)
        there = rank_of(self._stations, act, named[1], log=other_log, seq=other_seq, opaque=action == OPAQUE)
        if here < there:
            return [error("acts.row", log=log, seq=seq, act=act.act_id, field="log")]
        return [notice("act.repeated", log=log, seq=seq, act=act.act_id)]

    def _acts_at(self, log: str, seq: int) -> Iterator[tuple[bytes, bytes]]:
        """Yield id and frame of the acts that stand at a place."""
        for frame, _ in self._source.frames_at(log, seq):
            act = stored_act(frame)
            if act is not None:
                yield act.act_id, frame


def _look(places: PlaceCheck, log: str, row: EventRow) -> list[Finding] | None:
    """Return what is wrong with the row of an act, None when nothing is."""
    seq = row.seq if isinstance(row.seq, int) else 0
    frame = row.frame if isinstance(row.frame, bytes) else b""
    act = stored_act(frame)
    if act is None:
        return None
    found = places.look(act, frame, log=log, seq=seq, opaque=row.topic == OPAQUE)
    repeated = found is not None and any(one.code == "act.repeated" for one in found)
    if found is not None and repeated and (row.facts, row.nonce, row.personal) != (None, None, None):
        # The bodies of an act lie at its own place: what is erased there must not go on lying here.
        found.append(error("body.orphan", log=log, seq=seq, act=act.act_id))
    return found
