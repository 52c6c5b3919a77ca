"""Files that a person named: read, or what is said of one that cannot be."""

from __future__ import annotations

from pathlib import Path

from ledger.errors import ConfigError, StoreError


def unreadable(path: str | Path, error: OSError | UnicodeDecodeError) -> ConfigError:
    """Return the error of a file that cannot be read, by its cause: the cures have nothing in common.

    It is ``cli.file_none``, ``cli.file_encoding`` for a text that is not in UTF-8, or ``cli.file``.

    Args:
        path: as it was named.
        error: what reading it raised.
    """
    if isinstance(error, FileNotFoundError):
        return ConfigError("cli.file_none", path=str(path))
    is_other_text = isinstance(error, UnicodeDecodeError)
    return ConfigError("cli.file_encoding" if is_other_text else "cli.file", path=str(path))


def read_named(path: Path) -> bytes:
    """Return the bytes of a file without which a command cannot go on: a key, a checkpoint, an address.

    Raises:
        StoreError: ``home.unreadable`` with the system's own reason.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise StoreError("home.unreadable", path=str(path), detail=error.strerror or "") from error
