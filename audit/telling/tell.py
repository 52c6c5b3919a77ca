"""A replayed case as JSON, and as tables for people."""

from __future__ import annotations

from typing import TextIO

from audit.telling.factwords import FactWords
from audit.telling.replay import Replay
from audit.telling.report import JsonValue, finding_json, finding_text, plain
from audit.telling.words import Words, moment
from ledger.cases.decided import (
    correction_object,
    corrections_of,
    plain_facts,
    ruling_object,
    rulings_of,
)
from ledger.cases.judge import SETTLED_WAITING
from ledger.cases.shape import CaseAct, CaseState, Step, Under
from ledger.clocks.clocks import ClockReading
from ledger.oneline import shown
from ledger.texts.tables import print_table

_DIGITS = 12
"""Hexadecimal digits of an act id that tables show."""
_LOG_DIGITS = 8
"""Hexadecimal digits of a log id that tables show."""


def replay_json(told: Replay, words: Words) -> dict[str, JsonValue]:
    """Return a replayed case as one JSON object."""
    view, state = told.view, told.view.state
    acts: list[JsonValue] = (
        [_act_json(told, act, None, words) for act in view.acts]
        if state is None
        else [_act_json(told, step.act, step, words) for step in state.steps]
    )
    return {
        "training": told.training,
        "case": view.case_id.hex(),
        "number": "" if state is None else state.number,
        "item": "" if state is None else state.item_code,
        "status": "" if state is None else state.status,
        "result": "" if state is None else state.result,
        "certificate_no": "" if state is None else state.certificate_no,
        "decisions": [] if state is None else [plain(ruling_object(one)) for one in rulings_of(state)],
        "amendments": []
        if state is None
        else [plain(correction_object(one)) for one in corrections_of(state)],
        "custodian": "" if state is None else state.custodian,
        "reason": view.reason,
        "as_of_ms": told.as_of_ms,
        "known_at_ms": told.known_at_ms,
        "left_out": told.left_out,
        "acts": acts,
        "awaiting": [] if state is None else [act.hex() for act in state.awaiting],
        "conflicts": [] if state is None else _conflicts(state),
        "clocks": [_clock_json(reading, words) for reading in told.clocks],
        "findings": [finding_json(finding, words) for finding in told.findings],
    }


def print_replay(told: Replay, words: Words, out: TextIO) -> None:
    """Print a replayed case: state, every act, clocks with their explanation."""
    view, state = told.view, told.view.state
    if told.training:
        print(words("audit.training"), file=out)
    if state is None:
        print(words("audit.case_unfolded", case=view.case_id, reason=view.reason), file=out)
    else:
        item = words.pick(view.rules.item.name) if view.rules is not None else state.item_code
        print(words("audit.replay.case", number=shown(state.number), item=item, case=view.case_id), file=out)
        print(words("audit.replay.state", state=_names(told, words).state(state.status)), file=out)
        _print_outcome(told, state, words, out)
    print(words("audit.replay.moment", moment=moment(told.as_of_ms)), file=out)
    if told.known_at_ms is not None:
        print(words("audit.replay.known", moment=moment(told.known_at_ms)), file=out)
    if told.left_out:
        print(words("audit.replay.left_out", count=told.left_out), file=out)
    print(file=out)
    columns = ("occurred", "recorded", "origin", "action", "who", "station", "effect", "state", "act")
    print_table(out, [words(f"audit.column.{name}") for name in columns], _rows(told, words))
    _print_clocks(told, words, out)
    for finding in told.findings:
        print(f"{words(f'audit.severity.{finding.severity}')} {finding_text(finding, words)}", file=out)
    print(file=out)
    print(words("audit.replay.limits"), file=out)


def _print_outcome(told: Replay, state: CaseState, words: Words, out: TextIO) -> None:
    """Print what was decided and why, the certificate, and what amendments changed."""
    names = _names(told, words)
    if state.result:
        print(words("audit.replay.result", result=words.name("result", state.result)), file=out)
    for ruling in rulings_of(state):
        if ruling.says_only(state.result):
            continue
        named = [words.name("result", ruling.result)] if ruling.result else []
        named += [words.name("ground", ruling.ground)] if ruling.ground else []
        parts = [shown(text) for text in (*named, *ruling.reasons, ruling.document_no) if text]
        print(
            words(
                "audit.replay.ruling",
                action=names.action(ruling.action),
                act=ruling.act_id.hex()[:_DIGITS],
                texts=words("audit.replay.join").join(parts),
            ),
            file=out,
        )
    if state.certificate_no:
        print(words("audit.replay.certificate", number=shown(state.certificate_no)), file=out)
    actions = {step.act.act_id: step.action for step in state.steps}
    for one in corrections_of(state):
        action = actions[one.target]
        changes = [
            words(
                "audit.replay.change",
                field=names.field(action, change.field),
                before=names.value(action, change.field, change.before),
                after=names.value(action, change.field, change.after),
            )
            for change in one.changes
        ]
        if one.personal_fields:
            field = names.field("amend", "personal_fields")
            people = names.people(one.personal_fields)
            changes.append(words("audit.replay.people", field=field, people=people))
        print(
            words(
                "audit.replay.amended",
                act=one.act_id.hex()[:_DIGITS],
                action=names.action(action),
                target=one.target.hex()[:_DIGITS],
                changes=words("audit.replay.join").join(changes),
                reason=shown(one.reason),
            ),
            file=out,
        )


def _rows(told: Replay, words: Words) -> list[tuple[str, ...]]:
    state = told.view.state
    if state is None:
        return [
            (*_act_cells(told, act, words), words("audit.effect.unknown"), "—", _short(act))
            for act in told.view.acts
        ]
    rows = [
        (
            *_act_cells(told, step.act, words),
            _effect(told, step, words),
            _names(told, words).state(step.status_after),
            _short(step.act),
        )
        for step in state.steps
    ]
    waiting = set(state.awaiting)
    rows += [
        (*_act_cells(told, act, words), words("audit.effect.awaiting"), "—", _short(act))
        for act in told.view.acts
        if act.act_id in waiting
    ]
    return rows


def _act_cells(told: Replay, act: CaseAct, words: Words) -> tuple[str, ...]:
    return (
        moment(act.occurred_at_ms),
        moment(act.recorded_at_ms),
        _origin(told, act, words),
        _names(told, words).action(act.action),
        _who(act, words),
        _names(told, words).station(act.station),
    )


def _origin(told: Replay, act: CaseAct, words: Words) -> str:
    """Return the log that holds an act, how it came here, and when the county received it."""
    origin = told.origins.get(act.act_id)
    if origin is None:
        return "—"
    cells = [f"{origin.log[:_LOG_DIGITS]}:{origin.seq}"]
    if origin.station != act.station:
        cells.append(origin.station)
    if origin.lane != "main":
        cells.append(words(f"audit.lane.{origin.lane}"))
    if origin.received_at_ms is not None:
        cells.append(words("audit.replay.received", moment=moment(origin.received_at_ms)))
    return " ".join(cells)


def _short(act: CaseAct) -> str:
    return act.act_id.hex()[:_DIGITS]


def _who(act: CaseAct, words: Words) -> str:
    roles = words.names("role", sorted(act.roles))
    person = act.staff_no or act.actor.hex()
    who = f"{person} ({roles})" if roles else person
    if act.under is None:
        return who
    return f"{who} {words('audit.replay.under', who=act.under.staff_no, station=act.under.station)}"


def _names(told: Replay, words: Words) -> FactWords:
    return FactWords(words=words, registry=told.judge.knowledge.registry, rules=told.view.rules)


def _effect(told: Replay, step: Step, words: Words) -> str:
    if step.effective:
        if step.by_countersign is not None:
            return words("audit.effect.countersigned", moment=moment(step.effect_at_ms))
        return words("audit.effect.yes")
    reason = _reason(told, step, words)
    if step.reason in SETTLED_WAITING:
        return f"{reason} [{step.reason}]"
    return words("audit.effect.no", reason=f"{reason} [{step.reason}]")


def _reason(told: Replay, step: Step, words: Words) -> str:
    """Return why an act has no effect, with everything called by its name that has one."""
    return words(step.reason, **_names(told, words).named(step.params)) if step.reason else ""


def _act_json(told: Replay, act: CaseAct, step: Step | None, words: Words) -> dict[str, JsonValue]:
    log, seq = told.view.places.get(act.act_id, ("", 0))
    origin = told.origins.get(act.act_id)
    roles: list[JsonValue] = [*sorted(act.roles)]
    made: dict[str, JsonValue] = {
        "act": act.act_id.hex(),
        "log": log,
        "seq": seq,
        "log_station": "" if origin is None else origin.station,
        "lane": "" if origin is None else origin.lane,
        "received_at_ms": None if origin is None else origin.received_at_ms,
        "action": act.action,
        "actor": act.actor.hex(),
        "staff_no": act.staff_no,
        "roles": roles,
        "station": act.station,
        "occurred_at_ms": act.occurred_at_ms,
        "recorded_at_ms": act.recorded_at_ms,
        "effective": None,
        "reason": act.blocked,
        "facts": plain(plain_facts(act.facts)),
        "under": None if act.under is None else _under_json(act.under),
    }
    if step is not None:
        made |= {
            "effective": step.effective,
            "reason": step.reason,
            "reason_text": _reason(told, step, words),
            "effect_at_ms": step.effect_at_ms if step.effective else None,
            "by_countersign": None if step.by_countersign is None else step.by_countersign.hex(),
            "status_after": step.status_after,
            "conflict": step.conflict,
        }
    return made


def _under_json(under: Under) -> dict[str, JsonValue]:
    return {
        "grant": under.grant_id.hex(),
        "staff_no": under.staff_no,
        "station": under.station,
        "until_ms": under.until_ms,
    }


def _conflicts(state: CaseState) -> list[JsonValue]:
    return [
        {
            "kept": [act.hex() for act in conflict.kept],
            "contested": [act.hex() for act in conflict.contested],
            "settled_by": conflict.settled_by.hex(),
        }
        for conflict in state.conflicts
    ]


def _clock_json(reading: ClockReading, words: Words) -> dict[str, JsonValue]:
    return {
        "clock": reading.clock,
        "started_on": reading.started_on.isoformat(),
        "due_on": None if reading.due_on is None else reading.due_on.isoformat(),
        "stopped_on": None if reading.stopped_on is None else reading.stopped_on.isoformat(),
        "unit": reading.unit,
        "limit_days": reading.limit_days,
        "elapsed_days": reading.elapsed_days,
        "remaining_days": reading.remaining_days,
        "light": reading.light,
        "flags": list(reading.flags),
        "law": reading.law,
        "calendar_version": reading.calendar_version,
        "explanation": [
            {
                "code": line.code,
                "text": words(line.code, **line.params),
                "acts": [act.hex() for act in line.act_ids],
            }
            for line in reading.explanation
        ],
    }


def _print_clocks(told: Replay, words: Words, out: TextIO) -> None:
    rules = told.view.rules
    for reading in told.clocks:
        spec = None if rules is None else rules.case_type.clocks.get(reading.clock)
        name = words.name("clock", reading.clock) if spec is None else words.pick(spec.name)
        light = words.name("light", reading.light)
        print(file=out)
        due = "—" if reading.due_on is None else reading.due_on.isoformat()
        print(
            words("audit.replay.clock", clock=name, light=light, due=due, law=words.pick(reading.rule)),
            file=out,
        )
        for line in reading.explanation:
            print(f"    {words(line.code, **line.params)}", file=out)
        for flag in reading.flags:
            print(f"    {words.name('clock.flag', flag)}", file=out)
        print(f"    {words('audit.replay.calendar', version=reading.calendar_version)}", file=out)
