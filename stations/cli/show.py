"""``banjian show``: one case: who did what, when, with which effect; lights and why; what may be done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ledger.cases.decided import correction_object, corrections_of, plain_facts, ruling_object, rulings_of
from ledger.cases.judge import SETTLED_WAITING
from ledger.cases.shape import Step
from ledger.clocks.clocks import ClockReading
from ledger.facade import CasePage, Ledger
from ledger.formats.envelope import read_envelope
from ledger.formats.keys import key_id
from ledger.oneline import shown, with_rare_codes
from ledger.texts import Message
from ledger.types import ActId, Facts, KeyId, StationId
from stations.cli.call import Call
from stations.cli.grammar import Param, Spec
from stations.cli.keyring import key_file
from stations.cli.rows import row_object
from stations.cli.session import named_station, reading, station_for
from stations.words.casenames import action_name, author_name, capacity_words, state_name, station_name
from stations.words.cells import Cell, Styled
from stations.words.effects import not_in_effect, weight_of
from stations.words.factwords import words_of
from stations.words.lines import clock_line
from stations.words.moments import show_moment
from stations.words.naming import Names
from stations.words.outcome import corrections_in_words, outcome_lines, result_words, told_lines
from stations.words.rows import custodian_words


def show(call: Call, *, case: str, why: bool, may: bool) -> int:
    """Print the page of a case."""
    with reading(call, whole=False) as ledger:
        actor, station = _person(call, ledger) if may else (None, None)
        if not may:
            _check_named(call, ledger)
        page = ledger.case(
            ledger.resolve(case), actor_key=actor, station=station, now_ms=call.app.clock.now_ms()
        )
        call.emit(_object(call, ledger, page))
        if not call.json:
            names = Names(
                call.say,
                case_types=(page.rules.case_type,),
                registry=ledger.knowledge.registry,
                item=page.rules.item,
            )
            _print_head(call, ledger, page)
            _print_steps(call, ledger, page, names)
            _print_clocks(call, page, why=why)
            _print_findings(call, page, names)
            if may:
                _print_permissions(call, page, names)
    return 0


def _person(call: Call, ledger: Ledger) -> tuple[KeyId, StationId]:
    """Return whose permissions are asked for; the envelope shows its public key without a passphrase."""
    header = read_envelope(key_file(call).read_bytes())
    actor = key_id(header.alg, header.public_key)
    return actor, station_for(call, ledger, actor)


def _check_named(call: Call, ledger: Ledger) -> None:
    """Refuse a person or station that is not there also where nobody's permissions are asked for.

    Raises:
        AuthorityError: as ``key_file``; ``registry.station_unknown``.
    """
    if call.staff_no or (call.key is not None and str(call.key) != call.app.env.get("BANJIAN_KEY")):
        key_file(call)
    named_station(call, ledger)


def _print_head(call: Call, ledger: Ledger, page: CasePage) -> None:
    say, state, registry = call.say, page.state, ledger.knowledge.registry
    call.line(f"{state.number}  {say.pick(page.rules.item.name)}")
    held = custodian_words(say, registry, page.row)
    rows = [
        ("status", state_name(say, page.rules.case_type, state.status)),
        ("result", result_words(say, state)),
        ("applicant", with_rare_codes(page.row.applicant) or "—"),
        ("custodian", held),
        ("received_station", station_name(registry, state.received_station)),
        ("capacity", capacity_words(say, state)),
        ("external_no", state.external_no),
        ("correction", say("list.and").join(_materials(call, page, state.correction))),
        ("deficit", say("list.and").join(_materials(call, page, state.deficit))),
    ]
    for key, text in rows:
        if text:
            call.line(f"  {say(f'show.{key}')}{shown(text)}")
    for line in told_lines(say, outcome_lines(say, page)):
        call.line(f"  {line}")
    if state.in_conflict:
        call.line("  " + say("show.conflict"))
    if state.awaiting:
        call.line("  " + say("show.awaiting", count=len(state.awaiting)))
    call.line()


def _materials(call: Call, page: CasePage, codes: frozenset[str]) -> list[str]:
    papers = page.rules.item.materials
    return [call.say.pick(papers[code].name) if code in papers else code for code in sorted(codes)]


def _print_steps(call: Call, ledger: Ledger, page: CasePage, names: Names) -> None:
    rows: list[list[Cell]] = []
    for number, step in enumerate(page.state.steps, start=1):
        rows.append(
            [
                str(number),
                show_moment(step.act.occurred_at_ms),
                action_name(call.say, page.rules.case_type, step.action),
                author_name(call.say, ledger, step.act),
                station_name(ledger.knowledge.registry, step.act.station),
                _effect(call, page, step, names),
                step.act.act_id.hex()[:8],
            ]
        )
    headings = ("counted", "moment", "action", "person", "place", "effect", "act")
    call.table([call.say(f"head.{name}") for name in headings], rows)
    for step in page.state.steps:
        if step.act.act_id in page.hindered:
            call.line(f"  {step.act.act_id.hex()[:8]}  {not_in_effect(call.say, page, names, step)}")
        words = _personal_words(page.personal.get(step.act.act_id))
        if words:
            call.line(f"  {step.act.act_id.hex()[:8]}  {words}")
    corrected = corrections_in_words(call.say, page, words_of(call.say, ledger, page))
    for act_id, told in corrected.items():
        line = call.say("outcome.part").join(told_lines(call.say, told))
        call.line(f"  {act_id.hex()[:8]}  {line}")


def _effect(call: Call, page: CasePage, step: Step, names: Names) -> Cell:
    if step.effective:
        state = state_name(call.say, page.rules.case_type, step.status_after)
        return call.say("show.late_entry", state=state) if step.act.facts.get("late_entry") else state
    if step.act.act_id in page.hindered:
        # Why takes a line of its own below: it would make every line of the table as long.
        return Styled(text=call.say("show.pending_hindered"), style="yellow")
    style = "red" if weight_of(page, step) == "without" else "yellow"
    return Styled(text=not_in_effect(call.say, page, names, step), style=style)


def _personal_words(personal: Facts | None) -> str:
    text = personal.get("text") if personal else None
    # a line of what somebody wrote must not look like a line of ours
    return shown(text, lines=True).replace("\n", "\n            ") if isinstance(text, str) else ""


def _print_clocks(call: Call, page: CasePage, *, why: bool) -> None:
    if page.clocks:
        call.line()
    for reading_ in page.clocks:
        call.line(clock_line(call.say, page.rules, reading_))
        if why:
            for line in reading_.explanation:
                call.line(f"    {call.say.message(line.code, line.params).what}")


def _print_findings(call: Call, page: CasePage, names: Names) -> None:
    for finding in page.state.findings:
        call.line("  ! " + _of_steps(call, page, finding.acts, names.message(finding.code, finding.params)))
    for notice in page.notices:
        message = names.message(notice.code, notice.params)
        call.line("  ! " + _of_steps(call, page, notice.acts, message))
        call.line("    " + message.next_step)


def _of_steps(call: Call, page: CasePage, acts: Sequence[ActId], message: Message) -> str:
    """Say of which steps something is told: the same may be found of several."""
    steps = [str(at) for at, step in enumerate(page.state.steps, start=1) if step.act.act_id in acts]
    if not steps:
        return message.what
    return call.say("show.of_steps", steps=call.say("list.and").join(steps), text=message.what)


def _print_permissions(call: Call, page: CasePage, names: Names) -> None:
    call.line()
    rows: list[list[Cell]] = []
    for permission in page.permissions:
        reason = (
            names.message(permission.reason_code, permission.params).what if permission.reason_code else ""
        )
        rows.append(
            [
                permission.action.replace("_", "-"),
                action_name(call.say, page.rules.case_type, permission.action),
                call.say("may.yes") if permission.allowed else call.say("may.no"),
                reason,
            ]
        )
    call.table([call.say(f"head.{name}") for name in ("command", "action", "may", "why")], rows)


def _object(call: Call, ledger: Ledger, page: CasePage) -> dict[str, object]:
    return {
        **row_object(page.row),
        "capacity": page.state.capacity,
        "external_no": page.state.external_no,
        "certificate_no": page.state.certificate_no,
        "decisions": [ruling_object(item) for item in rulings_of(page.state)],
        "amendments": [correction_object(item) for item in corrections_of(page.state)],
        "conflicts": [
            {"kept": _hex(item.kept), "contested": _hex(item.contested), "open": item.is_open}
            for item in page.state.conflicts
        ],
        "steps": [_step_object(ledger, page, step) for step in page.state.steps],
        "clocks": [_clock_object(call, item) for item in page.clocks],
        "findings": [{"code": item.code, "acts": _hex(item.acts)} for item in page.state.findings],
        "notices": [
            {"code": item.code, "acts": _hex(item.acts), **_plain(item.params)} for item in page.notices
        ],
        "may": [
            {"action": item.action, "allowed": item.allowed, "reason": item.reason_code}
            for item in page.permissions
        ],
    }


def _step_object(ledger: Ledger, page: CasePage, step: Step) -> dict[str, object]:
    hindered = page.hindered.get(step.act.act_id)
    return {
        "act_id": step.act.act_id.hex(),
        "action": step.action,
        "station": step.act.station,
        "staff_no": step.act.staff_no,
        "person": ledger.staff_name(step.act.actor, step.act.staff_no),
        "under": None if step.act.under is None else step.act.under.grant_id.hex(),
        "occurred_at_ms": step.act.occurred_at_ms,
        "recorded_at_ms": step.act.recorded_at_ms,
        "effective": step.effective,
        "reason": step.reason,
        "said": step.params.get("said") if step.reason in SETTLED_WAITING else None,
        "pending": step.act.act_id in page.state.pending,
        "hindered": None if hindered is None else hindered.code,
        "status_after": step.status_after,
        "conflict": step.conflict,
        "facts": plain_facts(step.act.facts),
    }


def _clock_object(call: Call, item: ClockReading) -> dict[str, object]:
    lines = [call.say.message(line.code, line.params).what for line in item.explanation]
    return {
        "clock": item.clock,
        "light": item.light,
        "started_on": item.started_on.isoformat(),
        "due_on": item.due_on.isoformat() if item.due_on else None,
        "stopped_on": item.stopped_on.isoformat() if item.stopped_on else None,
        "remaining_days": item.remaining_days,
        "flags": list(item.flags),
        "law": item.law,
        "calendar_version": item.calendar_version,
        "explanation": lines,
    }


def _plain(params: Mapping[str, object]) -> dict[str, object]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in params.items()}


def _hex(acts: tuple[ActId, ...]) -> list[str]:
    return [act.hex() for act in acts]


SPECS = (
    Spec(
        path=("show",),
        run=show,
        params=(
            Param(name="CASE", required=True),
            Param(name="why", flag=True),
            Param(name="may", flag=True),
        ),
        signs=True,
        group="look",
    ),
)
