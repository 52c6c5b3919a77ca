"""The bodies of acts: each stands where the table of acts says that its act stands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ledger.errors import DataError
from ledger.facade.base.vault import Vault
from ledger.formats.body import open_body
from ledger.limits import PERSONAL_BYTES_MAX
from ledger.store import schema
from ledger.store.contract import ReadTx, WriteTx
from ledger.store.tables import Cell, OneOf, Row
from ledger.types import ActId, CaseId, Facts

ASKED_MAX = 1_024
"""Values in one condition."""


class Place(NamedTuple):
    """Where an act stands: name of the log and position from 1."""

    log: str
    seq: int


class Sealed(NamedTuple):
    """A personal body as it is kept: of which act, where, under which nonce."""

    act_id: ActId
    place: Place
    nonce: bytes
    ciphertext: bytes


def place_of(tx: ReadTx, case_id: CaseId, act_id: ActId) -> Place | None:
    """Return where an act of a case stands; None when it is not held here."""
    row = tx.get(schema.ACTS, (case_id, act_id))
    return None if row is None else place_in(row)


def place_in(row: Row) -> Place:
    """Return the place that a row of ``ACTS`` names."""
    _, _, log, seq, _ = row
    return Place(str(log), seq if isinstance(seq, int) else 0)


def read_facts(tx: ReadTx, case_id: CaseId, act_id: ActId) -> bytes | None:
    """Return the bytes of an act's facts; None when they are not here."""
    place = place_of(tx, case_id, act_id)
    row = None if place is None else tx.get(schema.BODIES, place)
    return None if row is None else _bytes_or_none(row[2])


def read_personal(tx: ReadTx, vault: Vault, case_id: CaseId, act_id: ActId) -> bytes | None:
    """Return the bytes of a personal body; None when it is erased, withheld, absent or sealed by another key.

    In a restored ledger a case may get a new key before its first one is brought back.
    """
    place = place_of(tx, case_id, act_id)
    row = None if place is None else tx.get(schema.BODIES, place)
    if row is None or not (isinstance(row[3], bytes) and isinstance(row[4], bytes)):
        return None
    key = tx.get(schema.CASE_KEYS, (case_id,))
    if key is None or not isinstance(key[1], bytes):
        return None
    case_key = vault.unwrap(case_id, key[1])
    try:
        return case_key.open(row[4], act_id=act_id, nonce=row[3])
    except DataError:
        return None


def stored_personal(tx: ReadTx, vault: Vault, case_id: CaseId) -> Callable[[ActId], Facts | None]:
    """Return what opens the personal bodies of a case's acts; that gives None where ``read_personal`` does.

    It raises ``EncodingError`` or ``DataError`` for a body that is none.
    """

    def opened(act_id: ActId) -> Facts | None:
        raw = read_personal(tx, vault, case_id, act_id)
        return None if raw is None else open_body(raw, limit_bytes=PERSONAL_BYTES_MAX)

    return opened


def bodies_at(tx: ReadTx, places: Mapping[str, Sequence[int]]) -> dict[tuple[Cell, Cell], Row]:
    """Return the rows of ``BODIES`` at some positions of some logs, by log and position."""
    found: dict[tuple[Cell, Cell], Row] = {}
    for log, seqs in places.items():
        for first in range(0, len(seqs), ASKED_MAX):
            asked = OneOf(tuple(seqs[first : first + ASKED_MAX]))
            for row in tx.select(schema.BODIES, {"log": log, "seq": asked}):
                found[row[0], row[1]] = row
    return found


def by_log(places: Iterable[Place]) -> dict[str, list[int]]:
    """Return the positions by log."""
    found: dict[str, list[int]] = {}
    for log, seq in places:
        seqs = found.get(log)
        if seqs is None:
            seqs = found[log] = []
        seqs.append(seq)
    return found


def sealed_bodies(tx: ReadTx, case_id: CaseId) -> Iterator[Sealed]:
    """Yield the personal bodies that are kept of a case."""
    for row in list(tx.select(schema.ACTS, {"case_id": case_id})):
        place = place_in(row)
        body = tx.get(schema.BODIES, place)
        if body is None or not (isinstance(body[3], bytes) and isinstance(body[4], bytes)):
            continue
        if isinstance(row[1], bytes):
            yield Sealed(ActId(row[1]), place, body[3], body[4])


def put_personal(tx: WriteTx, place: Place, *, nonce: bytes | None, ciphertext: bytes | None) -> None:
    """Change the personal body at a place, or take it away with ``None``."""
    row = tx.get(schema.BODIES, place)
    if row is not None:
        tx.upsert(schema.BODIES, [(*row[:3], nonce, ciphertext)])


def erase_personal(tx: WriteTx, case_id: CaseId) -> None:
    """Take away every personal body of a case."""
    for body in list(sealed_bodies(tx, case_id)):
        put_personal(tx, body.place, nonce=None, ciphertext=None)


def _bytes_or_none(cell: Cell) -> bytes | None:
    return cell if isinstance(cell, bytes) else None
