"""Acts that came before what they rest on: folded again once registry or catalogue have grown.

An act whose author's key was not known is stored as opaque. When the key arrives, as it does at a county that
gets its registry back from its stations, the act is checked again and counts from then on like any other.
"""

from __future__ import annotations

from ledger.act import Act, case_of
from ledger.facade.base.synctables import AWAITING, SYNC_FINDINGS
from ledger.facade.cases.views import CaseView
from ledger.facade.logs.bodies import Place
from ledger.facade.logs.histories import stored_link_fault
from ledger.facade.logs.placing import frame_at
from ledger.frame import decode_frame
from ledger.registry import Registry
from ledger.store import schema
from ledger.store.contract import Store, WriteTx
from ledger.types import CaseId
from ledger.verified import KEY_UNKNOWN, OPAQUE, act_fault


def renew_latecomers(store: Store, view: CaseView, registry: Registry) -> None:
    """Fold again what waited; does nothing, and writes nothing, where nothing waits."""
    with store.read() as tx:
        waits = any(next(tx.select(table, where, limit=1), None) for table, where in (
            (AWAITING, {}), (SYNC_FINDINGS, {"code": KEY_UNKNOWN})))  # fmt: skip
    if not waits:
        return
    with store.write() as tx:
        recognised = _recognise(tx, registry)
        view.renew_awaiting(tx)
        view.touch(tx, recognised)


def _recognise(tx: WriteTx, registry: Registry) -> dict[CaseId, None]:
    """Let acts count whose key is known by now and whose signature holds; returns their cases."""
    cases: dict[CaseId, None] = {}
    for row in list(tx.select(SYNC_FINDINGS, {"code": KEY_UNKNOWN})):
        place = Place(str(row[1]), row[2] if isinstance(row[2], int) else 0)
        act = _sound(tx, place, registry)
        if act is None:
            continue
        case_id = case_of(act)
        held = tx.get(schema.ACTS, (case_id, act.act_id))
        if held is not None and held[4] == OPAQUE:
            tx.upsert(schema.ACTS, [(*held[:4], act.header.action)])
        tx.delete(SYNC_FINDINGS, {"code": KEY_UNKNOWN, "log": place.log, "seq": place.seq})
        cases[case_id] = None
    return cases


def _sound(tx: WriteTx, place: Place, registry: Registry) -> Act | None:
    frame = frame_at(tx, place)
    if frame is None or act_fault(frame, ledger_id=registry.ledger_id, public_key=registry.public_key):
        return None
    if stored_link_fault(tx, place, frame):
        return None
    return decode_frame(frame).act
