"""What the page of a case says of its attachments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ledger.errors import BanjianError
from ledger.facade import Ledger
from ledger.facade.cases.attachednames import attachments_in, is_erased, waiting_of
from ledger.types import ActId, CaseId
from stations.kept.attachments import Attachments, kind_of
from stations.web.cases.erased import drop_of
from stations.web.visit import Visit


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachmentLine:
    """One attachment on the page of a case.

    Attributes:
        held: whether its content is here; else it lies at the station that received it, and above.
        waiting: whether it has still to go to the station above.
        picture: whether a browser may show it.
    """

    hash: str
    size: int
    held: bool
    waiting: bool
    file: str
    picture: bool


def attachments_at(visit: Visit) -> Attachments:
    """Return the attachments of the installation."""
    return Attachments(visit.office.home, visit.office.randomness)


async def lines_of(visit: Visit, case_id: CaseId) -> Mapping[str, Sequence[AttachmentLine]]:
    """Return the attachments of each act of a case, by the act's id in hexadecimal digits."""

    store = attachments_at(visit)

    def named(ledger: Ledger) -> tuple[bool, Mapping[ActId, tuple[tuple[bytes, int], ...]]]:
        state = ledger.state(case_id)[0]
        return is_erased(state), attachments_in(state)

    erased, found = await visit.read(named)
    if erased:
        # Elsewhere, perhaps: what lies here goes when somebody looks.
        await drop_of(visit, case_id)
    if not found:
        return {}
    waiting = (
        await visit.read(lambda ledger: _waiting(ledger, case_id)) if visit.office.config.upstream else ()
    )

    def work() -> dict[str, list[AttachmentLine]]:
        return {
            act.hex(): [_line(store, content, size, waiting=content in waiting) for content, size in pairs]
            for act, pairs in found.items()
        }

    return await visit.office.access.aside(work)


def _waiting(ledger: Ledger, case_id: CaseId) -> frozenset[bytes]:
    with ledger.reading() as (tx, _):
        return waiting_of(tx, case_id)


def _line(store: Attachments, content: bytes, size: int, *, waiting: bool) -> AttachmentLine:
    try:
        held = store.find(content.hex())
        head = b"" if held is None else next(store.read(held))
    except BanjianError:
        held, head = None, b""
    return AttachmentLine(
        hash=content.hex(),
        size=size,
        held=held is not None,
        waiting=waiting and held is not None,
        file="" if held is None else held.file,
        picture=bool(kind_of(head)),
    )
