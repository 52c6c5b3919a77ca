"""Work that was given to other cores and is not fetched yet, when the session that wanted it has ended."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")


def drop(flying: Iterable[asyncio.Future[T]]) -> None:
    """Forget work that nobody waits for any more; what it raised is nobody's business."""
    for future in flying:
        if not future.cancel() and not future.cancelled():
            future.exception()
