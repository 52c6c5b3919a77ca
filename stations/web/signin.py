"""Signing in with one's own key, PINs, switching between people, the station acted for, locking, language."""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import quote

from aiohttp import web

from ledger.errors import AuthorityError, BanjianError, InputError, RuleError
from ledger.facade import Ledger
from ledger.facade.cases.attachednames import is_erased
from ledger.types import CaseId, StationId
from stations.web.answers import answer
from stations.web.browsers import KEY_ENDED, Person
from stations.web.keyholders import Keyholder, keyholders, lapsed_keys, unlock
from stations.web.render import message_of, render
from stations.web.standing import ended, settle
from stations.web.typed import drafts_of, forget_below
from stations.web.visit import Visit, first, form_of, keep_unsigned, own_path, see_other, without_search
from stations.words.moments import span


async def show(visit: Visit) -> web.Response:
    """Show who may sign in here, and who has a PIN in this browser."""
    return await _shown(visit, ended(visit.browser), visit.request.query.get("next", "/"))


async def show_refused(visit: Visit, error: BanjianError) -> web.Response:
    """Show who may sign in, in place of a page that somebody may not see any more, and why."""
    request = visit.request
    where = request.rel_url.path if request.method == "GET" else "/"
    return await _shown(visit, error, where)


async def sign_in(visit: Visit) -> web.Response:
    """Unlock a key with its passphrase."""
    form = await form_of(visit)
    staff_no, where = first(form, "staff_no"), own_path(first(form, "next"))
    try:
        person = await _unlocked(visit, staff_no, first(form, "passphrase"))
    except BanjianError as error:
        return await _shown(visit, error, where, chosen=staff_no)
    visit.browser.sign_in(person)
    kept, now_ms = visit.office.browsers.kept, visit.now_ms()
    visit.browser.unsigned.add(await visit.office.access.aside(lambda: kept.take_up(staff_no, now_ms)))
    await _forget_erased(visit)
    visit.office.browsers.renew(visit.browser)
    return see_other(where if person.pin else f"/pin?next={quote(where)}")


async def switch(visit: Visit) -> web.Response:
    """Let somebody go on with a PIN."""
    form = await form_of(visit)
    where = own_path(first(form, "next"))
    try:
        visit.browser.switch(first(form, "staff_no"), first(form, "pin"))
        await settle(visit.office.access, visit.office.home, visit.browser)
        await _forget_erased(visit)
        if (reason := ended(visit.browser)) is not None:
            raise reason
    except BanjianError as error:
        return await _shown(visit, error, where)
    return see_other(where)


async def show_pin(visit: Visit) -> web.Response:
    """Ask for a PIN to be chosen."""
    return await _pin(visit, visit.request.query.get("next", "/"), None)


async def _pin(visit: Visit, where: str, error: BanjianError | None) -> web.Response:
    after = span(visit.say, visit.office.config.lock_after_s * 1000)
    message = None if error is None else message_of(visit.say, error)
    return await render(visit, "pin.html", where=where, message=message, lock_after=after)


async def choose_pin(visit: Visit) -> web.Response:
    """Take a chosen PIN, or none: then the passphrase is asked for each time."""
    form = await form_of(visit)
    where = own_path(first(form, "next"))
    if first(form, "without"):
        return see_other(where)
    try:
        if first(form, "pin") != first(form, "again"):
            raise InputError("web.pin_differs")
        visit.browser.choose_pin(first(form, "pin"))
    except BanjianError as error:
        page = await _pin(visit, where, error)
        page.set_status(422)
        return page
    return see_other(where)


async def choose_station(visit: Visit) -> web.Response:
    """Act for another of one's stations from now on.

    Raises:
        AuthorityError: ``web.scope`` for a station at which the person holds no role here.
    """
    form = await form_of(visit)
    wanted = StationId(first(form, "station"))
    if wanted not in visit.person.stations:
        raise AuthorityError("web.scope")
    visit.person.station = wanted
    return see_other(own_path(first(form, "next")))


async def lock(visit: Visit) -> web.Response:
    """Lock this browser; whoever is back goes on where the page was left."""
    form = await form_of(visit)
    visit.browser.lock()
    where = without_search(own_path(first(form, "next")))
    return see_other("/sign-in" if where == "/" else f"/sign-in?next={quote(where)}")


async def sign_out(visit: Visit) -> web.Response:
    """Drop the key of who acts."""
    visit.browser.unsigned.drop_all(visit.browser.acting)
    visit.browser.forget(visit.browser.acting)
    visit.office.browsers.renew(visit.browser)
    return see_other("/sign-in")


async def tell_word(visit: Visit) -> web.Response:
    """Tell a page of this site whether the word of its forms holds, and which one does for who acts now.

    A word that is known holds, or its form is kept for its author; an unknown one is of a process that ended.
    """
    browser, person = visit.browser, visit.browser.person
    given = visit.request.headers.get("X-Banjian-Form", "")
    who = "" if person is None else f"{person.staff_no} {person.station}"
    known = given in browser.words
    return answer({"known": known, "who": who, "form": browser.form if who else ""})


async def keep_typed(visit: Visit) -> web.Response:
    """Keep what stands in a form of an open page that heard that its person does not act here any more.

    The page goes away after that; its author finds the form filled in again. Of a key that ended nothing is
    kept: all that waited of its owner went with it, and the page goes as well.
    """
    browser = visit.browser
    word = first(await form_of(visit), "form")
    if browser.ended is not None and browser.ended[:2] == (KEY_ENDED, browser.words.get(word, ("", ""))[0]):
        return answer({"kept": False, "ended": True})
    kept, person = await keep_unsigned(visit), browser.person
    if kept is None:
        return answer({"kept": False})
    if person is None:
        visit.tell("web.lock_kept")
    elif person.staff_no == kept.staff_no and person.station != kept.station:
        visit.tell("web.station_kept", station=_name_of(visit, StationId(kept.station)))
    return answer({"kept": True})


async def choose_language(visit: Visit) -> web.Response:
    """Show the pages in Chinese or English from now on."""
    form = await form_of(visit)
    visit.browser.language = "en" if first(form, "language") == "en" else "zh"
    return see_other(own_path(first(form, "next")))


async def _shown(visit: Visit, error: BanjianError | None, where: str, *, chosen: str = "") -> web.Response:
    found = await visit.read(lambda ledger: _offered(visit, ledger))
    lapsed = await visit.read(lambda ledger: lapsed_keys(visit.office.home, ledger))
    page = await render(
        visit,
        "signin.html",
        keyholders=found,
        lapsed=[(no, message_of(visit.say, AuthorityError(code))) for no, code in lapsed],
        with_pin=[person for person in visit.browser.people.values() if person.pin],
        chosen=chosen,
        where=where,
        message=None if error is None else message_of(visit.say, error),
    )
    page.set_status(200 if error is None else 403)
    return page


async def _forget_erased(visit: Visit) -> None:
    """Throw away what waits for who is back about cases that were erased meanwhile, by whatever way."""
    acting, drafts = visit.browser.acting, drafts_of(visit)
    cases = visit.browser.unsigned.cases(acting)
    cases |= await visit.office.access.aside(lambda: drafts.cases(acting))
    if not cases:
        return

    def erased(ledger: Ledger) -> list[str]:
        found = []
        for case in cases:
            # An address may name what is no case here.
            with suppress(RuleError):
                if is_erased(ledger.state(CaseId(bytes.fromhex(case)))[0]):
                    found.append(case)
        return found

    for case in await visit.read(erased):
        await forget_below(visit, f"/case/{case}")


def _name_of(visit: Visit, station: StationId) -> str:
    known = visit.office.thread.registry().station(station)
    return station if known is None else known.name


def _offered(visit: Visit, ledger: Ledger) -> list[Keyholder]:
    return keyholders(visit.office.home, ledger)


async def _unlocked(visit: Visit, staff_no: str, passphrase: str) -> Person:
    """Return the person of a key that its passphrase opens.

    Raises:
        AuthorityError: ``web.choose_person``, ``key.passphrase``, ``web.too_often``.
    """
    found = await visit.read(lambda ledger: _offered(visit, ledger))
    holder = next((one for one in found if one.staff_no == staff_no), None)
    if holder is None:
        raise AuthorityError("web.choose_person")
    signer = await visit.attempt(staff_no, lambda: unlock(holder.path, passphrase))
    return Person(
        staff_no=holder.staff_no,
        name=holder.name,
        key_id=holder.key_id,
        signer=signer,
        station=holder.stations[0],
        stations=holder.stations,
        roles=holder.roles,
        replaces=holder.replaces,
    )
