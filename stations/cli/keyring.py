"""Keys of people: which one signs, its envelope, its passphrase. Never "the last user's".

A passphrase comes from the terminal without echo, or from the file that ``BANJIAN_PASSPHRASE_FILE`` names:
one line for all keys, or lines ``label = passphrase``. It never stands on a command line.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from pathlib import Path

from ledger.errors import AuthorityError, ConfigError
from ledger.formats.envelope import open_key, read_envelope
from ledger.formats.keys import Ed25519Signer, Signer
from stations.cli.call import App, Call
from stations.office.newkeys import SUFFIX, checked_passphrase, make_key, seal, store_envelope
from stations.unreadable import unreadable


def signing_key(call: Call) -> Signer:
    """Return the signer of this command, unlocked.

    Raises:
        AuthorityError: ``key.none``, ``key.several``, ``key.no_such`` when no single key is meant;
            ``key.passphrase`` for a wrong passphrase.
    """
    return unlock(call, key_file(call))


def key_file(call: Call) -> Path:
    """Return the envelope of the person who signs: ``--key``, ``--as``, else the only one in ``keys/``.

    Raises:
        AuthorityError: ``key.none``, ``key.several`` or ``key.no_such``; ``key.other_person`` when the file
            holds the key of somebody else than ``--as`` names.
        DataError: ``key.envelope`` for such a file that is damaged.
    """
    if call.key is not None:
        if not call.key.is_file():
            raise AuthorityError("key.no_such", path=str(call.key))
        if call.staff_no:
            require_name(call, read_envelope(_read(call.key)).label)
        return call.key
    folder = call.home().keys_dir
    if call.staff_no:
        path = folder / f"{call.staff_no}{SUFFIX}"
        if not path.is_file():
            raise AuthorityError("key.no_such", path=str(path))
        require_name(call, read_envelope(_read(path)).label)
        return path
    found = sorted(folder.glob(f"*{SUFFIX}"))
    if not found:
        raise AuthorityError("key.none", path=str(folder))
    if len(found) > 1:
        raise AuthorityError("key.several", choices=tuple(path.stem for path in found))
    return found[0]


def require_name(call: Call, found: str) -> None:
    """Check that a key is of the person whom ``--as`` names: whoever copies a file has not become its name.

    A second key of a person lies in ``keys/NO-2.key`` and is asked for by that name.

    Args:
        call: the command.
        found: the staff number that the envelope or the registry gives for the key.

    Raises:
        AuthorityError: ``key.other_person``.
    """
    name = call.staff_no
    if name and name != found and not re.fullmatch(rf"{re.escape(found)}-[0-9]+", name):
        raise AuthorityError("key.other_person", no=name, found=found)


def unlock(call: Call, path: Path) -> Signer:
    """Return the signer of an envelope; asked for once in a process.

    Raises:
        AuthorityError: ``key.passphrase``.
        DataError: ``key.envelope`` for a damaged file.
    """
    known = call.app.signers.get(path.absolute())
    if known is not None:
        return known
    blob = _read(path)
    label = read_envelope(blob).label
    opened = open_key(blob, passphrase_for(call, label, twice=False))
    signer = Ed25519Signer.from_seed(opened.seed)
    call.app.signers[path.absolute()] = signer
    return signer


def new_key(call: Call, label: str, path: Path) -> Ed25519Signer:
    """Make a key, seal it under a new passphrase and write its envelope.

    Raises:
        ConfigError: ``key.exists``: an existing key is never overwritten; ``key.weak``.
    """
    if path.exists():
        raise ConfigError("key.exists", path=str(path))
    passphrase = passphrase_for(call, label, twice=True)
    signer = make_key(path, label=label, passphrase=passphrase, randomness=call.app.randomness)
    call.app.signers[path.absolute()] = signer
    return signer


def write_envelope(app: App, path: Path, *, seed: bytes, passphrase: str, label: str) -> None:
    """Seal a private key and write it durably, readable by its owner alone."""
    store_envelope(path, seal(seed, passphrase, label=label, randomness=app.randomness))


def passphrase_for(call: Call, label: str, *, twice: bool) -> str:
    """Return the passphrase of a key, from the named file or from the person.

    Raises:
        ConfigError: ``key.weak`` for a new passphrase that is too short; ``key.passphrase_file`` for a file
            that says it otherwise, ``cli.file*`` for one that cannot be read.
    """
    named = call.app.env.get("BANJIAN_PASSPHRASE_FILE", "")
    if named:
        found = _from_file(Path(named), label)
        if _is_open_to_others(Path(named)):
            call.notice("key.passphrase_open", {"path": named})
    else:
        found = call.app.ask_secret(call.say("key.ask_new" if twice else "key.ask", label=label), twice)
    return checked_passphrase(found) if twice else found


def _from_file(path: Path, label: str) -> str:
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except OSError as error:
        raise unreadable(str(path), error) from error
    except UnicodeDecodeError as error:
        raise ConfigError("key.passphrase_file", path=str(path)) from error
    for line in lines:
        name, separator, value = line.partition(" = ")
        if separator and name.strip() == label:
            return value.strip()
    if len(lines) == 1 and " = " not in lines[0]:
        return lines[0]
    raise ConfigError("key.passphrase_file", path=str(path))


def _is_open_to_others(path: Path) -> bool:
    """Tell whether others on this machine may read a file; where the disk knows no owners nobody can say."""
    return sys.platform != "win32" and stat.S_ISREG(mode := os.stat(path).st_mode) and bool(mode & 0o077)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise AuthorityError("key.no_such", path=str(path)) from error
