"""Texts for people, by stable code, in Chinese and English.

The texts lie in ``zh/*.toml`` and ``en/*.toml`` beside this file, one table for each code::

    ["act.signature"]
    what = "办件行为 {act} 的签名不正确。"
    next = "请不要继续使用这份文件，把错误代码告诉县里的技术员。"

``what`` says what happened, ``next`` what to do now. Names of things (actions, states, lights, clocks) have
``what`` alone. Placeholders are those of ``str.format``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

Language = Literal["zh", "en"]
SHOWN_MAX = 80
"""Characters of one value in a text: values come from strangers and from people's keyboards."""
_DIGITS_PER_BIT = 0.30103
_PLACES = {"address", "command", "file", "files", "folder", "path", "settings"}
_SENTENCES = {"cause", "changes", "choices", "detail", "message", "people", "reason", "texts", "why"}
_WHOLE = frozenset(_PLACES | _SENTENCES)
"""Values that are places to go to, or sentences of this program: they are of use whole alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What happened and what to do next; ``next_step`` is empty for plain names."""

    code: str
    what: str
    next_step: str


def render(code: str, params: Mapping[str, object], *, language: Language, gap: str = "") -> Message:
    """Return the text of a code with its placeholders filled.

    An unknown code or a missing value never hides the message: the code itself is shown.

    Args:
        code: dotted code.
        params: values for the placeholders.
        language: of the text.
        gap: stands for a value that is missing; where none is given the placeholder itself stays.
    """
    entry = catalogue(language).get(code)
    if entry is None:
        return Message(code=code, what=code, next_step="")
    return Message(
        code=code,
        what=fill(entry.get("what", code), params, gap=gap),
        next_step=fill(entry.get("next", ""), params, gap=gap),
    )


def fill(pattern: str, params: Mapping[str, object], *, gap: str = "") -> str:
    """Return a text with its placeholders filled.

    Args:
        pattern: with placeholders in braces.
        params: their values.
        gap: stands for a value that is missing; where none is given the placeholder itself stays.
    """
    values = {name: _shown(name, value) for name, value in params.items()}
    return pattern.format_map(_Values(values, gap=gap))


@cache
def catalogue(language: Language) -> Mapping[str, Mapping[str, str]]:
    """Return all texts of one language, by code.

    Raises:
        ValueError: two files of one language define the same code (a fault of the installation).
    """
    merged: dict[str, Mapping[str, str]] = {}
    folder = resources.files(__package__) / language
    for path in sorted(folder.iterdir(), key=lambda item: item.name):
        if not path.name.endswith(".toml"):
            continue
        for code, entry in tomllib.loads(path.read_text(encoding="utf-8")).items():
            if code in merged:
                raise ValueError(f"text {code} is defined twice ({language}/{path.name})")
            merged[code] = entry
    return merged


class _Values(dict[str, str]):
    """Puts the gap where a value is missing; without one leaves the placeholder visible."""

    def __init__(self, values: Mapping[str, str], *, gap: str) -> None:
        super().__init__(values)
        self._gap = gap

    def __missing__(self, key: str) -> str:
        return self._gap or "{" + key + "}"


def _plain(value: object) -> str:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple | list):
        return "、".join(_plain(item) for item in value)
    if isinstance(value, int):
        return _number(value)
    return str(value)


def _shown(name: str, value: object) -> str:
    """Return a value as it is shown; what somebody typed or sent is cut, however long it is."""
    if isinstance(value, str) and name not in _WHOLE:
        return cut(value)
    if isinstance(value, tuple | list):
        return "、".join(_shown(name, item) for item in value)
    return _plain(value)


def cut(text: str) -> str:
    """Return a text of at most ``SHOWN_MAX`` characters, with an ellipsis where it goes on."""
    return text if len(text) <= SHOWN_MAX else text[: SHOWN_MAX - 1] + "…"


def _number(value: int) -> str:
    """Return a number; of one that nobody can read, where it begins."""
    digits = int(value.bit_length() * _DIGITS_PER_BIT)
    if digits < SHOWN_MAX:
        return str(value)
    # The interpreter refuses to write out numbers of some thousand digits.
    begins = str(abs(value) // 10 ** (digits - SHOWN_MAX))[: SHOWN_MAX - 2]
    return ("-" if value < 0 else "") + begins + "…"
