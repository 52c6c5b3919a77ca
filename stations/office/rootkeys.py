"""The root keys of a county that was founded on a page, until somebody says that they are kept.

They lie in the installation's folder until their three keepers have taken them, and a power cut may come
between founding and that. So a file beside them says that nobody has confirmed it yet; the page comes again
until somebody has::

    DIR/roots/root-1.key ...     the envelopes, each under its keeper's passphrase
    DIR/roots/not-kept           nobody has said yet that they are kept
    DIR/roots/leaving            they are kept, and are being removed from here
"""

from __future__ import annotations

import shutil

from ledger import platform
from ledger.facade import Home
from ledger.platform import fsync_dir, write_durably
from stations.office.founding import ROOT_COUNT
from stations.office.newkeys import SUFFIX

FOLDER, NOT_KEPT, LEAVING = "roots", "not-kept", "leaving"
ROOTS = tuple(f"root-{number}" for number in range(1, ROOT_COUNT + 1))


def mark_unkept(home: Home) -> None:
    """Note that nobody has confirmed yet that the root keys are kept.

    Raises:
        StoreError: the disk's own reasons.
    """
    try:
        write_durably(home.path / FOLDER / NOT_KEPT, b"")
    except OSError as error:
        raise platform.os_failure(error, home.path) from error


def are_unkept(home: Home) -> bool:
    """Tell whether somebody still has to confirm that the root keys are kept."""
    folder = home.path / FOLDER
    return (folder / NOT_KEPT).exists() and not (folder / LEAVING).exists()


def envelope_of(home: Home, name: str) -> bytes | None:
    """Return the envelope of a root key; None for another name, or when it is not here."""
    path = home.path / FOLDER / f"{name}{SUFFIX}"
    return path.read_bytes() if name in ROOTS and path.exists() else None


def confirm_kept(home: Home, *, remove: bool) -> None:
    """Note that the root keys are kept; those that lie here stay, or go.

    Broken off, it is finished by ``finish_leaving``.

    Raises:
        StoreError: the disk's own reasons.
    """
    folder = home.path / FOLDER
    try:
        if remove:
            write_durably(folder / LEAVING, b"")
        else:
            (folder / NOT_KEPT).unlink(missing_ok=True)
            fsync_dir(folder)
    except OSError as error:
        raise platform.os_failure(error, folder) from error
    finish_leaving(home)


def finish_leaving(home: Home) -> None:
    """Remove root keys whose removal a power cut broke off.

    Raises:
        StoreError: the disk's own reasons.
    """
    folder = home.path / FOLDER
    if not (folder / LEAVING).exists():
        return
    try:
        for path in sorted(folder.iterdir()):
            if path.name != LEAVING:
                path.unlink()
        # The note goes last: as long as a key is left, it is known that it shall go.
        fsync_dir(folder)
        shutil.rmtree(folder)
        fsync_dir(home.path)
    except OSError as error:
        raise platform.os_failure(error, folder) from error
