"""A forgotten passphrase: a head gives a new key on the spot, offline too; a registrar confirms it.

What a grant gives and who may give it the ledger judges; here it is asked for, listed and carried along.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from ledger.errors import AuthorityError, BanjianError, InputError
from ledger.facade import Ledger
from ledger.facade.cases.granting import HeldGrant
from ledger.facade.opened.granted import authority_now, give_grant, grant_beside, list_grants
from ledger.registry.authority import GRANTING_ROLES
from ledger.registry.grant import REASONS
from stations.office.enrolling import checked_number, key_of_signer, only_if_enrolled
from stations.office.newkeys import checked_passphrase, make_key
from stations.office.resetting import (
    BROUGHT_SUFFIX,
    DAYS_MAX,
    OPEN_STATES,
    confirm,
    free_envelope,
    give_key,
    grant_of,
    in_reach,
    pack_brought,
    put_in_place,
)
from stations.papers.sheets import Sheet
from stations.web.answers import status_of
from stations.web.browsers import Person
from stations.web.keyholders import envelope_of, own_stations
from stations.web.lists import send_workbook
from stations.web.office.desk import (
    Noting,
    at_county,
    download,
    new_word,
    once,
    registrar_page,
    require_county,
    role_page,
)
from stations.web.render import message_of, render
from stations.web.scope import CASELESS, Scope
from stations.web.visit import Visit, first, form_of
from stations.words.casenames import station_name
from stations.words.moments import show_moment
from stations.words.naming import Names

WHO = ("head", "supervisor", "registrar")
HEADINGS = ("staff_no", "person", "station", "granted_by", "given_at", "until", "grant_state", "key_id")
GRANTORS = tuple(sorted(GRANTING_ROLES))
Form = Mapping[str, list[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantRow:
    """One grant as a table shows it.

    Attributes:
        state: ``waiting``, ``confirmed``, ``expired`` or ``refused``.
        why: in words, for one without force.
        open: whether a registrar can confirm it.
        here: whether its key lies on this machine, to be carried along.
        works_here: whether its owner may sign in here: a station of hers is kept on this machine.
    """

    no: str
    name: str
    place: str
    by: str
    given_at: str
    until: str
    reason: str
    state: str
    why: str
    open: bool
    here: bool
    works_here: bool
    key: str


def add_routes(router: web.UrlDispatcher) -> None:
    """Add the pages of provisional keys."""
    router.add_get("/new-keys", role_page(show_all, WHO))
    router.add_get("/new-keys/{no}", role_page(show_one, GRANTORS))
    router.add_post("/new-keys/{no}", role_page(give, GRANTORS))
    router.add_get("/new-keys/{no}/file", role_page(key_file, GRANTORS))
    router.add_post("/new-keys/{no}/confirm", registrar_page(confirm_one))


async def show_all(visit: Visit) -> web.StreamResponse:
    """Show whom the person may give a key, and the grants that concern her; these as Excel on demand."""
    if visit.request.query.get("format") != "xlsx":
        return await _list_page(visit, None)
    say, rows = visit.say, await visit.read(lambda ledger: grant_rows(visit, ledger, seen_by=visit.person))
    title = say("web.newkeys_given")
    cells = tuple(
        (
            row.no, row.name, row.place, row.by, row.given_at, row.until,
            say(f"grant_state.{row.state}"), row.key,
        )
        for row in rows
    )  # fmt: skip
    headings = tuple(say(f"head.{name}") for name in HEADINGS)
    return await send_workbook(visit, title, [Sheet(name=title, headings=headings, rows=cells)])


async def show_one(visit: Visit) -> web.Response:
    """Show the form for somebody's new key."""
    return await _form_page(visit, {}, None)


async def give(visit: Visit) -> web.StreamResponse:
    """Make a key under the passphrase that its owner types, and grant it."""
    form = await form_of(visit)
    no = visit.request.match_info["no"]

    async def act(noted: Noting) -> str:
        checked_number(no)
        reason, days = first(form, "reason"), first(form, "days")
        if reason not in REASONS:
            raise InputError("web.choice", field="reason", value=reason[:40])
        passphrase = checked_passphrase(first(form, "passphrase"))
        if passphrase != first(form, "again"):
            raise InputError("web.passphrase_differs")
        folder, randomness = visit.office.home.keys_dir, visit.office.randomness
        ledger_id = visit.office.thread.ledger_id
        made = free_envelope(folder, no)
        signer = await visit.office.access.aside(
            lambda: make_key(made, label=no, passphrase=passphrase, randomness=randomness)
        )

        def work(ledger: Ledger) -> None:
            with only_if_enrolled(made):
                give_key(
                    lambda plan, by: give_grant(ledger, plan, by), visit.person.signer,
                    station=visit.station, no=no, key=key_of_signer(signer, ledger_id), reason=reason,
                    days=int(days) if days.isascii() and days.isdigit() else 0,
                )  # fmt: skip

        await noted.write(work)
        await visit.office.access.aside(lambda: put_in_place(folder, no, made))
        visit.tell("web.newkey_given", no=no)
        return f"/new-keys?given={no}"

    try:
        return await once(visit, form, act, back="/new-keys")
    except BanjianError as error:
        return await _form_page(visit, form, error)


async def key_file(visit: Visit) -> web.Response:
    """Return the file that carries a key with its grant to the machine where the person works.

    Raises:
        InputError: ``grant.none``.
        AuthorityError: ``key.no_such`` when the key was not made on this machine; ``web.scope`` for a grant
            of people with whom the person has nothing to do.
    """
    no = visit.request.match_info["no"]

    def work(ledger: Ledger) -> bytes:
        held = grant_of(ledger, no)
        if not _concerns(ledger, visit.person, held):
            raise AuthorityError("web.scope")
        key = held.grant.key_id
        path, grant = envelope_of(visit.office.home, key), grant_beside(ledger, key)
        if path is None or grant is None:
            raise AuthorityError("key.no_such", path=f"{no}{BROUGHT_SUFFIX}")
        return pack_brought(path.read_bytes(), grant)

    return download(f"{no}{BROUGHT_SUFFIX}", await visit.read(work))


async def confirm_one(visit: Visit) -> web.StreamResponse:
    """Make a grant last: the old key is retired, the new one enrolled."""
    form = await form_of(visit)
    no, key = visit.request.match_info["no"], first(form, "key")

    async def act(noted: Noting) -> str:
        def work(ledger: Ledger) -> None:
            require_county(ledger)
            confirm(ledger, ledger.register, visit.person.signer, _given(ledger, no, key))

        await noted.write(work)
        visit.tell("web.newkey_confirmed", no=no)
        return "/new-keys"

    try:
        return await once(visit, form, act, back="/new-keys")
    except BanjianError as error:
        return await _list_page(visit, error)


def grant_rows(
    visit: Visit, ledger: Ledger, *, no: str = "", seen_by: Person | None = None
) -> list[GrantRow]:
    """Return the grants that are held here, the newest first, as a table shows them.

    Args:
        visit: whose words and machine.
        ledger: open for reading.
        no: of this person alone; "" for all.
        seen_by: those alone that concern this person; None for all.
    """
    found = [one for one in list_grants(ledger) if not no or one.grant.staff_no == no]
    return [_row(visit, ledger, one) for one in found if seen_by is None or _concerns(ledger, seen_by, one)]


def _concerns(ledger: Ledger, person: Person, one: HeldGrant) -> bool:
    """Tell whether somebody has to do with a grant: who confirms it or gave it, and whose people it is of."""
    if not person.roles.isdisjoint(CASELESS) or one.grantor_no == person.staff_no:
        return True
    registry = ledger.knowledge.registry
    scope, holder = Scope(registry, person), registry.staff(one.grant.staff_no)
    return scope.station(one.grant.station) or (holder is not None and scope.station(holder.station))


def _row(visit: Visit, ledger: Ledger, one: HeldGrant) -> GrantRow:
    registry, grant = ledger.knowledge.registry, one.grant
    names = registry.names
    works = authority_now(ledger, grant.key_id)
    why = message_of(visit.say, AuthorityError(one.reason)).what if one.reason else ""
    return GrantRow(
        no=grant.staff_no,
        name=names.get(grant.staff_no, ""),
        place=station_name(registry, grant.station),
        by=names.get(one.grantor_no, one.grantor_no),
        given_at=show_moment(one.recorded_at_ms),
        until=show_moment(grant.until_ms),
        reason=grant.reason,
        state=one.state,
        why=why,
        open=one.state in OPEN_STATES,
        here=envelope_of(visit.office.home, grant.key_id) is not None,
        works_here=works is not None and any(works.roles_at(place) for place in own_stations(ledger)),
        key=grant.key_id.hex(),
    )


def _given(ledger: Ledger, no: str, key: str) -> HeldGrant:
    """Return the grant of a person that a button names.

    Raises:
        InputError: ``grant.none``.
    """
    for one in list_grants(ledger):
        if one.grant.staff_no == no and one.grant.key_id.hex() == key:
            return one
    raise InputError("grant.none", staff_no=no)


async def _list_page(visit: Visit, error: BanjianError | None) -> web.Response:
    person = visit.person

    def work(ledger: Ledger) -> dict[str, object]:
        registry, held = ledger.knowledge.registry, authority_now(ledger, person.key_id)
        near = [] if held is None else list(in_reach(registry, held, visit.station))
        return {
            "near": [
                (one.staff_no, registry.names.get(one.staff_no, ""), station_name(registry, one.station))
                for one in near
            ],
            "rows": grant_rows(visit, ledger, seen_by=person),
            "confirms": held is not None and held.kind == "registrar" and at_county(ledger),
            "message": error and message_of(visit.say, error, Names(visit.say, registry=registry)),
        }

    values = await visit.read(work)
    given = visit.request.query.get("given", "")
    response = await render(visit, "newkeys.html", **values, given=given, once=new_word(visit))
    response.set_status(200 if error is None else status_of(error))
    return response


async def _form_page(visit: Visit, form: Form, error: BanjianError | None) -> web.Response:
    """Return the form for one person.

    Raises:
        InputError: ``staff.unknown`` for nobody whom the person may give a key here.
    """
    no, person = visit.request.match_info["no"], visit.person

    def work(ledger: Ledger) -> dict[str, object]:
        registry, held = ledger.knowledge.registry, authority_now(ledger, person.key_id)
        near = [] if held is None else list(in_reach(registry, held, visit.station))
        if no not in {one.staff_no for one in near}:
            raise InputError("grant.not_yours", staff_no=no)
        return {
            "name": registry.names.get(no, ""),
            "message": error and message_of(visit.say, error, Names(visit.say, registry=registry)),
        }

    values = await visit.read(work)
    response = await render(
        visit,
        "newkey.html",
        **values,
        no=no,
        reasons=REASONS,
        reason=first(form, "reason") or REASONS[0],
        days=first(form, "days") or str(DAYS_MAX),
        days_max=DAYS_MAX,
        once=new_word(visit),
    )
    response.set_status(200 if error is None else status_of(error))
    return response
