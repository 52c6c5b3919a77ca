"""Acts that came before what they rest on: folded again once registry or catalogue have grown.

An act whose author's key was not known is stored as opaque. When the key arrives, as it does at a county that
gets its registry back from its stations, the act is checked again and counts from then on like any other.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from ledger.errors import BanjianError
from ledger.facade.base.peers import STUCK
from ledger.facade.base.synctables import SYNC_FINDINGS
from ledger.facade.cases.awaited import (
    BEFORE_ALL,
    Sizes,
    due_cases,
    due_findings,
    has_findings,
    looked_at,
    sizes_of,
    waiting_detail,
)
from ledger.facade.cases.views import CaseView
from ledger.facade.logs.bodies import Place
from ledger.facade.logs.histories import stored_link_fault
from ledger.facade.logs.placing import frame_at
from ledger.formats.act import Act, case_of, decode_act
from ledger.formats.frame import decode_frame, split_frame
from ledger.known.knowledge import Knowledge
from ledger.known.verified import OPAQUE, act_fault
from ledger.registry.authority import KEY_UNKNOWN
from ledger.registry.registry import Registry
from ledger.store import schema
from ledger.store.contract import ReadTx, Store, WriteTx
from ledger.store.tables import Row
from ledger.types import CaseId

BATCH = 500
"""Cases that are folded at once."""


def renew_latecomers(store: Store, view: CaseView, knowledge: Knowledge, *, anew: bool = False) -> None:
    """Fold again what waited and may look otherwise by now; writes nothing where nothing may.

    Args:
        store: the open store, as its one writer.
        view: of the cases.
        knowledge: registry and catalogue as they are known by now.
        anew: whether they were folded anew, so that nothing of what was known of them holds any more.
    """
    with store.read() as tx:
        since = BEFORE_ALL if anew else looked_at(tx)
        keyless = _keyless(tx, knowledge.registry, since) if has_findings(tx, KEY_UNKNOWN) else []
        cases = due_cases(tx, sizes_of(knowledge), everything=anew)
    if keyless or cases:
        with store.write() as tx:
            recognised = _recognise(tx, knowledge.registry, keyless)
            for first in range(0, len(cases), BATCH):
                view.touch(tx, cases[first : first + BATCH])
            view.touch(tx, recognised)


def _keyless(tx: ReadTx, registry: Registry, since: Sizes) -> list[Row]:
    """Return the findings about acts whose key may be known since the registry had a size."""
    if since == BEFORE_ALL:
        return list(tx.select(SYNC_FINDINGS, {"code": KEY_UNKNOWN}))
    return [
        row
        for where in due_findings([KEY_UNKNOWN], registry, since)
        for row in tx.select(SYNC_FINDINGS, where)
    ]


def _recognise(tx: WriteTx, registry: Registry, found: Iterable[Row]) -> dict[CaseId, None]:
    """Let acts count whose key is known by now and whose signature holds; returns their cases."""
    cases: dict[CaseId, None] = {}
    for row in found:
        place = Place(str(row[1]), row[2] if isinstance(row[2], int) else 0)
        act = _sound(tx, place, registry)
        if act is None:
            _note_key(tx, registry, row, place)
            continue
        case_id = case_of(act)
        held = tx.get(schema.ACTS, (case_id, act.act_id))
        if held is not None and held[4] == OPAQUE:
            tx.upsert(schema.ACTS, [(*held[:4], act.header.action)])
        tx.delete(SYNC_FINDINGS, {"code": KEY_UNKNOWN, "log": place.log, "seq": place.seq})
        cases[case_id] = None
    return cases


def _note_key(tx: WriteTx, registry: Registry, row: Row, place: Place) -> None:
    """Write down at a finding for whose key it waits, where an older program did not."""
    frame = frame_at(tx, place)
    if frame is None or row[4] == STUCK:
        return
    with suppress(BanjianError):
        detail = waiting_detail(KEY_UNKNOWN, decode_act(split_frame(frame).act_raw), registry)
        if detail != row[4]:
            tx.upsert(SYNC_FINDINGS, [(*row[:4], detail, row[5])])


def _sound(tx: WriteTx, place: Place, registry: Registry) -> Act | None:
    frame = frame_at(tx, place)
    if frame is None or act_fault(frame, ledger_id=registry.ledger_id, public_key=registry.public_key):
        return None
    if stored_link_fault(tx, place, frame):
        return None
    return decode_frame(frame).act
