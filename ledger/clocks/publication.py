"""Grants that must be made public (双公示): which, by when, and under which name.

A grant of a licence is made public within seven working days of the decision. The list is read off the acts
and the newest calendars; it is no clock of the case, so that a case that is closed stays closed.

The name of a natural person is shown in part: family names are public enough to be checked by whoever knows
the matter, whole names with the licence are more than the purpose needs. Numbers of persons are never shown.

Source: 发改办财金〔2018〕424号 (seven working days); 行政许可法 Art. 40 (decisions to grant are public);
政府信息公开条例 Art. 15 (personal privacy).
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import date
from typing import Final

from ledger.cases.guards import PERMIT
from ledger.cases.shape import CaseState, Step
from ledger.clocks.lights import Light, light_of
from ledger.clocks.run import ClockEvent, Limit, run_clock
from ledger.days.calendar import CalendarSet, local_date
from ledger.identity import NAME_DOTS
from ledger.rules.casetype import ClockSpec
from ledger.rules.catalogue import Rules
from ledger.types import Bilingual, StationId

PUBLISH_DAYS: Final = 7
"""Working days after the day of the decision."""
DECIDING: Final = "decide"
PUBLISHING: Final = "record_publication"
HIDDEN: Final = "*"
_CLOCK: Final = ClockSpec(
    code="publication",
    name=Bilingual(zh="双公示期限", en="publication"),
    start=(DECIDING,),
    stop=(PUBLISHING,),
    restart=(),
    go_on=(),
    amount=PUBLISH_DAYS,
    unit="working_days",
    expiry="finding",
    applies_to=frozenset((PERMIT,)),
    pause=(),
    resume=(),
    extend=(),
    extend_amount=0,
    law="发改办财金〔2018〕424号",
    law_en="National Development and Reform Commission, General Office, 2018 No. 424",
    local_rule="",
    yellow=None,
)
_LIMIT: Final = Limit(amount=PUBLISH_DAYS, unit="working_days", yellow=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """A grant to be made public.

    Args:
        decided_on: day of the decision; not counted itself.
        decided_at: the station that decided and so publishes.
        due_on: the last day.
        published_on: the day on which it was made public, as recorded; None while it is not.
        document_no: number of the decision, as far as it was recorded.
        certificate_no: number of the certificate, "" while there is none.
        light: ``done`` once it is recorded; else as of the asked day.
        late: recorded as made public after the last day, or not yet and the last day is over.
        revoked: the grant was revoked afterwards: what is public must say so.
        provisional: a calendar on the way is not published yet.
    """

    decided_on: date
    decided_at: StationId
    due_on: date
    published_on: date | None
    document_no: str
    certificate_no: str
    light: Light
    late: bool
    revoked: bool
    provisional: bool


def publication_of(state: CaseState, rules: Rules, calendars: CalendarSet, today: date) -> Publication | None:
    """Return what has to be made public of a case; None for refusals, other bases and open cases.

    A result that another organ gave in its own system is made public there, by that organ. A grant revoked
    before it was made public is not made public any more.
    """
    if rules.item.legal_basis != PERMIT or state.result != "grant" or state.voided:
        return None
    decided = _last(state, DECIDING)
    if decided is None:
        return None
    recorded = _last(state, PUBLISHING)
    revoked = state.status == "revoked" or "revoke" in state.done
    if revoked and recorded is None:
        return None
    published_on = None if recorded is None else _published_on(recorded, state)
    events = [ClockEvent(frozenset((DECIDING,)), local_date(decided.effect_at_ms), decided.act.act_id, {})]
    if recorded is not None and published_on is not None:
        events.append(ClockEvent(frozenset((PUBLISHING,)), published_on, recorded.act.act_id, {}))
    run = run_clock(_CLOCK, events, limit=_LIMIT, calendars=calendars, deemed=False)
    if run is None or run.due is None:
        return None
    return Publication(
        decided_on=run.start.on,
        decided_at=decided.act.station,
        due_on=run.due,
        published_on=published_on,
        document_no=_text(decided, "document_no", state),
        certificate_no=state.certificate_no,
        light=light_of(run, today, calendars),
        late=run.over(today),
        revoked=revoked,
        provisional=calendars.provisional_between(run.start.on, run.due),
    )


def public_name(name: str, *, firm: bool) -> str:
    """Return the name under which a grant is made public: of a firm whole, of a person the first character.

    Every other character becomes ``*``; dots and spaces within a name stay, a mark that belongs to the first
    character (a variation selector, an accent) stays with it.
    """
    if firm:
        return name
    shown = ""
    for character in name.strip():
        if not shown or (len(shown) == 1 and unicodedata.category(character).startswith("M")):
            shown += character
        elif unicodedata.category(character).startswith("M"):
            continue
        else:
            shown += character if character in NAME_DOTS or character.isspace() else HIDDEN
    return shown


def _last(state: CaseState, action: str) -> Step | None:
    return next((step for step in reversed(state.steps) if step.effective and step.action == action), None)


def _published_on(step: Step, state: CaseState) -> date:
    said = _text(step, "published_on", state)
    try:
        return date.fromisoformat(said)
    except ValueError:
        return local_date(step.effect_at_ms)


def _text(step: Step, field: str, state: CaseState) -> str:
    value = step.act.facts.get(field)
    for amendment in state.amendments:
        if amendment.target == step.act.act_id and field in amendment.changes:
            value = amendment.changes[field]
    return value if isinstance(value, str) else ""
