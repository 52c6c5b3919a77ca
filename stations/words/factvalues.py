"""What was typed becomes the value of a fact: acts by their first digits, bytes, numbers, changed fields."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from ledger.errors import ConfigError
from ledger.rules.factspec import FactSpec
from ledger.typedtime import narrow, read_day
from ledger.types import ActId, Value
from stations.unreadable import unreadable
from stations.words.choices import SAYS, chosen
from stations.words.fieldnames import field_name

FREE_TEXTS = frozenset(("reasons",))
"""Lists of sentences, in which a comma parts nothing: each is given by itself."""
_PARTING = re.compile("([,，、])")
_DIGITS = re.compile("[0-9]{1,18}")
_CHANGES = "--changes "
_YES = frozenset(("true", "yes", "y", "1", "是", "对", "有", "已", "√", "✓"))
_NO = frozenset(("false", "no", "n", "0", "否", "不", "不是", "没有", "无", "未", "\u00d7", "✗"))


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


def type_changes(
    changes: Value, specs: Mapping[str, FactSpec], *, action: str, acts: Sequence[ActId]
) -> Value:
    """Return amended fields in the types that the amended action declares for them.

    Args:
        changes: texts by field, each named by its code or as people call it in either language.
        specs: the fields of the amended action.
        action: its code.
        acts: the acts of the case, of which one may be meant.

    Raises:
        ConfigError: ``cli.choice`` for a word that says neither yes nor no, or is none of some values;
            ``cli.date``, ``cli.number``; as ``scalar``.
    """
    if not isinstance(changes, dict):
        return changes
    codes = {field_name(say, action, code): code for say in SAYS for code in specs}
    meant = {name: name if name in specs else codes.get(narrow(name).strip(), name) for name in changes}
    if len({*meant.values()}) < len(meant):
        raise ConfigError("cli.pair", option=_CHANGES.rstrip(), value="、".join(changes)[:80])
    return {
        meant[name]: _changed(meant[name], str(text), specs.get(meant[name]), acts)
        for name, text in changes.items()
    }


def _changed(name: str, text: str, spec: FactSpec | None, acts: Sequence[ActId]) -> Value:
    kind, option = "text" if spec is None else spec.type, f"{_CHANGES}{name}"
    if kind == "bool":
        return yes_or_no(text, option)
    if kind == "list":
        return [*split_list(name, text)]
    if kind == "enum" and spec is not None:
        return chosen(text, sorted(spec.values), option)
    if kind == "date":
        day = read_day(text)
        if day is None:
            raise ConfigError("cli.date", option=option, value=text[:80])
        return day.isoformat()
    return scalar(kind, text, option, acts=acts)


def yes_or_no(text: str, option: str) -> bool:
    """Return what a word says.

    Raises:
        ConfigError: ``cli.choice``: a word that is not understood must not be signed as a no.
    """
    word = narrow(text).strip().casefold()
    if word in _YES or word in _NO:
        return word in _YES
    raise ConfigError("cli.choice", option=option, value=text[:80], choices=("true 是", "false 否"))


def split_list(name: str, text: str, *, whole: Collection[str] = ()) -> list[str]:
    """Return the words of a list that were typed in one, parted by commas, Chinese ones too.

    Args:
        name: the field; free text, such as reasons, is never parted.
        text: what was typed.
        whole: names that hold such a sign themselves, and stay whole.
    """
    if name in FREE_TEXTS:
        return [text.strip()] if text.strip() else []
    parts = _PARTING.split(text)
    words, at = [], 0
    while at < len(parts):
        ends = range(len(parts), at, -2)
        end = next((end for end in ends if "".join(parts[at:end]).strip() in whole), at + 1)
        words.append("".join(parts[at:end]).strip())
        at = end + 1
    return [word for word in words if word]


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
            ``cli.file*`` for a file that is empty or cannot be read; ``cli.number``.
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
    if kind == "int":
        digits = narrow(text).strip()
        if not _DIGITS.fullmatch(digits):
            raise ConfigError("cli.number", option=option, value=text[:80], least=0)
        return int(digits)
    return text.strip()
