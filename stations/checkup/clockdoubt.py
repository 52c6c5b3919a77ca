"""Whether the machine's clock can be right: what ``banjian doctor`` and every page of the browser say of it.

A clock that is wrong stops nobody: what is signed is kept under the day it names, and the law's limits run
from that day. So whoever works has to hear of it before, and not only who looks after the machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ledger.cases.number import date_part
from ledger.days.calendar import local_date
from ledger.facade import Ledger
from ledger.facade.cases.numbers import known_time_ms
from ledger.limits import PLAUSIBLE_FROM_MS

PLAUSIBLE_UNTIL_MS = 4_102_416_000_000
CLOCK_BACK_MS_MAX = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockDoubt:
    """Why the clock cannot be right.

    Attributes:
        code: text code: what is wrong and what to do.
        params: values of the text.
    """

    code: str
    params: Mapping[str, str | int]


def clock_doubt(ledger: Ledger, now_ms: int) -> ClockDoubt | None:
    """Return why the clock cannot be right; None where nothing speaks against it.

    It is compared with the newest time to be believed of the logs written here: an act under a wrong clock
    does not make the right one doubtful for ever.

    Args:
        ledger: open for reading.
        now_ms: the machine's clock.
    """
    with ledger.reading() as (tx, parts):
        known_ms = max((known_time_ms(tx, log.name) for log in parts.own.values()), default=0)
    return doubt_of(now_ms, known_ms=known_ms)


def doubt_of(now_ms: int, *, known_ms: int) -> ClockDoubt | None:
    """Return why a clock cannot be right; None where nothing speaks against it.

    Args:
        now_ms: the clock.
        known_ms: newest time to be believed; 0 for none.
    """
    if not PLAUSIBLE_FROM_MS <= now_ms <= PLAUSIBLE_UNTIL_MS:
        return ClockDoubt(code="doctor.clock_implausible", params={})
    if known_ms - now_ms > CLOCK_BACK_MS_MAX:
        return ClockDoubt(code="doctor.clock_back", params={"minutes": (known_ms - now_ms) // 60_000})
    if date_part(now_ms, known_ms=known_ms) is None:
        day = local_date(now_ms).isoformat()
        return ClockDoubt(code="doctor.clock_ahead", params={"day": day})
    return None
