"""Sticks: where they appear, which ones are registered, and which bundles were written to them.

A registered stick carries a small file with the ledger's id and a name that people call it by. Only such
sticks are written to: whoever finds a strange one in the office does not fill it with the county's data. What
is written is sealed to its receiver in any case.
"""

from __future__ import annotations

import json
import os
import shutil
import string
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from ledger import platform
from ledger.errors import BanjianError, ConfigError, InputError, StoreError
from ledger.types import LedgerId
from stations.kept.sealed import SealedFolder

MARKER = "banjian-stick.json"
FOLDER, JOURNAL = "sticks", "journal"
NAME_CHARS_MAX = 40
JOURNAL_MAX = 500
_PLACES = ("/media/*", "/media/*/*", "/run/media/*/*", "/mnt/*", "/Volumes/*")
_MARKER_BYTES_MAX = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Stick:
    """A stick that is plugged in.

    Attributes:
        path: of its folder.
        free: bytes left.
        name: what people call it; "" when it is not registered for this county.
        stick: its id; "" when it is not registered.
    """

    path: str
    free: int
    name: str = ""
    stick: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A bundle that was written to a stick.

    Attributes:
        kind: ``up`` or ``down``.
        entries: entries that it holds.
        files: names of its parts.
        ends: of what goes up: how far it brings each log that was not confirmed, by id in hex; None for one
            that was written before this was noted.
    """

    at_ms: int
    by: str
    name: str
    stick: str
    receiver: str
    kind: str
    entries: int
    files: Sequence[str]
    ends: Mapping[str, int] | None = None


def find_sticks(further: Iterable[str], ledger_id: LedgerId) -> list[Stick]:
    """Return the sticks that are plugged in now.

    Args:
        further: folders besides the usual places.
        ledger_id: whose sticks are registered ones.
    """
    found: dict[str, Stick] = {}
    for path in (*_removable(), *(Path(one) for one in further)):
        try:
            if path.is_dir():
                name, stick = _marker(path, ledger_id)
                free = shutil.disk_usage(path).free
                found[str(path)] = Stick(path=str(path), free=free, name=name, stick=stick)
        except OSError:
            # A stick that is pulled out while it is looked at is not there.
            continue
    return sorted(found.values(), key=lambda one: (not one.stick, one.path))


def require_stick(sticks: Iterable[Stick], path: str, *, registered: bool) -> Stick:
    """Return the stick of a folder.

    Raises:
        InputError: ``stick.gone`` when none is plugged in there.
        ConfigError: ``stick.strange`` when it is not registered.
    """
    stick = next((one for one in sticks if one.path == path), None)
    if stick is None:
        raise InputError("stick.gone", path=path[:120])
    if registered and not stick.stick:
        raise ConfigError("stick.strange", path=path)
    return stick


def register_stick(stick: Stick, name: str, stick_id: str, ledger_id: LedgerId) -> None:
    """Register a stick for this county, under a name that people call it by.

    Raises:
        InputError: ``stick.name``.
        StoreError: ``store.*`` when the stick takes nothing.
    """
    called = name.strip()
    if not called or len(called) > NAME_CHARS_MAX or not called.isprintable():
        raise InputError("stick.name", most=NAME_CHARS_MAX)
    held = {"ledger": ledger_id.hex(), "stick": stick_id, "name": called}
    platform.write_durably(Path(stick.path) / MARKER, json.dumps(held, ensure_ascii=False).encode("utf-8"))


def journal(folder: SealedFolder) -> list[Made]:
    """Return the bundles that were written here, the newest first.

    Raises:
        StoreError: ``sealed.unreadable``.
    """
    raw = folder.read(JOURNAL)
    if raw is None:
        return []
    try:
        known = {one.name for one in fields(Made)}
        return [Made(**{name: one[name] for name in known & set(one)}) for one in json.loads(raw)]
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError("sealed.unreadable", path=JOURNAL) from error


def note_made(folder: SealedFolder, made: Made) -> None:
    """Note a bundle that was written."""
    try:
        before = journal(folder)
    except BanjianError:
        # A journal that cannot be read must not keep the next bundle from being noted.
        before = []
    kept = [asdict(one) for one in [made, *before][:JOURNAL_MAX]]
    folder.keep(JOURNAL, json.dumps(kept, ensure_ascii=False).encode("utf-8"))


def _marker(path: Path, ledger_id: LedgerId) -> tuple[str, str]:
    """Return name and id of a stick that is registered for a ledger; empty for any other."""
    file = path / MARKER
    try:
        if not file.is_file():
            # A pipe would let itself be waited for without end.
            return "", ""
        with file.open("rb") as opened:
            held = json.loads(opened.read(_MARKER_BYTES_MAX))
        if held["ledger"] == ledger_id.hex():
            return str(held["name"])[:NAME_CHARS_MAX], str(held["stick"])[:32]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        # No such file, or somebody else's: the stick is not ours.
        return "", ""
    return "", ""


def _removable() -> Iterator[Path]:
    if sys.platform == "win32":
        import ctypes

        removable = 2
        for letter in string.ascii_uppercase[3:]:
            if ctypes.windll.kernel32.GetDriveTypeW(f"{letter}:\\") == removable:
                yield Path(f"{letter}:\\")
        return
    for pattern in _PLACES:
        for path in Path("/").glob(pattern.lstrip("/")):
            if os.path.ismount(path):
                yield path
