"""Staff on pages: who works where with which roles; enrol, grant, end, retire, give a new key.

Every act is signed by the registrar who is signed in; the registry itself judges it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from aiohttp import web

from ledger.errors import AuthorityError, BanjianError, ConfigError, InputError
from ledger.facade import Ledger
from ledger.formats.keys import Signer
from ledger.registry.schema import GRANTABLE_ROLES, RETIREMENT_REASONS
from ledger.types import StationId
from stations.office.enrolling import (
    EnrolledKey,
    NewPerson,
    checked_number,
    end,
    enrol,
    give_new_key,
    grant,
    key_of_request,
    key_of_signer,
    namesakes,
    only_if_enrolled,
    person_of,
    retire,
)
from stations.office.newkeys import SUFFIX, checked_passphrase, is_unenrolled, make_key
from stations.office.resetting import to_confirm
from stations.papers.sheets import Sheet
from stations.web import typed as typing
from stations.web.answers import status_of
from stations.web.keyholders import envelope_of, unlock
from stations.web.lists import send_workbook
from stations.web.office.desk import (
    Noting,
    at_county,
    download,
    new_word,
    once,
    registrar_page,
    require_county,
    sent_files,
    text_of,
)
from stations.web.office.newkeys import grant_rows
from stations.web.office.peoplelines import PersonLine, grant_words, person_line, person_lines, scope_choices
from stations.web.render import message_of, render
from stations.web.visit import Visit, first, form_of
from stations.words.naming import Names

REQUEST_BYTES_MAX = 16 * 1024
HEADINGS = ("staff_no", "person", "kind", "station", "roles", "key_id")
Form = Mapping[str, list[str]]


def add_routes(router: web.UrlDispatcher) -> None:
    """Add the pages of people."""
    router.add_get("/people", registrar_page(show_all))
    router.add_get("/enrol", registrar_page(show_enrol))
    router.add_post("/enrol", registrar_page(enrol_one))
    router.add_get("/people/{no}", registrar_page(show_one))
    router.add_get("/people/{no}/key-file", registrar_page(key_file))
    router.add_post("/people/{no}/grant", registrar_page(grant_one))
    router.add_post("/people/{no}/end", registrar_page(end_one))
    router.add_post("/people/{no}/retire", registrar_page(retire_one))
    router.add_post("/people/{no}/key", registrar_page(new_key_for))


async def show_all(visit: Visit) -> web.StreamResponse:
    """List people with live keys, filtered; as Excel on demand."""
    text = visit.request.query.get("q", "").strip()

    def work(ledger: Ledger) -> tuple[list[PersonLine], bool, int]:
        lines = person_lines(visit.say, ledger.knowledge.registry)
        return [line for line in lines if _means(text, line)], at_county(ledger), to_confirm(ledger)

    lines, county, waiting = await visit.read(work)
    if visit.request.query.get("format") == "xlsx":
        say = visit.say
        rows = tuple(
            (line.no, line.name, say(f"kind.{line.kind}"), line.place, grant_words(say, line), line.key)
            for line in lines
        )
        headings = tuple(say(f"head.{name}") for name in HEADINGS)
        return await send_workbook(
            visit,
            say("web.people_title"),
            [Sheet(name=say("web.people_title"), headings=headings, rows=rows)],
        )
    return await render(visit, "people.html", lines=lines, q=text, county=county, waiting=waiting)


async def show_enrol(visit: Visit) -> web.Response:
    """Show the form for somebody new."""
    return await _enrol_form(visit, {}, None)


async def enrol_one(visit: Visit) -> web.StreamResponse:
    """Enrol somebody with a key made here or one that a request brings."""
    form = await form_of(visit)

    async def act(noted: Noting) -> str:
        person = NewPerson(
            no=checked_number(first(form, "no").strip()),
            name=first(form, "name").strip(),
            station=StationId(first(form, "station")),
            roles=_roles(form),
            scope=first(form, "scope"),
        )
        key, made = await _key_for(visit, form, person.no, f"{person.no}{SUFFIX}")
        others: list[str] = []

        def work(ledger: Ledger) -> None:
            require_county(ledger)
            others.extend(namesakes(ledger.knowledge.registry, person))
            with only_if_enrolled(made):
                enrol(ledger.knowledge.registry, ledger.register, visit.person.signer, person, key)

        await _written(noted, visit, work, made)
        told = "web.person_added_namesake" if others else "web.person_added"
        visit.tell(told, name=person.name, no=person.no, others=visit.say("list.and").join(others))
        return f"/people/{person.no}"

    try:
        return await once(visit, form, act, back="/people")
    except BanjianError as error:
        return await _enrol_form(visit, form, error)


async def show_one(visit: Visit) -> web.Response:
    """Show one person."""
    return await _person_page(visit, None)


async def grant_one(visit: Visit) -> web.StreamResponse:
    """Grant a role, perhaps standing in for a colleague."""
    form = await form_of(visit)
    no, role = visit.request.match_info["no"], first(form, "role")
    _require_choice("role", role, GRANTABLE_ROLES)

    def work(ledger: Ledger, signer: Signer) -> None:
        grant(
            ledger.knowledge.registry, ledger.register, signer, no=no, role=role,
            scope=first(form, "scope"), stand_in_for=first(form, "stand_in_for") or None,
        )  # fmt: skip

    return await _signed(visit, form, work, "web.role_granted", role=visit.say(f"role.{role}"))


async def end_one(visit: Visit) -> web.StreamResponse:
    """End a role."""
    form = await form_of(visit)
    no, role = visit.request.match_info["no"], first(form, "role")

    def work(ledger: Ledger, signer: Signer) -> None:
        end(ledger.knowledge.registry, ledger.register, signer, no=no, role=role, scope=first(form, "scope"))

    return await _signed(visit, form, work, "web.role_ended", role=visit.say(f"role.{role}"))


async def retire_one(visit: Visit) -> web.StreamResponse:
    """End a key for good: the person works here no more, or somebody else may know it."""
    form = await form_of(visit)
    no, reason = visit.request.match_info["no"], first(form, "reason")
    try:
        _require_choice("reason", reason, RETIREMENT_REASONS)
        if not first(form, "sure"):
            raise InputError("web.tick_first")
    except BanjianError as error:
        return await _person_page(visit, error)

    def work(ledger: Ledger, signer: Signer) -> None:
        retire(ledger, ledger.register, signer, no=no, reason=reason)

    return await _signed(visit, form, work, "web.key_retired", where="/people", no=no)


async def new_key_for(visit: Visit) -> web.StreamResponse:
    """Give somebody who forgot the passphrase a new key with the same roles; the old one is retired."""
    form = await form_of(visit)
    no = visit.request.match_info["no"]
    reason = "compromised" if first(form, "known") else "retired"

    async def act(noted: Noting) -> str:
        key, made = await _key_for(visit, form, no, _free_name(visit, no))

        def work(ledger: Ledger) -> None:
            require_county(ledger)
            with only_if_enrolled(made):
                give_new_key(ledger, ledger.register, visit.person.signer, no=no, key=key, reason=reason)

        await _written(noted, visit, work, made)
        visit.tell("web.key_given", no=no)
        return f"/people/{no}"

    try:
        return await once(visit, form, act, back="/people")
    except BanjianError as error:
        return await _person_page(visit, error)


async def key_file(visit: Visit) -> web.Response:
    """Return the sealed key that was made here for somebody, to be carried to her station.

    Raises:
        InputError: ``staff.unknown``.
        AuthorityError: ``key.no_such`` when no envelope of the live key lies here.
    """
    no = visit.request.match_info["no"]
    person = await visit.read(lambda ledger: person_of(ledger.knowledge.registry, no))
    path = envelope_of(visit.office.home, person.key_id)
    if path is None:
        raise AuthorityError("key.no_such", path=f"{no}{SUFFIX}")
    return download(f"{no}{SUFFIX}", path.read_bytes())


async def _signed(
    visit: Visit,
    form: Form,
    work: Callable[[Ledger, Signer], None],
    told: str,
    *,
    where: str = "",
    **words: object,
) -> web.StreamResponse:
    """Sign something about a person once and go back to her page, which says what was done or why not."""
    path = f"/people/{visit.request.match_info['no']}"

    async def act(noted: Noting) -> str:
        def on_thread(ledger: Ledger) -> None:
            require_county(ledger)
            work(ledger, visit.person.signer)

        await noted.write(on_thread)
        visit.tell(told, **words)
        return where or path

    try:
        return await once(visit, form, act, back="/people")
    except BanjianError as error:
        return await _person_page(visit, error)


async def _key_for(visit: Visit, form: Form, no: str, name: str) -> tuple[EnrolledKey, Path | None]:
    """Return the key to enrol, from a request or made here, and the envelope that was made.

    Raises:
        InputError: ``web.passphrase_differs``; ``web.no_file``; ``key.request_other``.
        ConfigError: ``key.weak``, ``key.exists``.
        AuthorityError: ``key.passphrase``, ``web.too_often`` for a key that was made before.
        DataError: ``key.request*``, ``key.envelope``.
    """
    home, ledger_id = visit.office.home, visit.office.thread.ledger_id
    if first(form, "key") == "request":
        files = await sent_files(visit, "request", limit=REQUEST_BYTES_MAX)
        text = text_of(files[0]) if files else first(form, "request_text")
        if not text.strip():
            raise InputError("web.no_file")
        return key_of_request(text, no=no, ledger_id=ledger_id), None
    passphrase = checked_passphrase(first(form, "passphrase"))
    if passphrase != first(form, "again"):
        raise InputError("web.passphrase_differs")
    path, randomness = home.keys_dir / name, visit.office.randomness
    if await visit.read(lambda ledger: is_unenrolled(path, no, ledger.knowledge.registry)):
        # left behind by a power cut before it was enrolled: it is that form's, if its passphrase opens it
        return key_of_signer(await visit.attempt(no, lambda: unlock(path, passphrase)), ledger_id), None
    signer = await visit.office.access.aside(
        lambda: make_key(path, label=no, passphrase=passphrase, randomness=randomness)
    )
    return key_of_signer(signer, ledger_id), path


async def _written(noted: Noting, visit: Visit, work: Callable[[Ledger], None], made: Path | None) -> None:
    """Write; where this is no county's desk, the key that was made for it goes again."""
    try:
        await noted.write(work)
    except ConfigError as error:
        if made is not None and error.code == "web.not_county":
            await visit.office.access.aside(lambda: made.unlink(missing_ok=True))
        raise


def _free_name(visit: Visit, no: str) -> str:
    """Return a name for a further envelope of a person: an older one is never overwritten."""
    folder = visit.office.home.keys_dir
    names = (f"{no}{SUFFIX}", *(f"{no}-{number}{SUFFIX}" for number in range(2, 1000)))
    return next((name for name in names if not (folder / name).exists()), names[-1])


def _roles(form: Form) -> list[str]:
    roles = form.get("role", [])
    for role in roles:
        _require_choice("role", role, GRANTABLE_ROLES)
    if not roles:
        raise InputError("web.no_role")
    return roles


def _require_choice(field: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise InputError("web.choice", field=field, value=value[:40])


async def _enrol_form(visit: Visit, form: Form, error: BanjianError | None) -> web.Response:
    def work(ledger: Ledger) -> dict[str, object]:
        registry = ledger.knowledge.registry
        return {
            "places": [(str(place.station), place.name) for place in registry.stations()],
            "scopes": scope_choices(visit.say, registry),
            "county": at_county(ledger),
            "message": error and message_of(visit.say, error, Names(visit.say, registry=registry)),
        }

    values = await visit.read(work)
    given = {name: texts[0] for name, texts in form.items() if name not in ("passphrase", "again")}
    response = await render(
        visit,
        "enrol.html",
        kept_here=await typing.here(visit, "/enrol"),
        **values,
        roles=GRANTABLE_ROLES,
        given=given,
        chosen=form.get("role", []),
        once=new_word(visit),
    )
    response.set_status(200 if error is None else status_of(error))
    return response


async def _person_page(visit: Visit, error: BanjianError | None) -> web.Response:
    """Return the page of one person.

    Raises:
        InputError: ``staff.unknown``.
    """
    no = visit.request.match_info["no"]

    def work(ledger: Ledger) -> dict[str, object]:
        registry = ledger.knowledge.registry
        held = person_of(registry, no)
        return {
            "line": person_line(visit.say, registry, held),
            "staff": held.kind == "staff",
            "scopes": scope_choices(visit.say, registry),
            "colleagues": [
                (one.no, one.name or one.no)
                for one in person_lines(visit.say, registry)
                if one.kind == "staff" and one.no != no
            ],
            "county": at_county(ledger),
            "grants": grant_rows(visit, ledger, no=no),
            "key_here": envelope_of(visit.office.home, held.key_id) is not None,
            "message": error and message_of(visit.say, error, Names(visit.say, registry=registry)),
        }

    values = await visit.read(work)
    response = await render(
        visit,
        "person.html",
        kept_here=await typing.here(visit, f"/people/{no}"),
        **values,
        roles=GRANTABLE_ROLES,
        reasons=RETIREMENT_REASONS,
        once=new_word(visit),
    )
    response.set_status(200 if error is None else status_of(error))
    return response


def _means(text: str, line: PersonLine) -> bool:
    return not text or any(text.lower() in part.lower() for part in (line.no, line.name, line.place))
