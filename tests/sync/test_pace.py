"""When the station above is called next: whatever it says, it is called again, not sooner than it asked."""

from __future__ import annotations

import pytest

from sync.core.pace import Pace, PaceRule

RULE = PaceRule(interval_ms=60_000, news_ms=2_000, first_retry_ms=5_000, retry_max_ms=900_000)


def test_waits_grow_up_to_their_bound_and_news_shorten_them_only_after_a_success() -> None:
    pace = Pace(RULE, lambda: 0.99999)
    assert (pace.wait_ms(news=False), pace.wait_ms(news=True)) == (60_000, 2_000)
    waits = []
    for _ in range(12):
        pace.failed()
        waits.append(pace.wait_ms(news=True))
    assert waits == sorted(waits) and waits[0] == 4_999 and waits[-1] == 899_995
    pace.succeeded()
    assert pace.wait_ms(news=True) == 2_000


@pytest.mark.parametrize(
    ("told_ms", "wait_ms"),
    [(0, 2_500), (-(10**403), 2_500), (30_000, 30_000), (3_600_000, 900_000), (10**403, 900_000)],
    ids=["nothing", "negative", "little", "an hour", "huge"],
)
def test_what_the_other_side_asks_for_is_kept_within_bounds(told_ms: int, wait_ms: int) -> None:
    pace = Pace(RULE, lambda: 0.0)
    pace.failed(retry_after_ms=told_ms)
    assert pace.wait_ms(news=True) == wait_ms
    assert 0 <= pace.told_ms <= wait_ms
    pace.failed()
    assert (pace.wait_ms(news=True), pace.told_ms) == (5_000, 0)
