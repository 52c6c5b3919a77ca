"""Templates become pages, with words and moments; an error becomes a page that says what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from functools import cache, partial
from http import HTTPStatus
from pathlib import Path

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from ledger.errors import BanjianError
from ledger.facade import Ledger
from ledger.oneline import shown, with_rare_codes
from ledger.texts import Message
from ledger.types import StationId
from stations.checkup.clockdoubt import ClockDoubt, clock_doubt
from stations.texts import Say
from stations.version import version
from stations.web import static
from stations.web.menu import menu_of
from stations.web.safety import Safety, read_safety
from stations.web.scope import sees_cases
from stations.web.typed import title_of
from stations.web.unsigned import Unsigned
from stations.web.visit import LIVE, Visit
from stations.words.fieldnames import typed_name
from stations.words.moments import show_moment
from stations.words.naming import Names

FOLDER = Path(__file__).parent
REFUSED = "X-Banjian-Refused"
"""Header of an error that is shown in a place of an open page: its code."""


@cache
def environment() -> Environment:
    """Return the templates; a value that a template names and nobody gave is a fault, not an empty place."""
    made = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["moment"] = show_moment
    made.filters["day"] = show_day
    made.filters["asset"] = static.address
    made.filters["rare"] = with_rare_codes
    return made


def _shown(value: object) -> object:
    """Return a value as a page shows it: what turns or hides in older or foreign texts by its code point."""
    return shown(value, lines=True) if type(value) is str else value


def show_day(day: date | None) -> str:
    """Return a day as people read it; a dash for none."""
    return "—" if day is None else day.isoformat()


async def render(visit: Visit, template: str, /, **values: object) -> web.Response:
    """Return a whole page; whoever shows a form again sets the status of what was wrong."""
    browser = visit.browser
    told = None
    if LIVE not in visit.request.headers:
        # What is said once waits for a page that somebody asked for.
        told, browser.told = browser.told, None
    standing = await standing_of(visit)
    text = (
        environment()
        .get_template(template)
        .render(**common(visit), **standing, told=told and visit.say(told[0], **told[1]), **values)
    )
    return html(text, 200)


def render_text(visit: Visit, template: str, /, **values: object) -> str:
    """Return a piece of a page as text, for an answer that a script takes apart."""
    return environment().get_template(template).render(**common(visit), **values)


def render_part(visit: Visit, template: str, /, **values: object) -> web.Response:
    """Return a piece of a page, for a place in one that is open."""
    return html(environment().get_template(template).render(**common(visit), **values), 200)


async def render_error(visit: Visit, error: BanjianError, status: int) -> web.Response:
    """Return the page of an error: what happened, that nothing is lost, what to do next, the code."""
    message = message_of(visit.say, error)
    if "HX-Request" in visit.request.headers:
        part = render_part(visit, "error_part.html", message=message)
        # It is shown where the answer is awaited, so it comes as one; a script must know it from a good one.
        part.headers[REFUSED] = error.code
        return part
    standing: Mapping[str, object] = {"safety": None, "clock": None}
    if status != HTTPStatus.INTERNAL_SERVER_ERROR:
        # That nothing is lost is believed more easily where it stands how much lies where. A ledger that
        # cannot be read is what the page is about, as is whatever nobody expected.
        with suppress(BanjianError):
            standing = await standing_of(visit)
    text = (
        environment()
        .get_template("error.html")
        .render(**common(visit), **standing, message=message, status=status, told=None)
    )
    return html(text, status)


async def standing_of(visit: Visit) -> Mapping[str, object]:
    """Return what stands at the top of every page: ``safety`` where somebody acts, doubts of ``clock``."""
    now_ms = visit.now_ms()

    def work(ledger: Ledger) -> tuple[Safety | None, ClockDoubt | None]:
        acts = visit.browser.person is not None
        return read_safety(ledger, visit.station) if acts else None, clock_doubt(ledger, now_ms)

    safety, doubt = await visit.read(work)
    return {"safety": safety, "clock": None if doubt is None else visit.say.message(doubt.code, doubt.params)}


def message_of(say: Say, error: BanjianError, names: Names | None = None) -> Message:
    """Return the words of an error."""
    return (names or Names(say)).message(error.code, error.params)


def common(visit: Visit) -> Mapping[str, object]:
    """Return what every template may use."""
    browser, names = visit.browser, _station_names(visit)
    return {
        "t": visit.say,
        "has_words": visit.say.has,
        "typed_name": partial(typed_name, visit.say),
        "language": visit.say.language,
        "csrf": browser.form,
        "person": browser.person,
        "station_names": names,
        "signing": _signing(visit, names),
        "people": list(browser.people.values()),
        "sees_cases": browser.person is not None and sees_cases(browser.person),
        "bar": menu_of(browser.person, "bar"),
        "training": visit.office.training,
        "path": visit.request.path,
        "here": str(visit.request.rel_url),
        "form_title": title_of,
        "unsigned": _unsigned(visit, here=True),
        "unsigned_elsewhere": _unsigned(visit, here=False),
        "version": version(),
    }


def _unsigned(visit: Visit, *, here: bool) -> list[Unsigned]:
    """Return the forms that wait for who acts: those of this page, or those of others."""
    request = visit.request
    found = visit.unsigned_at(request.rel_url.path if request.method == "GET" else "")
    if here:
        return [] if found is None else [found]
    return [one for one in visit.unsigned if one is not found]


def _station_names(visit: Visit) -> Mapping[StationId, str]:
    """Return the names of the stations that the person may act for, as the registry has them."""
    person = visit.browser.person
    if person is None:
        return {}
    registry = visit.office.thread.registry()
    known = {place: registry.station(place) for place in person.stations}
    return {place: place if held is None else held.name for place, held in known.items()}


def _signing(visit: Visit, names: Mapping[StationId, str]) -> str:
    """Return by whom and for which station is signed, as buttons say it."""
    person = visit.browser.person
    return "" if person is None else visit.say("web.signing", who=person.name, place=names[person.station])


def html(text: str, status: int) -> web.Response:
    """Return a page."""
    response = web.Response(text=text, status=status, content_type="text/html", charset="utf-8")
    response.enable_compression()
    return response
