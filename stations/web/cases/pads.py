"""Emergency pads: numbers minted beforehand, printed, filled in by hand, entered when power is back.

A number belongs to the log of this installation for good. Which ones were printed is kept beside the ledger,
so that no number is printed twice; which ones were used, the ledger knows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import segno
from aiohttp import web

from ledger.cases.number import mint_pad, normalise, parse
from ledger.errors import AuthorityError, BanjianError, InputError
from ledger.facade import Ledger
from ledger.facade.base.tables import NUMBERS
from ledger.facade.cases.numbers import PAPER
from ledger.store.tables import OneOf
from ledger.types import LogId, StationId
from stations.kept.pads import Batch, PadBook
from stations.web.answers import status_of
from stations.web.render import message_of, render
from stations.web.visit import Visit, first, form_of, see_other
from stations.words.casenames import station_name

COUNTS = (10, 20, 30, 60)
RECEIVERS = frozenset(("window", "officer", "kiosk", "agent"))
TURN: web.AppKey[asyncio.Lock] = web.AppKey("pads", asyncio.Lock)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchLine:
    """A batch with its numbers; ``used`` are those that were entered, with their cases."""

    batch: Batch
    numbers: Sequence[str]
    used: Mapping[str, str]


async def show(visit: Visit) -> web.Response:
    """Show what was printed and what of it was used."""
    return await _shown(visit, None)


async def make(visit: Visit) -> web.StreamResponse:
    """Mint numbers, remember them, then show them to be printed."""
    form = await form_of(visit)
    text = first(form, "count")
    try:
        if text not in {str(count) for count in COUNTS}:
            raise InputError("web.choice", field="count", value=text[:40])
        async with visit.request.app[TURN]:
            batch = await _mint(visit, int(text))
    except BanjianError as error:
        return await _shown(visit, error)
    return see_other(f"/pads/{batch.first}")


async def sheet(visit: Visit) -> web.Response:
    """Show one batch, ready to print."""
    wanted = visit.request.match_info["first"]
    log = await visit.read(lambda ledger: _log(visit, ledger))
    batches = await _batches(visit, log)
    batch = next((one for one in batches if str(one.first) == wanted), None)
    if batch is None:
        raise InputError("web.no_page", path=visit.request.path)
    numbers = _numbers(visit, log, batch)
    slips = [
        (number, segno.make(number, error="m").svg_inline(scale=2, border=1, svgclass=None, lineclass=None))
        for number in numbers
    ]
    place = await visit.read(lambda ledger: station_name(ledger.knowledge.registry, visit.station))
    return await render(visit, "pad.html", slips=slips, place=place, batch=batch)


async def enter(visit: Visit) -> web.StreamResponse:
    """Begin to enter a receipt that was written by hand: its number, then the matter."""
    text = visit.request.query.get("no", "")
    try:
        number = await visit.read(lambda ledger: pad_number(ledger, text, visit.station))
    except BanjianError as error:
        return await _shown(visit, error, typed=text)
    return see_other(f"/receive?pad={number}")


def pad_number(ledger: Ledger, text: str, station: StationId) -> str:
    """Return the number of an emergency pad as it is printed, if it may still be entered at a station.

    Raises:
        InputError: ``number.shape``, ``number.check``; ``pad.other`` for no pad number of this station;
            ``pad.used`` when it was entered.
    """
    number = normalise(text)
    parts = parse(number)
    if not parts.pad or parts.station != station:
        raise InputError("pad.other", number=number, station=station)
    if _used(ledger, [number]):
        raise InputError("pad.used", number=number)
    return number


async def _mint(visit: Visit, count: int) -> Batch:
    def known(ledger: Ledger) -> LogId | None:
        roles = visit.person.roles_at(ledger.knowledge.registry, visit.station)
        if not RECEIVERS & roles:
            raise AuthorityError("pad.role")
        return _log(visit, ledger)

    log = await visit.read(known)
    if log is None:
        # A station that is new prints its pads before the first power cut, not after the first receipt.
        log = await visit.write(lambda ledger: _log(visit, ledger) or _opened(visit, ledger))
    book = _book(visit, log)
    free = await visit.read(book.first_free)
    batch = Batch(first=free, count=count, by=visit.person.name, at_ms=visit.now_ms())
    await visit.office.access.aside(lambda: book.add(batch))
    return batch


def _log(visit: Visit, ledger: Ledger) -> LogId | None:
    """Return the log in which receipts of the station are written here; None before it is opened."""
    for log in ledger.logs():
        if log.own and log.kind == "station" and log.station == visit.station and not log.doubt:
            return log.log_id
    return None


def _opened(visit: Visit, ledger: Ledger) -> LogId:
    return ledger.open_station_log(visit.station, visit.person.signer)


async def _batches(visit: Visit, log: LogId | None) -> Sequence[Batch]:
    return () if log is None else await visit.office.access.aside(lambda: _book(visit, log).batches())


def _numbers(visit: Visit, log: LogId | None, batch: Batch) -> Sequence[str]:
    return () if log is None else mint_pad(visit.station, log, batch.first, batch.count)


def _book(visit: Visit, log: LogId) -> PadBook:
    return PadBook(visit.office.home, log, visit.office.randomness)


def _used(ledger: Ledger, numbers: Sequence[str]) -> Mapping[str, str]:
    with ledger.reading() as (tx, _):
        found = list(tx.select(NUMBERS, {"number": OneOf(tuple(numbers))})) if numbers else []
    # A case of another station may name the number as its paper's; one of this station has it for its own.
    return {str(row[0]): row[1].hex() for row in found if isinstance(row[1], bytes) and row[3] != PAPER}


async def _shown(visit: Visit, error: BanjianError | None, *, typed: str = "") -> web.Response:
    lines: list[BatchLine] = []
    message = None if error is None else message_of(visit.say, error)
    log = await visit.read(lambda ledger: _log(visit, ledger))
    for batch in reversed(await _batches(visit, log)):
        numbers = _numbers(visit, log, batch)

        def work(ledger: Ledger, numbers: Sequence[str] = numbers) -> Mapping[str, str]:
            return _used(ledger, numbers)

        lines.append(BatchLine(batch=batch, numbers=numbers, used=await visit.read(work)))
    response = await render(visit, "pads.html", lines=lines, counts=COUNTS, typed=typed, message=message)
    response.set_status(200 if error is None else status_of(error))
    return response
