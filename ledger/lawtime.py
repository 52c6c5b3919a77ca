"""The time of the law: China Standard Time, without summer time, and the lengths in which it is counted."""

from __future__ import annotations

from datetime import timedelta, timezone
from typing import Final

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS
LAW_OFFSET_MS: Final = 8 * HOUR_MS
"""The law's day begins at 16:00 UTC of the day before."""
LAW_TIME: Final = timezone(timedelta(milliseconds=LAW_OFFSET_MS))
