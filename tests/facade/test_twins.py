"""Twins are applications that were received twice: nothing else that two cases have in common."""

from __future__ import annotations

import pytest

from ledger.facade import Ledger
from ledger.facade.peering.between import twins
from tests.facade.counter import APPLICANT, PERMIT, FakeClock, act, receive


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


def test_a_receipt_that_was_voided_is_no_twin(ledger: Ledger) -> None:
    wrong, right = receive(ledger).case_id, receive(ledger).case_id
    assert [set(one.case_ids) for one in twins(ledger)] == [{wrong, right}]
    asked = act(ledger, "C1", "void", wrong, reason="wrong_item")
    assert [set(one.case_ids) for one in twins(ledger)] == [{wrong, right}]
    act(ledger, "C4", "countersign", wrong, target=asked.act_id)
    assert twins(ledger) == [] and twins(ledger, only=right) == []


def test_three_receipts_two_months_apart_are_one_matter(ledger: Ledger, clock: FakeClock) -> None:
    """Each is taken for the one before it; the first and the last lie further apart than two may."""
    cases = []
    for day in ("2026-03-02", "2026-05-01", "2026-06-30"):
        clock.set(f"{day} 09:00")
        cases.append(receive(ledger).case_id)
    assert [one.case_ids for one in twins(ledger)] == [tuple(cases)]
    clock.set("2026-10-30 09:00")
    receive(ledger)
    assert [one.case_ids for one in twins(ledger)] == [tuple(cases)]


@pytest.mark.parametrize(
    ("kind", "typed", "other"),
    [
        ("resident", "11010519491231002X", "11010519491231002x"),
        ("other", "NO-12 345a", "no12345A"),
        ("other", "12345", "１２３４５"),
    ],
)
def test_one_number_typed_in_two_ways_is_one_applicant(
    ledger: Ledger, kind: str, typed: str, other: str
) -> None:
    cases = {
        act(
            ledger, "C1", "receive", item=PERMIT,
            personal={"applicant": {"name": "赵小明", "id_kind": kind, "id_no": number}},
        ).case_id
        for number in (typed, other)
    }  # fmt: skip
    assert [set(one.case_ids) for one in twins(ledger)] == [cases]
