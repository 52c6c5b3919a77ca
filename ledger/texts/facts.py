"""What fields of acts are called, and the values that they may take: by commands, on pages and in the audit.

The names lie in ``facts.zh.toml`` and ``facts.en.toml`` beside this file: ``field`` as it is typed, ``web``
where it is called otherwise when it is read or chosen on a page, ``value``, and ``person`` for what stands in
personal bodies.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources

from ledger.texts import Language, catalogue


@cache
def fact_names(language: Language) -> Mapping[str, str]:
    """Return all names of one language by dotted key: ``field.paper.form_no``, ``value.counter``."""
    path = resources.files(__package__) / f"facts.{language}.toml"
    return dict(flattened(tomllib.loads(path.read_text(encoding="utf-8"))))


def field_name(language: Language, action: str, path: str) -> str:
    """Return the name of a field of an action's facts, by its dotted path; its code where it has none."""
    names = fact_names(language)
    # What an amendment changes is called as in the act that it amends.
    path = path.removeprefix("changes.")
    last = path.rpartition(".")[2]
    own = (f"web.field_{action}_{last}", f"field.{action}.{path}", f"web.field_{last}")
    return next((names[key] for key in (*own, f"field.{path}", f"field.{last}") if key in names), last)


def person_field_name(language: Language, path: str) -> str:
    """Return the name of a field about people, ``applicant.phone``; the path where it has none."""
    return fact_names(language).get(f"person.{path}", path)


def value_name(language: Language, value: str) -> str:
    """Return the name of a value that facts may take; the value itself where it has none."""
    known = fact_names(language).get(f"value.{value}")
    if known is not None:
        return known
    texts = catalogue(language)
    return next((texts[key]["what"] for key in (f"role.{value}", f"ground.{value}") if key in texts), value)


def flattened(table: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield the texts of nested tables by dotted key."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from flattened(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", str(value)
