"""Told on the spot (当场告知退件): papers go back, the ledger remembers why; nothing is received."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aiohttp import web

from ledger.errors import BanjianError
from ledger.facade import Command, Ledger, Performed
from ledger.identity import ID_KINDS, check_personal
from ledger.types import Facts
from stations.web import typed as typing
from stations.web.answers import status_of
from stations.web.cases import drafting
from stations.web.cases.factforms import Surroundings, fields_of, read_form
from stations.web.cases.items import item_of
from stations.web.cases.receiving import opening_spec, said_of_people
from stations.web.cases.signedbefore import SIGNED_BEFORE, as_another, led, noting, said_in, signed_before
from stations.web.cases.wrongfields import wrong_person
from stations.web.render import message_of, render
from stations.web.visit import Visit, first, form_of, see_other
from stations.words.casenames import action_name
from stations.words.naming import Names

RETURN = "advise_and_return"
Form = Mapping[str, Sequence[str]]


async def show(visit: Visit) -> web.Response:
    """Show what is asked when papers go back at once."""
    given = visit.unsigned_here()
    if where := await led(visit, given):
        return see_other(where)
    return await _shown(visit, given, None)


async def give_back(visit: Visit) -> web.StreamResponse:
    """Sign and store it; the page of the case comes next, with the paper to hand out."""
    form = dict(await form_of(visit))
    code, person = visit.request.match_info["item"], visit.person
    done: list[Performed] = []

    def work(ledger: Ledger) -> str:
        if before := signed_before(visit, ledger, form):
            return before
        item = item_of(ledger, code)
        facts = read_form(opening_spec(ledger, item, RETURN), form)
        facts["item"] = item.base_code
        command = Command(action=RETURN, station=person.station, facts=facts, personal=_people(form))
        done.append(ledger.perform(command, person.signer, noted=noting(visit, form)))
        return f"/case/{done[0].case_id.hex()}"

    try:
        where = await visit.sign_once(first(form, "once"), work, said=said_in(visit, form))
    except BanjianError as error:
        if error.code == SIGNED_BEFORE:
            await as_another(visit, form)
        return await _shown(visit, form, error)
    await typing.ended(visit, first(form, "draft"), where)
    if done:
        visit.tell("web.returned", who=person.name)
    return see_other(where)


def _people(form: Form) -> Facts | None:
    """Return who came, as far as they said: whoever is sent away at once owes nobody a name.

    Raises:
        InputError: ``identity.*`` for a name or number that is given and wrong.
    """
    personal = said_of_people(form)
    check_personal(personal)
    return personal or None


async def _shown(visit: Visit, form: Form, error: BanjianError | None) -> web.Response:
    code = visit.request.match_info["item"]
    draft = await drafting.here(visit, f"/receive/{code}/return", form)
    form = draft.form

    def work(ledger: Ledger) -> dict[str, object]:
        item = item_of(ledger, code)
        spec = opening_spec(ledger, item, RETURN)
        rules = ledger.knowledge.rules(item.base_code, ledger.knowledge.catalogue.size)
        names = Names(visit.say, case_types=(rules.case_type,), registry=ledger.knowledge.registry, item=item)
        return {
            "name": action_name(visit.say, rules.case_type, RETURN),
            "item": visit.say.pick(item.name),
            "fields": [
                one
                for one in fields_of(spec, visit.say, Surroundings(item=item), form, error=error)
                if not one.rare
            ],
            "message": None if error is None else message_of(visit.say, error, names),
        }

    values = await visit.read(work)
    response = await render(
        visit,
        "return.html",
        code=code,
        draft=draft,
        once=visit.office.randomness(12).hex(),
        given={name: "".join(texts) for name, texts in form.items()},
        wrong=wrong_person(error),
        id_kinds=ID_KINDS,
        **values,
    )
    response.set_status(200 if error is None else status_of(error))
    return response
