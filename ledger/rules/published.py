"""Values of a published item or case type, read one by one: what is of another type is refused by name."""

from __future__ import annotations

from collections.abc import Mapping

from ledger.errors import DataError
from ledger.types import Bilingual, Value


def read_text(raw: Mapping[str, Value], name: str, *, where: str, default: str | None = None) -> str:
    """Return a text.

    Args:
        raw: the map that holds it.
        name: under which name.
        where: the item or case type, for the error.
        default: what its absence means; None where it must be there.

    Raises:
        DataError: ``catalogue.shape`` naming place and field.
    """
    value = raw.get(name, default)
    if not isinstance(value, str):
        raise DataError("catalogue.shape", where=where, field=name)
    return value


def read_list(raw: Mapping[str, Value], name: str, *, where: str) -> list[Value]:
    """Return a list, empty where it is absent.

    Raises:
        DataError: as ``read_text``.
    """
    value = raw.get(name, [])
    if not isinstance(value, list):
        raise DataError("catalogue.shape", where=where, field=name)
    return value


def read_texts(raw: Mapping[str, Value], name: str, *, where: str) -> tuple[str, ...]:
    """Return a list of texts, empty where it is absent.

    Raises:
        DataError: as ``read_text``.
    """
    value = read_list(raw, name, where=where)
    texts = tuple(item for item in value if isinstance(item, str))
    if len(texts) != len(value):
        raise DataError("catalogue.shape", where=where, field=name)
    return texts


def read_flag(raw: Mapping[str, Value], name: str, *, where: str) -> bool:
    """Return whether something is said to be so; absent means no.

    Raises:
        DataError: as ``read_text``.
    """
    value = raw.get(name, False)
    if not isinstance(value, bool):
        raise DataError("catalogue.shape", where=where, field=name)
    return value


def as_map(raw: Value, *, where: str, field: str) -> dict[str, Value]:
    """Return a value that must be a map.

    Raises:
        DataError: as ``read_text``.
    """
    if not isinstance(raw, dict):
        raise DataError("catalogue.shape", where=where, field=field)
    return raw


def bilingual(raw: Value, *, where: str) -> Bilingual:
    """Return a ``{"zh": …, "en": …}`` pair.

    Raises:
        DataError: ``catalogue.shape`` when a language is missing.
    """
    pair = as_map(raw, where=where, field="name")
    return Bilingual(zh=read_text(pair, "zh", where=where), en=read_text(pair, "en", where=where))
