"""What the audit says of acts that wait, were declined, or were signed in vain."""

from __future__ import annotations

from types import MappingProxyType

from audit.checking.cases import CaseView, case_findings
from audit.telling.report import finding_text
from audit.telling.words import Words
from tests.cases.counter import OFFICER, SUPERVISOR, Story, accepted

SUSPEND = {"ground": "appraisal", "expected_days": 5, "applicant_told": True}


def told(story: Story) -> list[str]:
    state = story.state
    view = CaseView(
        case_id=state.case_id,
        acts=tuple(story.acts),
        places=MappingProxyType({}),
        state=state,
        rules=story.rules,
        reason="",
    )
    return [finding_text(one, Words("zh")) for one in case_findings(view) if one.code.startswith("audit.")]


def test_an_act_that_was_declined_is_no_finding() -> None:
    story = accepted()
    asked = story.act(OFFICER, "suspend", SUSPEND)  # type: ignore[arg-type]
    assert len(told(story)) == 1, "what waits is told as without effect so far"
    story.act(SUPERVISOR, "decline", {"target": asked.act_id, "reason": "不需要"})
    assert told(story) == []


def test_a_signature_in_vain_is_told_with_the_act_that_it_was_for_and_its_reason() -> None:
    story = accepted()
    asked = story.act(OFFICER, "suspend", SUSPEND)  # type: ignore[arg-type]
    story.act(OFFICER, "decide", {"result": "grant"})
    story.act(SUPERVISOR, "countersign", {"target": asked.act_id})
    (line,) = (one for one in told(story) if "case.first_fails" in one)
    assert "“复核签字”不起作用" in line
    assert "“进入特别程序”现在已不能生效" in line and "不能办理“进入特别程序”" in line
    assert "…" not in line and "“”" not in line
