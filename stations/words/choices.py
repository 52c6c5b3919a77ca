"""Choices as people type them: by code or by name, in either language, in characters of any width."""

from __future__ import annotations

from collections.abc import Sequence

from ledger.errors import ConfigError
from ledger.typedtime import narrow
from stations.texts import Say

SAYS = (Say(language="zh"), Say(language="en"))
_PREFIXES = ("value", "ground")
"""Under which keys codes have names; a choice of other things says its own."""
_STOPS = "。．.；;，,、！!"


def chosen(
    text: str, values: Sequence[str], option: str, *, prefixes: Sequence[str] = (), say: Say | None = None
) -> str:
    """Return the value that a word means.

    Args:
        text: as typed.
        values: the codes.
        option: told in the error.
        prefixes: keys under which the codes have their names; those of values of facts else.
        say: the reader's language, in which the error lists the names.

    Raises:
        ConfigError: ``cli.choice``, with each code and its name; also for a name that several have.
    """
    found = meant(text, values, prefixes=prefixes)
    if len(found) != 1:
        told = told_choices(say or SAYS[0], values, prefixes)
        raise ConfigError("cli.choice", option=option, value=text[:80], choices=told)
    return found[0]


def meant(text: str, values: Sequence[str], *, prefixes: Sequence[str] = ()) -> list[str]:
    """Return the values that a word may mean: a code, or every code of that name."""
    if text in values:
        return [text]
    word = _plain(text)
    codes = [value for value in values if _plain(value) == word]
    return codes or [value for value in values if word in {_plain(one) for one in names_of(value, prefixes)}]


def names_of(value: str, prefixes: Sequence[str] = ()) -> list[str]:
    """Return the names that a code has in both languages, and what people type besides."""
    catalogued = [say.name(f"{prefix}.{value}", value) for say in SAYS for prefix in prefixes or _PREFIXES]
    named = [*(name_of(say, value, prefixes) for say in SAYS), *catalogued]
    keys = [say(f"typed.{value}") for say in SAYS if say.has(f"typed.{value}")]
    return [*filter(None, named), *(name for words in keys for name in words.split("、"))]


def name_of(say: Say, value: str, prefixes: Sequence[str] = ()) -> str:
    """Return the name of a code in one language, "" when it has none."""
    for prefix in prefixes or _PREFIXES:
        key = f"{prefix}.{value}"
        if say.has(key):
            return say(key)
        named = say.name(key)
        if named not in (key, value):
            return named
    return ""


def told_choices(say: Say, values: Sequence[str], prefixes: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the codes as they are told: each with its name."""
    named = {value: name_of(say, value, prefixes) for value in values}
    return tuple(
        value if _plain(name) == _plain(value) else f"{value} {name}".rstrip()
        for value, name in named.items()
    )


def _plain(text: str) -> str:
    return narrow(text).strip().rstrip(_STOPS).strip().casefold().replace("-", "_").replace(" ", "_")
