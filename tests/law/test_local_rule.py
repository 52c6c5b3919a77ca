"""An item beyond permits may be suspended and extended where it cites a local rule, and not otherwise."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import pytest

from ledger.data import shipped_items
from ledger.facade import Ledger
from ledger.types import Value
from tests.facade.counter import REGISTRAR
from tests.law.county import ESTATE, Case

RULE = "溪山市政务服务条例 21"
SUSPENDED = """
    2025-11-10 C1 receive
    2025-11-10 C1 accept
    2025-11-13 C1 suspend
    2025-11-13 C2 countersign
    2025-11-25 C1 resume"""


def cite(ledger: Ledger, rule: str) -> None:
    """Publish the item anew with a local rule; "" takes it away again."""
    found = next(raw for raw in shipped_items() if isinstance(raw, dict) and raw["base_code"] == ESTATE)
    item: dict[str, Value] = {**deepcopy(found), "local_rule": rule}
    ledger.publish("publish_items", {"items": [item]}, REGISTRAR)


def test_with_a_cited_rule_the_clocks_stand_still_and_name_it(new_case: Callable[[str], Case]) -> None:
    # Given the rule, when the case is suspended from the 13th to the 25th (three of 30 days are used),
    ledger = new_case(ESTATE).ledger
    cite(ledger, RULE)
    try:
        case = new_case(ESTATE).tell(SUSPENDED)
        # then 27 are left: 26-28 | 1-5 | 8-12 | 15-19 | 22-26 | 29-31 4U
        reading = case.clocks("2025-11-26")["statutory"]
        assert (reading.limit_days, reading.elapsed_days, reading.remaining_days) == (30, 4, 26)
        assert reading.law.endswith(RULE)
        case.tell("2025-11-27 C3 extend")
        assert case.clocks("2025-11-28")["statutory"].limit_days == 40
    finally:
        cite(ledger, "")


@pytest.mark.parametrize("rule", ["", "  "])
def test_without_one_it_is_refused(rule: str, new_case: Callable[[str], Case]) -> None:
    ledger = new_case(ESTATE).ledger
    cite(ledger, rule)
    new_case(ESTATE).tell("""
        2025-11-10 C1 receive
        2025-11-10 C1 accept
        2025-11-13 C1 suspend ! case.permit_only
        2025-11-13 C3 extend ! case.permit_only""")
