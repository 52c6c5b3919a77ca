"""The provincial platform's number of a case: noted once, in one case, unless somebody confirms it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ledger.cases.effects import NO_NUMBER
from ledger.cases.shape import CaseState
from ledger.facade import Ledger
from ledger.facade.cases.externals import FIELD, require_own_number
from ledger.types import Facts
from stations.web.scope import Scope
from stations.web.visit import Visit

CONFIRMED = "same_number"
"""The tick with which a number is noted all the same."""
ASKED = frozenset(("platform.number_used", "platform.number_held"))
"""Errors that offer the tick."""


def require_number(
    visit: Visit, ledger: Ledger, state: CaseState | None, facts: Facts, form: Mapping[str, Sequence[str]]
) -> bool:
    """Refuse a number that is not the case's own, unless it was confirmed; returns whether it was.

    The ledger refuses it all the same; here other cases are named only to whoever may see them.

    Args:
        visit: who asks.
        ledger: open for writing, so that nobody else notes the number meanwhile.
        state: the case; None for one that is received.
        facts: what is to be signed.
        form: with the tick.

    Raises:
        RuleError: ``platform.number_used``, ``platform.number_held``.
    """
    if form.get(CONFIRMED):
        return True
    scope, now_ms = Scope(ledger.knowledge.registry, visit.person), visit.now_ms()
    with ledger.reading() as (tx, parts):
        require_own_number(
            lambda: tx, state, facts, may_see=lambda one: scope.row(parts.reader.row(tx, one, now_ms))
        )
    return False


def taken_off(facts: Facts, held: Facts, form: Mapping[str, Sequence[str]], field: str) -> None:
    """Let an amendment whose field was emptied take the number off: a text of facts is never empty."""
    if field in form and not "".join(form[field]).strip() and held.get(FIELD, NO_NUMBER) != NO_NUMBER:
        changes = facts.setdefault("changes", {})
        if isinstance(changes, dict):
            changes[FIELD] = NO_NUMBER
