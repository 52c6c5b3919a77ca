"""Twins are applications that were received twice: nothing else that two cases have in common."""

from __future__ import annotations

from ledger.facade import Ledger
from ledger.facade.peering.between import twins
from tests.facade.counter import APPLICANT, PERMIT, act, receive


def test_papers_that_went_back_on_the_spot_are_no_twin(ledger: Ledger) -> None:
    back = act(
        ledger, "C1", "advise_and_return", personal=APPLICANT,
        item=PERMIT, reason="materials_missing", missing=["m01"],
    ).case_id  # fmt: skip
    first = receive(ledger).case_id
    assert twins(ledger) == [] and twins(ledger, only=first) == [] and twins(ledger, only=back) == []
    second = receive(ledger).case_id
    assert [set(one.case_ids) for one in twins(ledger)] == [{first, second}]
    act(ledger, "C1", "close", back)
    assert [set(one.case_ids) for one in twins(ledger)] == [{first, second}]
