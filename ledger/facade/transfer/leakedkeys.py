"""Acts that a leaked key signed and the county had not seen when it ended: they count, and are told.

Whoever has the machine and the passphrase signs on with an older registry, and nobody can tell such an act
from one that was signed before and came late. So it counts like any other; but who supervises must hear of
it from the running station. A key that ended in good order is left alone: what came late is usual there.

Source: docs/protocol.md, "Registry".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from ledger.cases.shape import CaseFinding
from ledger.errors import BanjianError
from ledger.facade.base.marks import kept_number
from ledger.facade.base.synctables import SYNC_FINDINGS, SYNC_MARKS
from ledger.facade.cases.casebook import CaseBook
from ledger.facade.logs.histories import branch_names
from ledger.facade.logs.opening import BRANCH_MARK, Holdings
from ledger.formats.frame import decode_frame
from ledger.formats.rank import recorded_at_ms
from ledger.registry.authority import Retirement
from ledger.registry.registry import Registry
from ledger.store import schema
from ledger.store.contract import ReadTx, Store
from ledger.store.tables import Row
from ledger.types import CaseId, KeyId, LogId

KEY_LEAKED: Final = "act.key_leaked"
NOTICE: Final = "case.notice.key_leaked"
COMPROMISED = "compromised"
KIOSK = "kiosk"
MARK_LEAKED: Final = "leaked_looked_for"
"""Up to which size of the registry acts by keys that it says have leaked were looked for."""


def is_leaked(registry: Registry, actor: KeyId, log_id: LogId, seq: int) -> bool:
    """Tell whether an act is one that a leaked key signed and that the county had not seen by then.

    Args:
        registry: as held here.
        actor: key that signed.
        log_id: the log.
        seq: position in the log, in a branch as well.
    """
    ended = registry.retirement(actor)
    return ended is not None and ended.reason == COMPROMISED and seq > ended.seen_size(log_id)


def note_leaked(store: Store, registry: Registry, holdings: Holdings, *, anew: bool) -> None:
    """Note what was here before it was known that the key had leaked.

    Up to which size of the registry that was done is written down with it: an older program did not look, and
    the power may fail in between. Where no key ever leaked nothing is.

    Args:
        store: the open store, as its one writer.
        registry: as held by now.
        holdings: the logs.
        anew: whether the registry was folded anew, so that earlier ends may count otherwise.
    """
    leaked = {
        key: one
        for key, one in registry.retirements().items()
        if one.reason == COMPROMISED and _signs_acts(registry, key, one)
    }
    if not leaked:
        return
    with store.read() as tx:
        looked = kept_number(tx, MARK_LEAKED)
        since = 0 if anew or looked > registry.size else looked
        ended = {key: one for key, one in leaked.items() if one.position > since}
        rows = list(_found(tx, holdings, ended)) if ended else []
    if ended:
        with store.write() as tx:
            tx.insert_missing(SYNC_FINDINGS, rows)
            tx.upsert(SYNC_MARKS, [(MARK_LEAKED, str(registry.size))])


def leaked_notices(
    tx: ReadTx, book: CaseBook, registry: Registry, case_id: CaseId
) -> tuple[CaseFinding, ...]:
    """Return what the page of a case says of acts by leaked keys."""
    ended = {key for key, one in registry.retirements().items() if one.reason == COMPROMISED}
    if not ended:
        return ()
    acts, people = [], set()
    for stored in book.stored(tx, (case_id,)):
        try:
            frame = decode_frame(stored.frame)
        except BanjianError:
            continue  # told elsewhere
        actor = frame.act.header.actor
        if actor in ended and is_leaked(registry, actor, frame.entry.log_id, frame.entry.seq):
            acts.append(frame.act.act_id)
            holder = registry.holder(actor)
            people.add("—" if holder is None or not holder[1] else holder[1])
    if not acts:
        return ()
    return (CaseFinding(NOTICE, tuple(acts), {"staff_no": "、".join(sorted(people)), "count": len(acts)}),)


def _signs_acts(registry: Registry, key: KeyId, ended: Retirement) -> bool:
    """Tell whether a key may have signed acts: those for receipts and sticks never do."""
    held = registry.authority(key, size=ended.position - 1)
    return held is None or held.kind != "service" or held.purpose == KIOSK


def _found(tx: ReadTx, holdings: Holdings, ended: Mapping[KeyId, Retirement]) -> Iterator[Row]:
    for log_id, name, seq, frame in _frames(tx, holdings, ended):
        key = next((key for key in ended if bytes(key) in frame), None)
        if key is not None and _is_behind(frame, key, ended[key], log_id):
            yield (KEY_LEAKED, name, seq, recorded_at_ms(frame), "", 0)


def _frames(
    tx: ReadTx, holdings: Holdings, ended: Mapping[KeyId, Retirement]
) -> Iterator[tuple[LogId, str, int, bytes]]:
    """Yield what may be by one of the keys: of logs held whole, of branches, and single records."""
    names = [name for name, log in holdings.logs.items() if log.genesis.kind == "station"]
    for name in (*names, *branch_names(tx)):
        log = holdings.logs.get(name.partition(BRANCH_MARK)[0])
        if log is None:
            continue
        # In a branch the positions are counted anew, the entry says where it stands.
        seen = min(one.seen_size(log.genesis.log_id()) for one in ended.values())
        first = 1 if BRANCH_MARK in name else seen + 1
        for seq, frame in tx.frames(name, first, tx.size(name)):
            yield log.genesis.log_id(), name, seq, frame
    for row in tx.select(schema.SPARSE, {}):
        lane, place, single = str(row[0]), row[1], row[3]
        log = holdings.logs.get(lane.partition(BRANCH_MARK)[0])
        if log is None or log.genesis.kind != "station":
            continue
        if isinstance(place, int) and isinstance(single, bytes):
            yield log.genesis.log_id(), lane, place, single


def _is_behind(frame: bytes, key: KeyId, ended: Retirement, log_id: LogId) -> bool:
    try:
        whole = decode_frame(frame)
    except BanjianError:
        return False
    return whole.act.header.actor == key and whole.entry.seq > ended.seen_size(log_id)
