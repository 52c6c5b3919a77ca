"""Photos and scans of this station's own cases that cannot be read here: whose, and who may still have them.

The content of an attachment is no act: a disk that rots takes it, and nothing else tells. Where the station
above has it, it is fetched again from there; where nobody has, only the person can bring the paper again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ledger.errors import BanjianError
from ledger.facade import Ledger
from ledger.facade.peering.between import absent_attachments
from ledger.types import CaseId, StationId
from stations.kept.attachments import Attachments

SHOWN_MAX = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class LostFile:
    """An attachment that cannot be read here.

    Attributes:
        hash: what its act names it by, in hexadecimal digits.
        number: of the case.
        size: bytes of its content.
        above: whether the station above has said that it has it.
    """

    hash: str
    case_id: CaseId
    number: str
    size: int
    above: bool


def lost_files(
    ledger: Ledger,
    store: Attachments,
    station: StationId,
    *,
    thorough: bool = False,
    look: Callable[[], None] | None = None,
) -> list[LostFile]:
    """Return the attachments of a station's own acts that cannot be read here, at most ``SHOWN_MAX``.

    Args:
        ledger: open for reading.
        store: the attachments of the installation.
        station: the station that works here; what those below have still to send is not lost.
        thorough: reads all of what is said to be here, not only what is known to be missing.
        look: called before each one; raises where it shall stop.
    """
    found = []
    for one in absent_attachments(ledger, station, held_too=thorough):
        if look is not None:
            look()
        if is_readable(store, one.hash):
            continue
        number = ledger.state(one.case_id)[0].number
        found.append(
            LostFile(hash=one.hash.hex(), case_id=one.case_id, number=number, size=one.size, above=one.given)
        )
        if len(found) == SHOWN_MAX:
            break
    return found


def is_readable(store: Attachments, content: bytes) -> bool:
    """Tell whether an attachment lies here whole: every chunk is read."""
    try:
        held = store.find(content.hex())
        if held is None or not held.hash:
            return False
        for _ in store.read(held):
            pass
    except BanjianError:
        return False
    return True
