"""One thing that ``banjian doctor`` looked at, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warning", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing looked at.

    Attributes:
        name: ``sqlite``, ``disk`` …; heading ``doctor.name.<name>``.
        code: text code that says what was found.
        params: values of the text.
    """

    name: str
    level: Level
    code: str
    params: dict[str, str | int]


def found(name: str, level: Level, code: str, **params: str | int) -> Check:
    """Return what was found."""
    return Check(name=name, level=level, code=code, params=params)
