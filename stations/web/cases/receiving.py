"""Receiving (收件): find the item, take down the applicant, tick the papers, sign, print the slip."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import cast
from urllib.parse import quote

from aiohttp import web

from ledger.cases.permit import Permission
from ledger.contact import check_contact, is_resident_number, split_resident
from ledger.errors import BanjianError, InputError, StoreError
from ledger.facade import CaseRow, Command, Ledger, Performed, people_of
from ledger.facade.base.types import Noted
from ledger.identity import (
    AGENT,
    ID_KINDS,
    check_applicant,
    check_id_number,
    has_check_digit,
    plain_number,
)
from ledger.rules.casetype import ActionSpec
from ledger.rules.item import Item
from ledger.types import Facts
from stations.web import typed as typing
from stations.web.answers import status_of
from stations.web.browsers import Person
from stations.web.cases import drafting, steps
from stations.web.cases.acting import claimed_ms
from stations.web.cases.attaching import carried, given_again, of_form
from stations.web.cases.externals import ASKED, require_number
from stations.web.cases.factforms import (
    Field,
    Surroundings,
    fields_of,
    read_form,
    require_known,
    require_whole,
)
from stations.web.cases.items import find_items, item_of
from stations.web.cases.pads import pad_number
from stations.web.cases.signedbefore import SIGNED_BEFORE, as_another, led, noting, said_in, signed_before
from stations.web.cases.standins import stand_in_choices
from stations.web.cases.wrongfields import wrong_person
from stations.web.render import message_of, render, render_part
from stations.web.rows import Line, lines_of
from stations.web.scope import Scope
from stations.web.visit import Visit, first, form_of, see_other
from stations.words.casenames import action_name
from stations.words.factpaths import STAND_IN
from stations.words.naming import Names

RECEIVE = "receive"
PLACES = ("applicant", "agent", "p.applicant", "p.agent")
"""What the names of a person's fields begin with: at receiving, and in an amendment."""
APPLICANT_ROLE, OTHER = "applicant", "other"
APPLICANT = ("name", "id_kind", "id_no", "phone", "address")
OF_AGENT = ("name", "id_kind", "id_no", "phone", "relation", "authority")
TWINS_MAX = 5
ITEMS_SHOWN_MAX = 60
RESIDENT = re.compile(r"[0-9]{17}[0-9X]")
LATE_REASON = "f.late_entry.reason"

Form = Mapping[str, Sequence[str]]


async def choose(visit: Visit) -> web.Response:
    """Show the items to choose from; a piece of the page while somebody types.

    Enter, also a scan gun's, opens the first item that was found for what was typed by then, and nothing
    where nothing was found.
    """
    text, pad = visit.request.query.get("q", ""), visit.request.query.get("pad", "")
    station, language = visit.station, visit.say.language
    found = await visit.read(lambda ledger: find_items(ledger, text, station, language=language))
    if "first" in visit.request.query and text.strip():
        hit = next((one for one in found if one.capacity), None)
        if hit is not None:
            return see_other(f"/receive/{hit.code}{f'?pad={quote(pad)}' if pad else ''}")
    values = {
        "found": found[:ITEMS_SHOWN_MAX], "count": len(found), "most": ITEMS_SHOWN_MAX, "q": text, "pad": pad,
    }  # fmt: skip
    if "HX-Request" in visit.request.headers:
        return render_part(visit, "items.html", **values)
    unfinished = await drafting.unfinished(visit)
    way = await steps.way_of(visit)
    return await render(visit, "choose.html", **values, unfinished=unfinished, way=way, ways=steps.WAYS)


async def show(visit: Visit) -> web.Response:
    """Show the form of an item: empty, as its draft has it, or as it was sent when the browser was locked."""
    pad, given = visit.request.query.get("pad", ""), visit.unsigned_here()
    if where := await led(visit, given):
        return see_other(where)
    return await _shown(visit, {**given, "pad": [pad]} if pad else given, None)


async def receive(visit: Visit) -> web.StreamResponse:
    """Sign and store the receipt; the slip is the next page."""
    form = dict(await form_of(visit))
    code, browser = visit.request.match_info["item"], visit.browser
    attachments: tuple[tuple[bytes, int], ...] = ()

    def work(ledger: Ledger) -> str:
        if before := signed_before(visit, ledger, form):
            return before
        done, note = receive_once(
            visit, ledger, code, form, attachments=attachments, noted=noting(visit, form)
        )
        case = done.case_id.hex()
        browser.slips[case] = (done.token, note)
        return f"/case/{case}/slip"

    try:
        attachments = tuple(one.named for one in await of_form(visit, form))
        where = await visit.sign_once(first(form, "once"), work, said=said_in(visit, form))
    except BanjianError as error:
        if error.code == SIGNED_BEFORE:
            await as_another(visit, form)
        return await _shown(visit, form, error)
    await carried(visit, attachments)
    await typing.ended(visit, first(form, "draft"), where)
    return see_other(where)


async def go_on(visit: Visit) -> web.Response:
    """Show another step of the form; where what was sent cannot be kept, the form as it was sent."""
    form = dict(await form_of(visit))
    try:
        return see_other(await steps.go_on(visit, form))
    except BanjianError as error:
        return await _shown(visit, form, error)


async def check_person(visit: Visit) -> web.Response:
    """Tell at once what is wrong with an identity number, and whether the same matter was received before."""
    form, of = await form_of(visit), visit.request.query.get("of", APPLICANT_ROLE)
    of = of if of in PLACES else APPLICANT_ROLE
    number, kind = first(form, f"{of}.id_no"), first(form, f"{of}.id_kind") or "resident"
    empty: dict[str, object] = {"message": None, "twins": (), "number": ""}
    if not number.strip():
        return render_part(visit, "person_check.html", **empty)
    try:
        plain = check_id_number(kind, number)
    except InputError as error:
        whose = InputError(error.code, **{**error.params, "whose": of.rpartition(".")[2]})
        message = message_of(visit.say, whose, Names(visit.say))
        return render_part(visit, "person_check.html", **{**empty, "message": message})
    code = visit.request.match_info["item"]
    twins: list[Line] = []
    if of == APPLICANT_ROLE:
        twins = await visit.read(lambda ledger: _same_matter(visit, ledger, code, plain))
    proven = has_check_digit(kind, plain)
    return render_part(
        visit,
        "person_check.html",
        message=None,
        twins=twins,
        number=plain,
        proven=proven,
        told="web.id_good" if proven else f"web.id_{'free' if kind == OTHER else 'form'}",
        kind=visit.say(f"id_kind.{kind}"),
    )


def _same_matter(visit: Visit, ledger: Ledger, code: str, number: str) -> list[Line]:
    scope = Scope(ledger.knowledge.registry, visit.person)
    rows = [
        row
        for row in ledger.find(number, now_ms=visit.now_ms())
        if row.item_code == code and row.open and scope.row(row) and applies(ledger, row, number)
    ]
    return lines_of(visit, ledger, rows[:TWINS_MAX])


async def _checked(visit: Visit, form: Form) -> dict[str, object]:
    """Return what is to be said of the applicant on a later step, to who went on before it was said."""
    number, kind = ("".join(form.get(f"{APPLICANT_ROLE}.{name}", ())) for name in ("id_no", "id_kind"))
    if not number.strip():
        return {"person_message": None, "twins": ()}
    try:
        plain = check_id_number(kind or "resident", number)
    except InputError as error:
        return {"person_message": message_of(visit.say, error, Names(visit.say)), "twins": ()}
    code = visit.request.match_info["item"]
    twins = await visit.read(lambda ledger: _same_matter(visit, ledger, code, plain))
    return {"person_message": None, "twins": twins}


def applies(ledger: Ledger, row: CaseRow, number: str) -> bool:
    """Tell whether a number is the applicant's: no agent's, and none that was corrected since."""
    people = people_of(ledger.case(row.case_id))
    return plain_number(people.get(APPLICANT_ROLE, {}).get("id_no", "")) == number


def receive_once(
    visit: Visit,
    ledger: Ledger,
    code: str,
    form: Form,
    *,
    attachments: tuple[tuple[bytes, int], ...] = (),
    noted: Noted | None = None,
    strict: bool = False,
) -> tuple[Performed, str]:
    """Sign and store the receipt, then the head of the log: the slip names it.

    Args:
        visit: who signs.
        ledger: to be written.
        code: of the item.
        form: what is said.
        attachments: hash and size of each file.
        noted: writes down what it becomes, before it is stored.
        strict: whether fields that a receipt has not are refused.

    Raises:
        InputError: what was typed. RuleError, AuthorityError: what forbids the receipt.
    """
    person, item = visit.person, item_of(ledger, code)
    spec, pad = opening_spec(ledger, item), "".join(form.get("pad", ())).strip()
    if strict:
        require_known(spec, form)
    facts, people = read_form(spec, form, whole=not pad), people_in(form)
    facts["item"] = item.base_code
    if "agent_authority" in facts and AGENT not in people:
        raise InputError("identity.agent_no_name")
    occurred_at_ms = claimed_ms(form, ledger.clock.now_ms())
    if pad:
        _from_pad(facts, pad_number(ledger, pad, person.station), occurred_at_ms)
        require_whole(spec, facts)
    same_number = require_number(visit, ledger, None, facts, form)
    done = ledger.perform(
        Command(
            action=RECEIVE,
            station=person.station,
            facts=facts,
            personal=people,
            occurred_at_ms=occurred_at_ms,
            attachments=attachments,
            same_number=same_number,
        ),
        person.signer,
        noted=noted,
    )
    note = ""
    with suppress(StoreError):
        # The receipt is safe: were it told as failed, the form would be sent again, and stored twice.
        note = ledger.checkpoint(done.log_id)
    return done, note


def _from_pad(facts: Facts, number: str, occurred_at_ms: int | None) -> None:
    """Let a receipt that was written by hand keep the number of its pad.

    Raises:
        InputError: ``pad.incomplete`` without the time and the reason.
    """
    late = facts.get("late_entry")
    if occurred_at_ms is None or not isinstance(late, dict) or "reason" not in late:
        raise InputError("pad.incomplete")
    # The ledger keeps the number of this paper, unless a case carries it whose row in the lists is gone.
    facts["late_entry"] = {**late, "paper_no": number}


def people_in(form: Form) -> Facts:
    """Return the people of a form.

    Raises:
        InputError: ``identity.*``.
    """
    return check_applicant(said_of_people(form))


def said_of_people(form: Form) -> Facts:
    """Return what a form says of people; of a number that is not given the kind says nothing.

    Raises:
        InputError: ``identity.phone`` and ``identity.misplaced``; nothing else is checked.
    """
    personal: Facts = {}
    for role, names in (("applicant", APPLICANT), (AGENT, OF_AGENT)):
        texts = {name: "".join(form.get(f"{role}.{name}", ())).strip() for name in names}
        if not texts["id_no"] and RESIDENT.fullmatch(plain_number(texts["name"])):
            # A gun was fired there, and sent before the page could put the number where it belongs.
            texts |= {"name": "", "id_no": texts["name"], "id_kind": "resident"}
        for name in ("name", "phone", "address"):
            # Fired behind what was typed there; a name alone, once it is told, is moved above.
            before, number = split_resident(texts.get(name, ""))
            if before and number and texts["id_no"] in ("", number):
                texts |= {name: before, "id_no": number, "id_kind": "resident"}
        for name in ("phone", "address"):
            number = plain_number(texts.get(name, ""))
            if texts["id_no"] in ("", number) and is_resident_number(number):
                texts |= {name: "", "id_no": number, "id_kind": "resident"}
        if not texts["id_no"]:
            texts["id_kind"] = ""
        check_contact(texts, whose=role)
        part: Facts = {name: text for name, text in texts.items() if text}
        if part:
            personal[role] = part
    text = "".join(form.get("text", ())).strip()
    if text:
        personal["text"] = text
    return personal


async def _shown(visit: Visit, form: Form, error: BanjianError | None) -> web.Response:
    code, person = visit.request.match_info["item"], visit.person
    page = drafting.page_of(f"/receive/{code}", form)
    draft = await drafting.here(visit, page, form)
    form = draft.form

    def work(ledger: Ledger) -> dict[str, object]:
        item = item_of(ledger, code)
        knowledge = ledger.knowledge
        rules = knowledge.rules(item.base_code, knowledge.catalogue.size)
        spec = opening_spec(ledger, item)
        place = knowledge.registry.station(person.station)
        around = opening_surroundings(ledger, person, item, spec)
        names = Names(visit.say, case_types=(rules.case_type,), registry=knowledge.registry, item=item)
        with ledger.reading() as (_, parts):
            may = parts.desk.permissions(
                None, rules, key=person.key_id, station=person.station, now_ms=visit.now_ms()
            )
        permission = next((one for one in may if one.action == RECEIVE), None)
        return {
            "item": item,
            "code": code,
            "name": action_name(visit.say, rules.case_type, RECEIVE),
            "fields": [
                replace(one, required=True) if form.get("pad") and one.name == LATE_REASON else one
                for one in fields_of(spec, visit.say, around, form, error=error)
            ],
            "capacity": item.receipt_capacity.get("" if place is None else place.level, ""),
            "allowed": permission is not None and permission.allowed,
            "confirm_number": error is not None and error.code in ASKED,
            "why_not": _why_not(names, permission),
            "message": None if error is None else message_of(visit.say, error, names),
        }

    values = await visit.read(work)
    attached = await given_again(visit, form)
    stepping = await steps.stepping(visit, form, error)
    item, fields = cast(Item, values["item"]), cast(Sequence[Field], values["fields"])
    checked = await _checked(visit, form if stepping.before else {})
    given = {name: "".join(texts) for name, texts in form.items()}
    response = await render(
        visit,
        "receive.html",
        once=visit.office.randomness(12).hex(),
        given=given,
        wrong=wrong_person(error),
        attached=attached,
        draft=draft,
        stepping=stepping,
        steps=steps.STEPS,
        review=steps.review(visit.say, item, form, fields, [one.file for one in attached])
        if stepping.step == steps.SIGN_STEP
        else (),
        id_kinds=ID_KINDS,
        **checked,
        **values,
    )
    response.set_status(200 if error is None else status_of(error))
    return response


def _why_not(names: Names, permission: Permission | None) -> str:
    if permission is None or not permission.reason_code:
        return ""
    return names.message(permission.reason_code, permission.params).what


def opening_surroundings(ledger: Ledger, person: Person, item: Item, spec: ActionSpec) -> Surroundings:
    """Return what the choices of a receipt's form come from."""
    registry, station = ledger.knowledge.registry, person.station
    away = stand_in_choices(registry, person.staff_no, station=station, roles=spec.by)
    return Surroundings(item=item, stand_ins={STAND_IN: away})


def opening_spec(ledger: Ledger, item: Item, action: str = RECEIVE) -> ActionSpec:
    """Return an opening action of an item's case type.

    Raises:
        InputError: ``web.not_received`` for an item whose cases are opened in another way.
    """
    catalogue = ledger.knowledge.catalogue
    spec = ledger.knowledge.rules(item.base_code, catalogue.size).case_type.actions.get(action)
    if spec is None:
        raise InputError("web.not_received", item=item.base_code)
    return spec
