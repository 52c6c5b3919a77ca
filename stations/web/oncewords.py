"""One-time words of forms and programs outlive the process: what was signed by one is never signed again.

Before an act is stored its author's word is written down with it, durably; after a power cut, a restart or a
long day the ledger says whether the act was stored. A word is its author's alone: two people may choose the
same one.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from hashlib import sha256

from ledger.errors import StoreError
from ledger.facade import Home
from ledger.facade.base.clock import Randomness
from ledger.lawtime import DAY_MS
from stations.kept.sealed import UNREADABLE, SealedFolder

FOLDER = "signed"
FORGOTTEN_MS = 14 * DAY_MS
"""A word is known for so long: no page stays open over more than a long holiday."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What became of a one-time word.

    Attributes:
        act: the act that it was signed as, or the first one, in hexadecimal digits; "" for what is no act.
        case: the case or thread of that act.
        token: the rating token of a receipt: no act holds it.
        said: what the form said, as ``said_by`` has it.
        where: the page of what came of it, where it is no case.
        at_ms: when it was signed.
    """

    act: str = ""
    case: str = ""
    token: str = ""
    said: str = ""
    where: str = ""
    at_ms: int


class OnceWords:
    """Keeps the words of everybody, in ``signed/`` of the installation."""

    def __init__(self, home: Home, randomness: Randomness) -> None:
        self._folder = SealedFolder(home, FOLDER, randomness)

    def spend(self, staff_no: str, once: str, spent: Spent) -> None:
        """Write down what a word of somebody becomes, durably.

        Raises:
            StoreError: ``store.*``.
        """
        self._folder.keep(_name(staff_no, once), json.dumps(asdict(spent)).encode("utf-8"))

    def spent(self, staff_no: str, once: str) -> Spent | None:
        """Return what a word of somebody became; None for a new one.

        Raises:
            StoreError: ``store.*`` while that cannot be read: whether it is a new one nobody knows.
        """
        return self._read(_name(staff_no, once)) if once else None

    def drop_case(self, case: str) -> None:
        """Forget the words of a case whose personal data was erased; ``case`` in hexadecimal digits."""
        for name in self._folder.names():
            known = self._looked(name)
            if known is not None and known.case == case:
                self._folder.drop(name)

    def drop_old(self, now_ms: int) -> None:
        """Forget the words that no open page can carry any more."""
        for name in self._folder.names():
            known = self._looked(name)
            if known is not None and now_ms - known.at_ms > FORGOTTEN_MS:
                self._folder.drop(name)

    def _looked(self, name: str) -> Spent | None:
        """Return what a word became; None as well for one that cannot be read now."""
        with suppress(StoreError):
            return self._read(name)
        return None

    def _read(self, name: str) -> Spent | None:
        try:
            raw = self._folder.read(name)
            return None if raw is None else Spent(**json.loads(raw))
        except (ValueError, TypeError):
            pass
        except StoreError as error:
            if error.code != UNREADABLE:
                raise
        # As good as none: changed on the disk, or of another version.
        return None


def _name(staff_no: str, once: str) -> str:
    return sha256(json.dumps([staff_no, once]).encode("utf-8")).hexdigest()
