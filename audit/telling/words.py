"""Words of the audit in the reader's language: texts by code, times of the law."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from ledger.data import case_types
from ledger.errors import ConfigError
from ledger.lawtime import DAY_MS, LAW_TIME
from ledger.oneline import shown
from ledger.texts import Language, Message, catalogue, render
from ledger.typedtime import read_moment
from ledger.types import Bilingual

_NAMED = {"role": "role", "roles": "role", "level": "level", "levels": "level", "steps": "step"}
"""Values of texts that are codes of things with names, and where the names stand."""


@dataclass(frozen=True, slots=True)
class Words:
    """Texts in one language."""

    language: Language

    def __call__(self, code: str, /, **params: object) -> str:
        """Return what a code says."""
        return render(code, params, language=self.language, gap="…").what

    def message(self, code: str, params: Mapping[str, object]) -> Message:
        """Return what a code says, and what to do next."""
        return render(code, params, language=self.language, gap="…")

    def name(self, prefix: str, code: str) -> str:
        """Return the name of a thing, or its code where it has no name."""
        entry = catalogue(self.language).get(f"{prefix}.{code}")
        return code if entry is None else entry["what"]

    def names(self, prefix: str, codes: Iterable[object]) -> str:
        """Return the names of things, as a list of the language."""
        return ("、" if self.language == "zh" else ", ").join(self.name(prefix, str(code)) for code in codes)

    def named(self, params: Mapping[str, object]) -> dict[str, object]:
        """Return the values of a text with roles, levels, steps and actions called by their names."""
        named = dict(params)
        action = named.get("action")
        if isinstance(action, str) and action in _actions():
            named["action"] = self.pick(_actions()[action])
        if isinstance(why := named.get("why"), str) and why:
            # A reason within a reason: the values are the inner one's as well.
            inner = {name: one for name, one in params.items() if name != "why"}
            named["why"] = self(why, **self.named(inner)).rstrip("。.")
        if isinstance(said := named.get("said"), str):
            named["said"] = shown(said)
        for param, prefix in _NAMED.items():
            value = named.get(param)
            if isinstance(value, str) and value:
                named[param] = self.name(prefix, value)
            elif isinstance(value, tuple | list):
                named[param] = self.names(prefix, value)
        return named

    def pick(self, text: Bilingual) -> str:
        """Return a text of the catalogue in this language."""
        return text.zh if self.language == "zh" else text.en


@cache
def _actions() -> Mapping[str, Bilingual]:
    """Return the names of the actions of the case types that ship; a ledger's own keep their codes."""
    return {code: spec.name for kind in case_types() for code, spec in kind.actions.items()}


def moment(at_ms: int) -> str:
    """Return a time as people write it, in the time of the law."""
    try:
        return datetime.fromtimestamp(at_ms / 1000, tz=LAW_TIME).strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, OSError, ValueError):
        return str(at_ms)


def parse_moment(text: str, *, option: str) -> int:
    """Return milliseconds since 1970 of a time as people write it; a date alone means its end.

    Raises:
        ConfigError: ``audit.moment``.
    """
    typed = read_moment(text)
    moment_ms = None if typed is None else typed.in_ms()
    if typed is None or moment_ms is None:
        raise ConfigError("audit.moment", option=option, value=text)
    return moment_ms if typed.at is not None else moment_ms + DAY_MS - 1
