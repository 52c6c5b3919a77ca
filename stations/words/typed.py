"""What was typed becomes the value of a fact: acts by their first digits, bytes, numbers, changed fields."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from ledger.errors import ConfigError
from ledger.factspec import FactSpec
from ledger.types import ActId, Facts, Value
from stations.unreadable import unreadable


def find_act(text: str, acts: Sequence[ActId], option: str) -> ActId:
    """Return the act of a case whose id begins with the given digits.

    Raises:
        ConfigError: ``cli.act`` when none or several do.
    """
    plain = text.strip().lower()
    found = [act for act in acts if act.hex().startswith(plain)] if len(plain) >= 4 else []
    if len(set(found)) != 1:
        raise ConfigError("cli.act", option=option, value=text[:80], count=len(set(found)))
    return found[0]


def type_changes(changes: Value, specs: Mapping[str, FactSpec], *, acts: Sequence[ActId]) -> Value:
    """Return amended fields in the types that the amended action declares for them."""
    if not isinstance(changes, dict):
        return changes
    typed: Facts = {}
    for name, text in changes.items():
        spec = specs.get(name)
        kind = "text" if spec is None else spec.type
        words = str(text)
        if kind == "bool":
            typed[name] = words in ("true", "yes", "1", "是")
        elif kind == "list":
            typed[name] = [word.strip() for word in words.split(",") if word.strip()]
        else:
            typed[name] = scalar(kind, words, "--changes", acts=acts)
    return typed


def _file_hash(path: str) -> bytes:
    try:
        if not Path(path).stat().st_size:
            raise ConfigError("cli.file_empty", path=path)
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        raise unreadable(path, error) from error


def scalar(kind: str, text: str, option: str, *, acts: Sequence[ActId]) -> Value:
    """Return a typed word as the value of a kind of fact.

    Raises:
        ConfigError: ``cli.act`` as in ``find_act``; ``cli.hex`` for bytes that are neither digits nor a file;
            ``cli.file*`` for a file that is empty or cannot be read.
    """
    if kind == "act":
        return find_act(text, acts, option)
    if kind == "bytes":
        if option == "--token":
            return "".join(text.split()).upper().encode("utf-8")
        if text.startswith("@"):
            return _file_hash(text[1:])
        try:
            return bytes.fromhex(text)
        except ValueError as error:
            if Path(text).is_file():
                return _file_hash(text)
            raise ConfigError("cli.hex", option=option, value=text[:80]) from error
    if kind == "int" and text.strip().isdigit():
        return int(text)
    return text.strip()
