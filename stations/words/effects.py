"""What became of an act without effect, in words: that it waits, for what, or why it counts for nothing."""

from __future__ import annotations

from ledger.cases.judge import DECLINE, SETTLED_WAITING
from ledger.cases.shape import Step
from ledger.cases.waiting import can_decline
from ledger.facade import CasePage
from stations.texts import Say
from stations.words.casenames import action_name
from stations.words.naming import Names


def weight_of(page: CasePage, step: Step) -> str:
    """Return how an act is shown: ``plain``, ``waiting``, ``ended`` (it was declined) or ``without``."""
    if step.effective:
        return "plain"
    if step.act.act_id in page.state.pending:
        return "waiting"
    return "ended" if step.reason in SETTLED_WAITING else "without"


def not_in_effect(say: Say, page: CasePage, names: Names, step: Step) -> str:
    """Return why an act has no effect; of one that waits, for what, and whether anybody can sign it."""
    hindered = page.hindered.get(step.act.act_id)
    if hindered is not None:
        reason = names.message(hindered.code, hindered.params).what.rstrip("。.")
        if not can_decline(page.rules):
            return say("show.hindered", reason=reason)
        action = action_name(say, page.rules.case_type, DECLINE)
        return say("show.hindered_decline", reason=reason, action=action)
    weight = weight_of(page, step)
    if weight == "waiting":
        return say("show.pending")
    what = names.message(step.reason, step.params).what
    return what if weight == "ended" else say("show.no_effect", reason=what)
