"""The page of a case: state, clocks with their reasons, every act, what may be done and what not, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aiohttp import web

from ledger.cases.permit import Permission
from ledger.cases.shape import Step
from ledger.clocks.clocks import ClockReading
from ledger.errors import InputError
from ledger.facade import CasePage, Ledger
from ledger.facade.peering.between import twins
from ledger.facade.peering.confirmed import Reached, reached_acts
from ledger.rules.casetype import SAME
from ledger.types import ActId, CaseId, Facts, StationId
from stations.conflictsides import open_sides
from stations.papers.documents import Printable, printables
from stations.papers.handed import missing_names
from stations.province.known import Entered, entered_of
from stations.web import typed as typing
from stations.web.cases.attached import lines_of as lines_of_attachments
from stations.web.cases.drafting import unfinished_at
from stations.web.drafts import Draft
from stations.web.keyholders import own_stations
from stations.web.render import render
from stations.web.rows import Line, lines_of
from stations.web.scope import Scope
from stations.web.visit import Visit
from stations.words.casenames import action_name, author_name, capacity_words, state_name, station_name
from stations.words.effects import not_in_effect, weight_of
from stations.words.factwords import FactWords, names_of, words_of
from stations.words.lines import clock_line
from stations.words.naming import Names
from stations.words.outcome import Told, corrections_in_words, outcome_lines, result_words

SECOND_SIGHT = frozenset(("countersign", "adjudicate"))
"""Actions that others wait for."""
HANDING = frozenset(("offer", "take"))
DECIDED = frozenset(("decide", "record_result"))
"""Actions after which no paper is waited for."""
WITHOUT_RESULT = frozenset(("returned", "not_accepted", "withdrawn", "lapsed", "revoked", "void"))
"""States in which a case ends without what was asked for: not what is offered first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReachedLine:
    """That an act reached a station: ``at_ms`` by that one's clock; ``level`` is ``here`` for this one."""

    level: str
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLine:
    """One act of the timeline.

    Attributes:
        effect: state after it, or why it has none.
        weight: ``plain``, ``waiting``, ``ended`` or ``without``.
        own: whether it was done at a station kept here: only of such does a page say how safe they are.
        safe: levels that have confirmed it by a receipt.
        reached: when this station, if it is of another one, and those above had it, by their receipts.
        facts: what it says, as (field, words).
        personal: what it says of people, when that is held here.
    """

    act: str
    action: str
    who: str
    where: str
    occurred_at_ms: int
    recorded_at_ms: int
    effect: str
    weight: str
    own: bool
    safe: Sequence[str]
    reached: Sequence[ReachedLine]
    facts: Sequence[tuple[str, str]]
    personal: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockLine:
    """One clock with its reasons."""

    light: str
    text: str
    law: str
    reasons: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One action on the page.

    Attributes:
        reason: why it may not be done, or what to bear in mind when it may.
        forward: whether it takes the case on its way; shown first.
    """

    action: str
    name: str
    allowed: bool
    reason: str
    forward: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What the template takes."""

    case: str
    line: Line
    page: CasePage
    status: str
    result: str
    outcome: Sequence[Told]
    capacity: str
    held: str
    clocks: Sequence[ClockLine]
    steps: Sequence[StepLine]
    may: Sequence[Choice]
    may_not: Sequence[Choice]
    notices: Sequence[tuple[str, str]]
    conflicts: Sequence[tuple[Sequence[StepLine], Sequence[StepLine]]]
    twins: Sequence[Line]
    heads: str
    entered: Entered
    entered_by: str
    documents: Sequence[Printable]
    lacking: Sequence[str]


async def show(visit: Visit) -> web.Response:
    """Show a case."""
    case_id = case_of(visit)
    shown = await visit.read(lambda ledger: read_case(visit, ledger, case_id))
    return await render(
        visit,
        "case.html",
        shown=shown,
        kept_here=await typing.here(visit, f"/case/{case_id.hex()}"),
        item=visit.say.pick(shown.page.rules.item.name),
        attachments=await lines_of_attachments(visit, case_id),
        unfinished=await _unfinished(visit, shown),
        has_upstream=bool(visit.office.config.upstream),
        once=visit.office.randomness(12).hex(),
    )


async def _unfinished(visit: Visit, shown: Shown) -> dict[str, list[Draft]]:
    """Return what the reader was typing about the case and did not sign, by the action's name."""
    found, kind = await unfinished_at(visit, shown.case), shown.page.rules.case_type
    return {
        action_name(visit.say, kind, action): drafts
        for action, drafts in found.items()
        if action in kind.actions
    }


def case_of(visit: Visit) -> CaseId:
    """Return the case that the address names.

    Raises:
        InputError: ``web.no_page``.
    """
    return case_id_of(visit.request.match_info["case"])


def case_id_of(text: str) -> CaseId:
    """Return the case that a form or an address names by its id in hexadecimal digits.

    Raises:
        InputError: ``web.no_page``.
    """
    try:
        case_id = bytes.fromhex(text)
    except ValueError as error:
        raise InputError("web.no_page", path=f"/case/{text[:40]}") from error
    if len(case_id) != 16:
        raise InputError("web.no_page", path=f"/case/{text[:40]}")
    return CaseId(case_id)


def read_case(visit: Visit, ledger: Ledger, case_id: CaseId) -> Shown:
    """Return what the page shows.

    Raises:
        RuleError: ``case.unknown``.
        AuthorityError: ``web.scope``.
    """
    person = visit.person
    page = ledger.case(case_id, actor_key=person.key_id, station=person.station, now_ms=visit.now_ms())
    registry = ledger.knowledge.registry
    Scope(registry, person).require(page.state)
    names = names_of(visit.say, ledger, page)
    with ledger.reading() as (tx, parts):
        here = ledger.main_station or person.station
        known = reached_acts(tx, parts, case_id, station=here)
    reached = {act: [_reached(one, here) for one in found] for act, found in known.items()}
    words = words_of(visit.say, ledger, page)
    corrected = corrections_in_words(visit.say, page, words)
    steps = [_step(visit, ledger, page, step, names, words, corrected, reached) for step in page.state.steps]
    by_act = {step.act.act_id: line for step, line in zip(page.state.steps, steps, strict=True)}
    choices = [_choice(visit, page, names, permission) for permission in page.permissions]
    kind = page.rules.case_type
    entered = entered_of(page.state)
    return Shown(
        case=case_id.hex(),
        line=lines_of(visit, ledger, [page.row])[0],
        page=page,
        status=state_name(visit.say, kind, page.state.status),
        result=result_words(visit.say, page.state),
        outcome=outcome_lines(visit.say, page),
        capacity=capacity_words(visit.say, page.state),
        held=station_name(registry, page.state.custodian),
        clocks=[_clock(visit, page, reading) for reading in page.clocks],
        steps=steps,
        may=[one for one in choices if one.allowed],
        may_not=[one for one in choices if not one.allowed],
        notices=_notices(page, names),
        conflicts=[
            ([by_act[step.act.act_id] for step in kept], [by_act[step.act.act_id] for step in contested])
            for kept, contested in open_sides(page.state)
        ],
        twins=_twins(visit, ledger, case_id),
        heads=heads_of(page),
        entered=entered,
        documents=printables(page, visit.say),
        lacking=missing_names(page, visit.say) if page.row.open and not DECIDED & page.state.done else (),
        entered_by="" if entered.by is None else ledger.staff_name(entered.by),
    )


def heads_of(page: CasePage) -> str:
    """Return what a form remembers of the case that it was made for: acts that arrive meanwhile change it."""
    return "".join(act.hex()[:16] for act in page.state.heads)


def _step(
    visit: Visit,
    ledger: Ledger,
    page: CasePage,
    step: Step,
    names: Names,
    words: FactWords,
    corrected: Mapping[ActId, Sequence[Told]],
    reached: Mapping[ActId, Sequence[ReachedLine]],
) -> StepLine:
    say, act = visit.say, step.act
    told = reached.get(act.act_id, ())
    effect = (
        state_name(say, page.rules.case_type, step.status_after)
        if step.effective
        else not_in_effect(say, page, names, step)
    )
    return StepLine(
        act=act.act_id.hex(),
        action=action_name(say, page.rules.case_type, step.action),
        who=author_name(say, ledger, act),
        where=station_name(ledger.knowledge.registry, act.station),
        occurred_at_ms=act.occurred_at_ms,
        recorded_at_ms=act.recorded_at_ms,
        effect=effect,
        weight=weight_of(page, step),
        own=act.station in own_stations(ledger),
        safe=[one.level for one in told if one.level != "here"],
        reached=told,
        facts=corrected.get(act.act_id) or words.told(step.action, act.facts, act=act),
        personal=_personal(visit, page.personal.get(act.act_id)),
    )


def _reached(one: Reached, here: StationId) -> ReachedLine:
    return ReachedLine(level="here" if one.station == here else one.level, at_ms=one.at_ms)


def _personal(visit: Visit, personal: Facts | None) -> list[tuple[str, str]]:
    told = []
    for role, part in (personal or {}).items():
        if isinstance(part, dict):
            told += [
                (visit.say(f"person.{role}.{name}"), _said(visit, name, str(value)))
                for name, value in part.items()
            ]
        elif isinstance(part, str) and role == "text":
            told.append((visit.say("person.text"), part))
    return told


def _said(visit: Visit, name: str, text: str) -> str:
    """Return a text about a person; an empty one of an amendment takes away what was known."""
    if not text:
        return visit.say("web.emptied")
    key = f"id_kind.{text}"
    return visit.say(key) if name == "id_kind" and visit.say.has(key) else text


def _clock(visit: Visit, page: CasePage, reading: ClockReading) -> ClockLine:
    return ClockLine(
        light=reading.light,
        text=clock_line(visit.say, page.rules, reading),
        law=visit.say.pick(reading.rule),
        reasons=[visit.say.message(line.code, line.params).what for line in reading.explanation],
    )


def _choice(visit: Visit, page: CasePage, names: Names, permission: Permission) -> Choice:
    spec = page.rules.case_type.actions[permission.action]
    code = permission.reason_code
    return Choice(
        action=permission.action,
        name=action_name(visit.say, page.rules.case_type, permission.action),
        allowed=permission.allowed,
        reason=names.message(code, permission.params).what if code else "",
        forward=permission.action in SECOND_SIGHT
        or spec.custody in HANDING
        or (spec.to_state != SAME and spec.to_state not in WITHOUT_RESULT),
    )


def _notices(page: CasePage, names: Names) -> list[tuple[str, str]]:
    told = []
    for finding in (*page.state.findings, *page.notices):
        message = names.message(finding.code, finding.params)
        told.append((message.what, message.next_step))
    return told


def _twins(visit: Visit, ledger: Ledger, case_id: CaseId) -> list[Line]:
    others = [one for twin in twins(ledger, only=case_id) for one in twin.case_ids if one != case_id]
    scope = Scope(ledger.knowledge.registry, visit.person)
    with ledger.reading() as (tx, parts):
        rows = [parts.reader.row(tx, other, visit.now_ms()) for other in others]
    # As in the list of all twins: who applied at another village is not told to this one.
    return lines_of(visit, ledger, [row for row in rows if scope.row(row)])
