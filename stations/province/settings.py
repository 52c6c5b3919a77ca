"""How the provincial platform asks and speaks: ``platform.toml`` of the installation, else as shipped."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from types import MappingProxyType

from ledger.errors import ConfigError
from stations.sheetin.clean import fold

CONFIG_NAME = "platform.toml"
FIELDS = (
    "number", "external_no", "item_code", "item", "applicant_kind", "applicant", "id_kind", "id_no", "phone",
    "address", "agent", "agent_id_no", "agent_phone", "agent_relation", "received_on", "received_at",
    "station", "clerk", "channel", "materials", "state", "result", "decided_on", "text",
)  # fmt: skip
"""Everything that the ledger can fill in, by the names of ``platform.toml``."""
STATES = ("received", "accepted", "done", "refused", "ended")
"""What a case has come to, as coarse as two systems can be compared."""
RESULTS = ("grant", "refuse")
_KEYS = frozenset(("name", "fields", "headings", "states", "results"))


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformSettings:
    """How the platform asks and speaks.

    Attributes:
        name: of the platform.
        fields: names of ``FIELDS`` in the order of the platform's form.
        headings: what the platform calls a field, where it differs from our name.
        states: one of ``STATES`` for each word, folded.
        results: one of ``RESULTS`` for each word, folded.
    """

    name: str
    fields: Sequence[str]
    headings: Mapping[str, str]
    states: Mapping[str, str]
    results: Mapping[str, str]

    def state(self, word: str) -> str:
        """Return what a word of the platform means, "" when it is not known."""
        return self.states.get(fold(word), "")

    def result(self, word: str) -> str:
        """Return which result a word of the platform means, "" when it is not known."""
        return self.results.get(fold(word), "")


def load_settings(folder: Path) -> PlatformSettings:
    """Return the settings of an installation.

    Args:
        folder: of the installation.

    Raises:
        ConfigError: ``platform.syntax``, ``platform.key``, ``platform.field``, ``config.unreadable``.
    """
    path = folder / CONFIG_NAME
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return _settings(_shipped(), path)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError("config.unreadable", path=str(path)) from error
    try:
        own = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError("platform.syntax", path=CONFIG_NAME, detail=str(error)) from error
    strange = sorted(own.keys() - _KEYS)
    if strange:
        raise ConfigError("platform.key", path=CONFIG_NAME, key=strange[0], known="、".join(sorted(_KEYS)))
    return _settings({**_shipped(), **own}, path)


@cache
def _shipped() -> Mapping[str, object]:
    text = (resources.files(__package__) / CONFIG_NAME).read_text(encoding="utf-8")
    return MappingProxyType(tomllib.loads(text))


def _settings(table: Mapping[str, object], path: Path) -> PlatformSettings:
    name, fields = table.get("name"), table.get("fields")
    if not isinstance(name, str) or not name.strip() or len(name) > 60:
        raise ConfigError("platform.value", path=path.name, key="name")
    if not isinstance(fields, list) or not fields:
        raise ConfigError("platform.value", path=path.name, key="fields")
    headings = _texts(table, "headings", path)
    for field in (*fields, *headings):
        if field not in FIELDS:
            raise ConfigError(
                "platform.field", path=path.name, field=str(field)[:40], known="、".join(FIELDS)
            )
    return PlatformSettings(
        name=name.strip(),
        fields=tuple(dict.fromkeys(fields)),
        headings=headings,
        states=_words(table, "states", STATES, path),
        results=_words(table, "results", RESULTS, path),
    )


def _texts(table: Mapping[str, object], key: str, path: Path) -> Mapping[str, str]:
    part = table.get(key)
    if not isinstance(part, dict) or not all(isinstance(text, str) for text in part.values()):
        raise ConfigError("platform.value", path=path.name, key=key)
    return part


def _words(table: Mapping[str, object], key: str, known: Sequence[str], path: Path) -> Mapping[str, str]:
    part = table.get(key)
    if not isinstance(part, dict):
        raise ConfigError("platform.value", path=path.name, key=key)
    meaning: dict[str, str] = {}
    for value, spellings in part.items():
        if value not in known or not isinstance(spellings, list):
            raise ConfigError("platform.value", path=path.name, key=f"{key}.{value}"[:60])
        meaning.update({fold(str(word)): value for word in spellings})
    return MappingProxyType(meaning)
