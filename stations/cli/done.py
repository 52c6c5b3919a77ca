"""What an action did: its place in the log, the case's new state, its lights, and what may be done next."""

from __future__ import annotations

from ledger.cases.effects import ASKED_AGAIN, local_date_text
from ledger.cases.number import UNKNOWN_DATE, date_part, parse
from ledger.cases.shape import CaseAct
from ledger.clocks.deemed import PAPER_ONLY
from ledger.facade import CasePage, Ledger, Performed
from ledger.facade.cases.numbers import known_time_ms
from ledger.rules.casetype import SAME
from ledger.types import KeyId, StationId
from stations.cli.call import Call
from stations.words.casenames import action_name, state_name
from stations.words.lines import clock_line
from stations.words.naming import Names

NEXT_MAX = 8


def show_done(
    call: Call, ledger: Ledger, done: Performed, *, action: str, actor: KeyId, station: StationId
) -> CasePage:
    """Print the outcome of an action and return the case's page."""
    page = ledger.case(done.case_id, actor_key=actor, station=station, now_ms=call.app.clock.now_ms())
    step = next((step for step in page.state.steps if step.act.act_id == done.act_id), None)
    pending = done.act_id in page.state.pending
    call.done.update(act=done.act_id.hex(), case=done.case_id.hex(), log=done.log_id.hex(), seq=done.seq)
    call.emit(
        {
            "action": action,
            "act_id": done.act_id.hex(),
            "case_id": done.case_id.hex(),
            "number": page.state.number,
            "log_id": done.log_id.hex(),
            "seq": done.seq,
            "status": page.state.status,
            "custodian": page.state.custodian,
            "effective": step is not None and step.effective,
            "pending": pending,
            **({"token": done.token} if done.token else {}),
        }
    )
    name = action_name(call.say, page.rules.case_type, action)
    kept = page.kept_only(done.act_id)
    values = {"action": name, "number": page.state.number, "seq": done.seq, "act": done.act_id.hex()[:8]}
    call.line(call.say("done.line" if kept is None else "done.kept", **values))
    if kept is not None:
        why = _names(call, ledger, page).message(kept.reason, kept.params)
        call.line(f"  {why.what}  [{kept.reason}]")
        call.line(f"  → {why.next_step}")
    _tell_asked_again(call, ledger, done, page)
    if step is not None:
        _doubt_clock(call, ledger, done, step.act)
    call.line(call.say("done.state", state=state_name(call.say, page.rules.case_type, page.state.status)))
    if pending:
        call.hint("done.pending", number=page.state.number)
    for reading in page.clocks:
        if reading.light != "done":
            call.line("  " + clock_line(call.say, page.rules, reading))
    _show_next(call, page)
    return page


def _tell_asked_again(call: Call, ledger: Ledger, done: Performed, page: CasePage) -> None:
    """Say at once that a list names what was handed in, while the applicant can still be told."""
    for found in page.state.findings:
        if found.code == ASKED_AGAIN and done.act_id in found.acts:
            told = _names(call, ledger, page).message(found.code, found.params)
            call.line(f"  ! {told.what}")
            call.line(f"  → {told.next_step}")


def _doubt_clock(call: Call, ledger: Ledger, done: Performed, act: CaseAct) -> None:
    """Say that the computer's clock cannot be right: what was signed is kept, and limits run from its day."""
    with ledger.reading() as (tx, _):
        known_ms = known_time_ms(tx, done.log_id.hex())
    minted = bool(done.number) and "late_entry" not in act.facts
    dateless = minted and parse(done.number).day == UNKNOWN_DATE
    if dateless or date_part(act.recorded_at_ms, known_ms=known_ms) is None:
        call.notice("cli.clock_doubtful", {"day": local_date_text(act.recorded_at_ms)})


def _names(call: Call, ledger: Ledger, page: CasePage) -> Names:
    kind, registry = page.rules.case_type, ledger.knowledge.registry
    return Names(call.say, case_types=(kind,), registry=registry, item=page.rules.item)


def _show_next(call: Call, page: CasePage) -> None:
    kind = page.rules.case_type
    allowed = [
        f"{permission.action.replace('_', '-')}({action_name(call.say, kind, permission.action)})"
        for permission in sorted(
            page.permissions, key=lambda item: kind.actions[item.action].to_state == SAME
        )
        if permission.allowed
        and permission.reason_code != PAPER_ONLY
        and not kind.actions[permission.action].any_state
    ]
    if allowed:
        more = " …" if len(allowed) > NEXT_MAX else ""
        call.hint("done.next", actions=call.say("list.and").join(allowed[:NEXT_MAX]) + more)
