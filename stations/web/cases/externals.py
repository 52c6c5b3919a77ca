"""The provincial platform's number of a case: noted once, in one case, unless somebody confirms it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ledger.case import CaseState
from ledger.effects import NO_NUMBER
from ledger.errors import RuleError
from ledger.facade import Ledger
from ledger.facade.externals import cases_numbered
from ledger.types import Facts
from stations.web.scope import Scope
from stations.web.visit import Visit

FIELD = "external_no"
CONFIRMED = "same_number"
"""The tick with which a number is noted all the same."""
ASKED = frozenset(("platform.number_used", "platform.number_held"))
"""Errors that offer the tick."""


def require_own_number(
    visit: Visit, ledger: Ledger, state: CaseState | None, facts: Facts, form: Mapping[str, Sequence[str]]
) -> None:
    """Refuse a number that another case has, or in place of another one, unless it was confirmed.

    Args:
        visit: who asks: other cases are named to whoever may see them.
        ledger: open for writing, so that nobody else notes the number meanwhile.
        state: the case; None for one that is received.
        facts: what is to be signed.
        form: with the tick.

    Raises:
        RuleError: ``platform.number_used``, ``platform.number_held``.
    """
    changes = facts.get("changes")
    amended = changes.get(FIELD) if isinstance(changes, dict) else None
    number = facts.get(FIELD, amended)
    if not isinstance(number, str) or number == NO_NUMBER or form.get(CONFIRMED):
        return
    with ledger.reading() as (tx, parts):
        others = [one for one in cases_numbered(tx, number) if state is None or one != state.case_id]
        rows = [parts.reader.row(tx, one, visit.now_ms()) for one in others]
    if rows:
        scope = Scope(ledger.knowledge.registry, visit.person)
        seen = "、".join(row.number for row in rows if scope.row(row))
        raise RuleError("platform.number_used", no=number, case=seen or "—")
    held = "" if state is None else state.external_no
    if amended is None and held and held != number:
        raise RuleError("platform.number_held", no=held)


def taken_off(facts: Facts, held: Facts, form: Mapping[str, Sequence[str]], field: str) -> None:
    """Let an amendment whose field was emptied take the number off: a text of facts is never empty."""
    if field in form and not "".join(form[field]).strip() and held.get(FIELD, NO_NUMBER) != NO_NUMBER:
        changes = facts.setdefault("changes", {})
        if isinstance(changes, dict):
            changes[FIELD] = NO_NUMBER
