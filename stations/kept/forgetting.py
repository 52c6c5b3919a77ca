"""The lists beside the ledger lose whom an erasure takes out of them, whatever way it came by."""

from __future__ import annotations

from ledger.facade import Home, Ledger
from ledger.facade.base.clock import Randomness
from stations.kept import platformlist, rosters
from stations.kept.erasures import ErasureLook, ListWatch
from stations.kept.platformlist import blank_list
from stations.kept.rosters import blank_roster
from stations.kept.sealed import SealedFolder


class Forgetting:
    """Looks at the platform's lists and at rosters again and again; for one thread at a time.

    Args:
        home: the installation.
        randomness: for nonces.
    """

    def __init__(self, home: Home, randomness: Randomness) -> None:
        self._erasures = ErasureLook()
        self._lists = SealedFolder(home, platformlist.FOLDER, randomness)
        self._rosters = SealedFolder(home, rosters.FOLDER, randomness)
        self._watches = ListWatch(self._lists), ListWatch(self._rosters)

    def look(self, ledger: Ledger, written: object) -> None:
        """Look once; what is as it was at the look before is not looked at again.

        Args:
            ledger: open for reading.
            written: what differs after every write into the ledger.

        Raises:
            StoreError: ``store.*``; what could not be kept is tried again the next time.
        """
        held, (lists, people) = self._erasures.look(ledger, written), self._watches
        lists.look(ledger, held, lambda name: blank_list(self._lists, name, ledger, held))
        people.look(ledger, held, lambda name: blank_roster(self._rosters, name, ledger, held))
