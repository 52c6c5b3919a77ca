"""Doing something to a case: the form of the action, then the signed act, or the form with what is wrong."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from aiohttp import web

from ledger.cases.judge import ADJUDICATE, ERASE
from ledger.errors import BanjianError, ConfigError, RuleError
from ledger.facade import CasePage, Command, Ledger, Performed
from ledger.identity import ID_KINDS
from ledger.registry.registry import Registry
from ledger.rules.casetype import ActionSpec
from ledger.types import ActId, CaseId
from stations.conflictsides import in_dispute
from stations.papers.documents import ACCEPTING
from stations.papers.handed import missing_names
from stations.web import typed as typing
from stations.web.answers import status_of
from stations.web.cases import drafting
from stations.web.cases.amending import (
    AMEND,
    Form,
    form_spec,
    held_now,
    parties_typed,
    target_of,
)
from stations.web.cases.attaching import carried, content_digest, given_again, of_form
from stations.web.cases.casepage import case_of, heads_of
from stations.web.cases.erased import before_erasing, drop_of
from stations.web.cases.externals import ASKED, require_number
from stations.web.cases.factforms import (
    EVIDENCE_FIELD,
    Choice,
    Field,
    Surroundings,
    fields_of,
    moment_ms,
)
from stations.web.cases.ruling import LISTS, disputed_of, ruled
from stations.web.cases.saying import meant_by, said_of, spec_of
from stations.web.cases.signedbefore import SIGNED_BEFORE, as_another, led, noting, said_in, signed_before
from stations.web.cases.standins import stand_in_choices
from stations.web.cases.wrongfields import wrong_person
from stations.web.render import message_of, render
from stations.web.scope import Scope
from stations.web.visit import Visit, first, form_of, see_other
from stations.words.casenames import action_name
from stations.words.erased import held_elsewhere
from stations.words.factpaths import STAND_IN
from stations.words.factwords import acts_in_words, acts_since, names_of
from stations.words.moments import show_moment

MOVED_ON = "web.moved_on"


async def show(visit: Visit) -> web.Response:
    """Show the form of an action."""
    given = visit.unsigned_here()
    if where := await led(visit, given):
        return see_other(where)
    return await _shown(visit, given, None)


async def act(visit: Visit) -> web.StreamResponse:
    """Sign what the form says and store it."""
    form = dict(await form_of(visit))
    case_id, action = case_of(visit), visit.request.match_info["action"]
    where, person = f"/case/{case_id.hex()}", visit.person
    done: list[Performed] = []
    attachments: tuple[tuple[bytes, int], ...] = ()

    def work(ledger: Ledger) -> str:
        if signed_before(visit, ledger, form):
            return where
        heads = first(form, "heads")
        done.append(perform_once(visit, ledger, case_id, action, form, heads=heads, attachments=attachments))
        return where

    try:
        attached = await of_form(visit, form)
        attachments = tuple(one.named for one in attached)
        if attached:
            form[EVIDENCE_FIELD] = [await content_digest(visit, attached[0])]
        if action == ERASE:
            await before_erasing(visit, case_id)
        await visit.sign_once(first(form, "once"), work, said=said_in(visit, form))
    except BanjianError as error:
        if error.code == SIGNED_BEFORE:
            await as_another(visit, form)
        return await _shown(visit, form, error)
    await carried(visit, attachments)
    await typing.ended(visit, first(form, "draft"), where)
    elsewhere = ""
    if done and action == ERASE:
        await drop_of(visit, case_id)
        elsewhere = await visit.read(lambda ledger: held_elsewhere(ledger, case_id))
    for one in done:
        name, why = await _outcome(visit, one, action)
        if why:
            visit.tell("web.kept", action=name, why=why, seq=one.seq)
        elif elsewhere:
            visit.tell("web.erased", who=person.name, seq=one.seq, stations=elsewhere)
        else:
            visit.tell("web.done", action=name, who=person.name, seq=one.seq)
    return see_other(where)


def perform_once(
    visit: Visit,
    ledger: Ledger,
    case_id: CaseId,
    action: str,
    form: Mapping[str, list[str]],
    *,
    heads: str,
    attachments: tuple[tuple[bytes, int], ...] = (),
    strict: bool = False,
) -> Performed:
    """Sign and store one action, unless the case has gone on since the form was shown.

    Args:
        visit: who signs.
        ledger: to be written.
        case_id: the case.
        action: what is done.
        form: what is said.
        heads: from the case when it was looked at; "" to act whatever happened since.
        attachments: hash and size of each file.
        strict: whether fields that the action has not are refused.

    Raises:
        RuleError: ``web.moved_on``: somebody acted meanwhile; look again first. Or what forbids the action.
        InputError: what was typed.
    """
    person = visit.person
    page = ledger.case(case_id, actor_key=person.key_id, station=person.station)
    Scope(ledger.knowledge.registry, person).require(page.state)
    if heads and heads != heads_of(page):
        raise RuleError(MOVED_ON)
    facts, personal = said_of(page, action, form, strict=strict)
    same_number = require_number(visit, ledger, page.state, facts, form)
    command = Command(
        action=action,
        station=person.station,
        case=case_id,
        facts=facts,
        personal=personal,
        occurred_at_ms=claimed_ms(form, ledger.clock.now_ms()),
        attachments=attachments,
        same_number=same_number,
    )
    # What an act of erasing left behind is erased by the next one: that may be signed twice.
    noted = None if action == ERASE else noting(visit, form, case_id)
    done = ledger.perform(command, person.signer, noted=noted)
    if action == ERASE:
        # What the act deleted goes from the disk as well; whoever asks again has that done again.
        with ledger.turn:
            ledger.parts.county.erase(case_id)
    return done


def claimed_ms(form: Mapping[str, Sequence[str]], now_ms: int) -> int | None:
    """Return the claimed time of an act; None for now.

    Raises:
        ConfigError: ``cli.future``.
    """
    text = "".join(form.get("at", ())).strip()
    if not text:
        return None
    claimed = moment_ms(text, "at")
    if claimed > now_ms + 60_000:
        raise ConfigError("cli.future", value=text[:40], now=show_moment(now_ms))
    return claimed


async def _shown(visit: Visit, form: Mapping[str, Sequence[str]], error: BanjianError | None) -> web.Response:
    case_id, action = case_of(visit), visit.request.match_info["action"]
    person, heads = visit.person, first(_lists(form), "heads")
    asked = {"f.target": [visit.request.query.get("target", "")]}
    here = drafting.page_of(f"/case/{case_id.hex()}/do/{action}", form or asked)
    draft = await drafting.here(visit, here, form)
    form, moved_on = draft.form, error is not None and error.code == MOVED_ON

    def work(ledger: Ledger) -> dict[str, object]:
        page = ledger.case(case_id, actor_key=person.key_id, station=person.station, now_ms=visit.now_ms())
        registry = ledger.knowledge.registry
        Scope(registry, person).require(page.state)
        spec = spec_of(page, action)
        given = _given(page, action, ruled(action, form), visit.request.query.get("target", ""))
        target = target_of(page, given) if action == AMEND else None
        if target is not None:
            spec = form_spec(page, spec, target)
        names = names_of(visit.say, ledger, page)
        permission = next((one for one in page.permissions if one.action == action), None)
        caveat = None
        if permission is not None and permission.reason_code:
            caveat = names.message(permission.reason_code, permission.params)
        return {
            "page": page,
            "action": action,
            "name": action_name(visit.say, page.rules.case_type, action),
            "second": spec.second,
            "disputed": disputed_of(page.state, _disputed(visit, ledger, page), given)
            if action == ADJUDICATE
            else None,
            "ruled": LISTS if action == ADJUDICATE else (),
            "fields": _fields(visit, ledger, page, spec, given, error),
            "amends": _amends(visit, ledger, page) if action == AMEND and target is None else None,
            "target": None if target is None else target.act.act_id.hex(),
            "parties": {} if target is None else parties_typed(page, target, given),
            "id_kinds": ID_KINDS,
            "code": page.rules.item.base_code,
            "case": case_id.hex(),
            "item": visit.say.pick(page.rules.item.name),
            # Whoever was told what happened meanwhile signs after that, and loses nothing that was typed.
            "heads": heads_of(page) if moved_on else first(_lists(form), "heads") or heads_of(page),
            "news": acts_since(acts_in_words(visit.say, ledger, page), page, heads) if moved_on else (),
            "text": "".join(form.get("text", ())),
            "at": "".join(form.get("at", ())),
            "allowed": permission is not None and permission.allowed,
            "caveat": caveat,
            "wrong": wrong_person(error),
            "message": None if error is None else message_of(visit.say, error, names),
            "confirm_number": error is not None and error.code in ASKED,
            "moved_on": moved_on,
            "lacking": missing_names(page, visit.say) if action in ACCEPTING else (),
        }

    values = await visit.read(work)
    values["attached"] = await given_again(visit, form)
    response = await render(
        visit, "action.html", once=visit.office.randomness(12).hex(), draft=draft, **values
    )
    response.set_status(200 if error is None else status_of(error))
    return response


def _lists(form: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    return {name: list(texts) for name, texts in form.items()}


def _fields(
    visit: Visit,
    ledger: Ledger,
    page: CasePage,
    spec: ActionSpec,
    given: Mapping[str, Sequence[str]],
    error: BanjianError | None,
) -> list[Field]:
    registry = ledger.knowledge.registry
    stations: list[Choice] = [
        (place.station, f"{place.name} {place.station}")
        for place in registry.stations()
        if place.station != visit.station
    ]
    # The stations above come first: that is where most cases go.
    line = registry.line(visit.station)
    stations.sort(key=lambda one: (line.index(one[0]) if one[0] in line else len(line), one[0]))
    around = Surroundings(
        item=page.rules.item,
        stations=stations,
        acts=_acts(visit, ledger, page, only=meant_by(page, spec.code)),
        disputed=_disputed(visit, ledger, page),
        stand_ins=_stand_ins(visit, registry, page, spec, given),
    )
    if "to" in spec.facts and not given and len(line) > 1:
        given = {"f.to": (line[1],)}
    return fields_of(spec, visit.say, around, given, error=error)


def _stand_ins(
    visit: Visit, registry: Registry, page: CasePage, spec: ActionSpec, given: Form
) -> Mapping[str, Sequence[Choice]]:
    """Return for whom the person may stand in, and for whom the author of an act that is amended could."""
    found = {
        STAND_IN: stand_in_choices(registry, visit.person.staff_no, station=visit.station, roles=spec.by)
    }
    target = target_of(page, given) if spec.code == AMEND else None
    amended = None if target is None else page.rules.case_type.actions.get(target.action)
    if target is not None and amended is not None:
        act = target.act
        found[f"changes.{STAND_IN}"] = stand_in_choices(
            registry, act.staff_no, station=act.station, roles=amended.by
        )
    return found


def _acts(visit: Visit, ledger: Ledger, page: CasePage, *, only: Collection[ActId] = ()) -> list[Choice]:
    """Return the acts of a case in words, the newest first; of some alone where they are named."""
    words = acts_in_words(visit.say, ledger, page)
    return [(act_id.hex(), text) for act_id, text in reversed(words.items()) if not only or act_id in only]


def _disputed(visit: Visit, ledger: Ledger, page: CasePage) -> list[Choice]:
    """Return the acts of open conflicts in words, the oldest first."""
    words = acts_in_words(visit.say, ledger, page)
    return [(step.act.act_id.hex(), words[step.act.act_id]) for step in in_dispute(page.state)]


def _amends(visit: Visit, ledger: Ledger, page: CasePage) -> list[Choice]:
    """Return the acts that may be amended: those that have effect."""
    effective = {step.act.act_id.hex() for step in page.state.steps if step.effective}
    return [one for one in _acts(visit, ledger, page) if one[0] in effective]


def _given(
    page: CasePage, action: str, form: Mapping[str, Sequence[str]], target: str
) -> Mapping[str, Sequence[str]]:
    """Return what is filled in before anybody types: the act that waits, papers still missing, what holds."""
    if form:
        return form
    if action == AMEND:
        chosen = target_of(page, {"f.target": (target,)})
        return {} if chosen is None else held_now(page, chosen)
    return _beforehand(page, spec_of(page, action))


def _beforehand(page: CasePage, spec: ActionSpec) -> Mapping[str, Sequence[str]]:
    given: dict[str, Sequence[str]] = {}
    if len(meant := meant_by(page, spec.code)) == 1:
        given["f.target"] = (meant[0].hex(),)
    if spec.code == "supply":
        given["f.materials"] = sorted(page.state.correction | page.state.deficit)
    if "external_no" in spec.facts and page.state.external_no:
        given["f.external_no"] = (page.state.external_no,)
    return given


async def _outcome(visit: Visit, done: Performed, action: str) -> tuple[str, str]:
    """Return the action's name, and why the act has no effect; "" where it has."""

    def work(ledger: Ledger) -> tuple[str, str]:
        page = ledger.case(done.case_id, now_ms=visit.now_ms())
        kind, kept = page.rules.case_type, page.kept_only(done.act_id)
        names = names_of(visit.say, ledger, page)
        why = "" if kept is None else names.message(kept.reason, kept.params).what
        return action_name(visit.say, kind, action), why

    return await visit.read(work)
