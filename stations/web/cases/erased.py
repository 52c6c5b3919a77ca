"""What lies beside the ledger of a case whose personal data was erased goes too: photos, words, list lines.

It goes at once where somebody erases here; what was erased by a command or at another station goes within a
minute, and is shown no more meanwhile.
"""

from __future__ import annotations

import asyncio

from aiohttp import web

from ledger.facade import Ledger
from ledger.facade.cases.erased import erased_among
from ledger.types import CaseId
from stations.kept import platformlist
from stations.kept.attachments import Attachments, drop_case
from stations.kept.erasures import ErasureLook
from stations.kept.forgetting import Forgetting
from stations.kept.platformlist import blank_erased
from stations.kept.rosters import FOLDER, Roster, blank_cases
from stations.kept.sealed import SealedFolder
from stations.web.cases import drafting
from stations.web.typed import words_of
from stations.web.visit import Office, Visit

TURN: web.AppKey[asyncio.Lock] = web.AppKey("rosters", asyncio.Lock)
"""Held while a roster is read, changed and kept: two scanners must not undo each other's ticks."""


async def before_erasing(visit: Visit, case_id: CaseId) -> None:
    """Remember what lies beside the ledger of a case and can be told by its personal data alone.

    Raises:
        StoreError: ``store.*``; nothing was erased, nor is to be.
    """
    office = visit.office
    folder = SealedFolder(office.home, platformlist.FOLDER, office.randomness)
    async with visit.request.app[TURN]:
        await visit.read(lambda ledger: platformlist.before_erasing(folder, ledger, case_id))


async def drop_of(visit: Visit, case_id: CaseId) -> None:
    """Throw away what lies beside the ledger of a case whose personal data was erased."""
    store, office = Attachments(visit.office.home, visit.office.randomness), visit.office
    await visit.read(lambda ledger: drop_case(store, ledger, case_id))
    await drafting.forget(visit, case_id.hex())
    office.browsers.forget_slip(case_id.hex())
    await office.access.aside(lambda: words_of(visit).drop_case(case_id.hex()))
    async with visit.request.app[TURN]:
        await office.access.aside(lambda: blank_cases(_folder(office), {case_id.hex()}))
        await visit.read(lambda ledger: blank_lists(office, ledger))


def blank_lists(office: Office, ledger: Ledger) -> None:
    """Take out of the platform's lists what they say of people whose cases were erased."""
    folder = SealedFolder(office.home, platformlist.FOLDER, office.randomness)
    blank_erased(folder, ledger, ErasureLook().look(ledger))


def erased_in(ledger: Ledger, roster: Roster) -> frozenset[str]:
    """Return the cases of a roster whose personal data was erased and that it does not know to be."""
    asked = [CaseId(bytes.fromhex(row.case)) for row in roster.rows if row.case and not row.erased]
    with ledger.reading() as (tx, parts):
        return frozenset(case.hex() for case in erased_among(tx, parts.book, asked))


async def forget_erased(office: Office, turn: asyncio.Lock, forgetting: Forgetting) -> None:
    """Blank the rows of rosters and of the platform's lists whose cases were erased by whatever way."""
    thread = office.thread
    # Asked on the thread that writes: whatever began before is stored, and seen by what is read then.
    written = await office.access.write(lambda ledger: (thread.opened, ledger.store.writes()))
    async with turn:
        await office.access.read(lambda ledger: forgetting.look(ledger, written))


def _folder(office: Office) -> SealedFolder:
    return SealedFolder(office.home, FOLDER, office.randomness)
