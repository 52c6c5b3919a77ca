"""Items and calendars on pages: what is published, and publishing more with lint results and difference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from ledger.days.year import local_date
from ledger.errors import BanjianError, InputError, RuleError
from ledger.facade import Ledger
from ledger.rules.item import Item
from ledger.types import Facts
from stations.office.publishing import Look, look_at, publications_in, read_object
from stations.papers.sheets import Sheet
from stations.texts import Say
from stations.web.answers import status_of
from stations.web.cases.items import find_items, item_of
from stations.web.lists import send_workbook
from stations.web.office.desk import (
    Noting,
    answered,
    at_county,
    kept_of,
    new_word,
    once,
    registrar_page,
    require_county,
    sent_file,
    text_of,
)
from stations.web.render import message_of, render
from stations.web.tablesheets import with_excel
from stations.web.visit import Visit, first, form_of, page, see_other
from stations.words.casenames import basis_name
from stations.words.differences import change_object
from stations.words.naming import Names

FILE_BYTES_MAX = 4 << 20
HEADINGS = ("code", "item", "basis", "case_type", "receive_at", "decide_at", "promised", "legal")


@dataclass(frozen=True, slots=True, kw_only=True)
class ToPublish:
    """A file that was sent and waits to be confirmed."""

    file: str
    publications: list[tuple[str, Facts]]


def add_routes(router: web.UrlDispatcher) -> None:
    """Add the pages of catalogue and calendars."""
    router.add_get("/catalogue", page(show_all))
    router.add_get("/catalogue/{code}", page(show_one))
    router.add_get("/calendars", page(with_excel(calendars)))
    router.add_get("/publish", registrar_page(show_publish))
    router.add_post("/publish", registrar_page(send))
    router.add_get("/publish/{word}", registrar_page(look))
    router.add_post("/publish/{word}", registrar_page(confirm))


async def show_all(visit: Visit) -> web.StreamResponse:
    """List the items with the rules that are published for them; as Excel on demand."""
    text = visit.request.query.get("q", "")

    def work(ledger: Ledger) -> tuple[list[tuple[str, ...]], bool]:
        catalogue = ledger.knowledge.catalogue
        items, types = catalogue.items(catalogue.size), catalogue.case_types(catalogue.size)
        wanted = set(items)
        if text.strip():
            language = visit.say.language
            found = find_items(ledger, text, visit.station, language=language)
            wanted = {one.code for one in found}
        rows = [
            _item_row(visit.say, item, visit.say.pick(types[item.case_type].name))
            for code, item in sorted(items.items())
            if code in wanted
        ]
        return rows, at_county(ledger)

    rows, county = await visit.read(work)
    headings = tuple(visit.say(f"head.{name}") for name in HEADINGS)
    if visit.request.query.get("format") == "xlsx":
        title = visit.say("web.catalogue_title")
        return await send_workbook(visit, title, [Sheet(name=title, headings=headings, rows=tuple(rows))])
    return await render(visit, "catalogue.html", rows=rows, headings=headings, q=text, county=county)


async def show_one(visit: Visit) -> web.Response:
    """Show one item: basis, limits, who receives and decides, which papers, which actions.

    Raises:
        InputError: ``receive.item_unknown``.
    """
    code = visit.request.match_info["code"]

    def work(ledger: Ledger) -> dict[str, object]:
        item = item_of(ledger, code)
        rules = ledger.knowledge.rules(code, ledger.knowledge.catalogue.size)
        return {
            "item": item,
            "case_type": rules.case_type,
            "row": _item_row(visit.say, item, visit.say.pick(rules.case_type.name)),
        }

    return await render(
        visit,
        "item.html",
        **await visit.read(work),
        headings=tuple(visit.say(f"head.{name}") for name in HEADINGS),
    )


async def calendars(visit: Visit) -> web.Response:
    """List the calendars that limits are counted by, the newest first, and what is only provisional."""
    this_year = local_date(visit.now_ms()).year

    def work(ledger: Ledger) -> dict[str, object]:
        known = ledger.knowledge.calendars
        return {
            "lines": sorted(known.calendars, key=lambda one: (-one.year, one.region)),
            "provisional": [year for year in (this_year, this_year + 1) if known.provisional(year)],
            "county": at_county(ledger),
        }

    return await render(visit, "calendars.html", **await visit.read(work))


async def show_publish(visit: Visit) -> web.Response:
    """Show where to send a file with items, case types or a calendar."""
    return await _form(visit, None)


async def send(visit: Visit) -> web.StreamResponse:
    """Read a file that was sent; nothing is signed yet."""
    try:
        sent = await sent_file(visit, "file", limit=FILE_BYTES_MAX)
        data = read_object(text_of(sent), code="catalogue.file", path=sent.name)
        publications = publications_in(data, path=sent.name)
        await visit.read(lambda ledger: look_at(ledger.knowledge, publications))
    except BanjianError as error:
        return await _form(visit, error)
    word = kept_of(visit).keep(visit.person.staff_no, ToPublish(file=sent.name, publications=publications))
    return see_other(f"/publish/{word}")


async def look(visit: Visit) -> web.Response:
    """Show what the file would publish: every fault, or every difference.

    Raises:
        InputError: ``web.gone``.
    """
    return await _looked(visit, None)


async def confirm(visit: Visit) -> web.StreamResponse:
    """Sign and publish."""
    form, word = await form_of(visit), visit.request.match_info["word"]
    known = await answered(visit, form)
    if known is not None:
        return see_other(known)
    waiting = kept_of(visit).get(visit.person.staff_no, word, ToPublish)

    async def act(noted: Noting) -> str:
        def work(ledger: Ledger) -> int:
            require_county(ledger)
            looks = look_at(ledger.knowledge, waiting.publications)
            if any(one.faults for one in looks):
                raise InputError("web.publish_faults")
            if first(form, "seen") != _seen(ledger):
                # The difference that was read is not the one that would be signed.
                raise RuleError("web.published_meanwhile")
            for one in looks:
                if one.entries:
                    ledger.publish(one.action, one.facts, visit.person.signer)
            return sum(len(one.entries) for one in looks)

        count = await noted.write(work)
        kept_of(visit).drop(word)
        visit.tell("web.published", count=count, file=waiting.file)
        calendar = any(action == "publish_calendar" for action, _ in waiting.publications)
        return "/calendars" if calendar else "/catalogue"

    try:
        return await once(visit, form, act, back="/catalogue")
    except BanjianError as error:
        return await _looked(visit, error)


async def _form(visit: Visit, error: BanjianError | None) -> web.Response:
    county = await visit.read(at_county)
    response = await render(
        visit, "publish.html", county=county, message=error and message_of(visit.say, error)
    )
    response.set_status(200 if error is None else status_of(error))
    return response


async def _looked(visit: Visit, error: BanjianError | None) -> web.Response:
    word = visit.request.match_info["word"]
    waiting = kept_of(visit).get(visit.person.staff_no, word, ToPublish)

    def work(ledger: Ledger) -> dict[str, object]:
        looks = look_at(ledger.knowledge, waiting.publications)
        names = Names(visit.say, registry=ledger.knowledge.registry)
        return {
            "looks": [_look_words(visit.say, one) for one in looks],
            "fault_count": sum(len(one.faults) for one in looks),
            "count": sum(len(one.entries) for one in looks),
            "county": at_county(ledger),
            "seen": _seen(ledger),
            "message": error and message_of(visit.say, error, names),
        }

    response = await render(
        visit,
        "publish_look.html",
        **await visit.read(work),
        word=word,
        file=waiting.file,
        once=new_word(visit),
    )
    response.set_status(200 if error is None else status_of(error))
    return response


def _seen(ledger: Ledger) -> str:
    """Return what a form remembers of what a publication was compared with."""
    return str(ledger.knowledge.catalogue.size)


def _look_words(say: Say, looked: Look) -> Mapping[str, object]:
    return {
        "action": looked.action,
        "faults": [
            say.message(one.code, {"where": one.where, "field": one.field, "value": one.value})
            for one in looked.faults
        ],
        "entries": [
            {
                "kind": one.kind,
                "key": one.key,
                "name": say.pick(one.name),
                "changes": [change_object(say, change) for change in one.changes],
            }
            for one in looked.entries
        ],
        "unchanged": looked.unchanged,
    }


def _item_row(say: Say, item: Item, case_type: str) -> tuple[str, ...]:
    return (
        item.base_code,
        say.pick(item.name),
        basis_name(say, item.legal_basis),
        case_type,
        say("list.and").join(say(f"level.{level}") for level in sorted(item.receive_levels)),
        say(f"level.{item.decide_level}"),
        _days(item.promised_days),
        _days(item.legal_days),
    )


def _days(days: int | None) -> str:
    return "—" if days is None else str(days)
