"""Packages of logs and of divergent histories for others; what cannot be packed is noted, and told."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ledger.errors import StoreError
from ledger.facade.base.clock import Clock
from ledger.facade.base.home import Home
from ledger.facade.logs.countyfold import COUNTY_KINDS
from ledger.facade.logs.doubt import log_signer
from ledger.facade.logs.heldstates import BranchState, branch_name
from ledger.facade.logs.rotten import Rotten, RottenRecords
from ledger.facade.logs.stretch import AIM_BYTES, FILLED_BYTES, STRETCH_LIMIT, Stretches, cut
from ledger.facade.peering.held import Held
from ledger.facade.transfer.outgoing import Outgoing
from ledger.formats.genesis import LogGenesis
from ledger.formats.packageform import PackageContent
from ledger.store.contract import Store
from ledger.types import LogId

COUNTY_AIM_BYTES = 8 << 10
"""Records of registry or catalogue in one package of the county.

Whoever passes them on can end its own packages only where those of the county ended, and a new station may
sit behind a line that carries little.
"""
TOO_FAR = (STRETCH_LIMIT, "log.checkpoint_gap")
"""Why no package can reach the next checkpoint."""


class Packing:
    """Makes packages.

    Args:
        store: the open store, as its one writer.
        outgoing: reads them out of the store.
        held: what is here of every log.
        home: the installation folder, with the keys of own logs.
        rotten: records that changed on this disk.
        stretches: stretches of logs that no package can hold.
        clock: of this station.
    """

    def __init__(
        self,
        store: Store,
        outgoing: Outgoing,
        *,
        held: Held,
        home: Home,
        rotten: RottenRecords,
        stretches: Stretches,
        clock: Clock,
    ) -> None:
        self._store = store
        self._outgoing = outgoing
        self._held = held
        self._home = home
        self._rotten = rotten
        self._stretches = stretches
        self._clock = clock

    def package(self, log_id: LogId, *, after: int, most: int = AIM_BYTES) -> PackageContent | None:
        """Return the next package of a log for somebody who holds ``after`` entries; None at the end.

        A stretch that no package can hold is cut where the log is an own one; else it is noted, and None. So
        is an own stretch that is larger than the line of the receiver carries.

        Args:
            log_id: which log.
            after: entries that the receiver holds.
            most: bytes of records that the package should hold; it may hold more where nobody can cut.
        """
        genesis = self._held.genesis(log_id)
        if genesis is None:
            return None
        rotten: list[Rotten] = []

        def made() -> PackageContent | None:
            with self._store.read() as tx:
                return self._outgoing.package(tx, genesis, after=after, rotten=rotten, most=most)

        if genesis.kind in COUNTY_KINDS and self._held.is_own(log_id):
            most = min(most, COUNTY_AIM_BYTES)
        if most < AIM_BYTES:
            self._cut(genesis, after, most)
        found = self._packed(made, log_id.hex(), after, lambda: self._cut(genesis, after, FILLED_BYTES))
        return self._told(found, rotten)

    def branch_package(
        self, state: BranchState, *, after: int, most: int = AIM_BYTES
    ) -> PackageContent | None:
        """Return the next package of a divergent history for somebody who holds it up to ``after``."""
        genesis = self._held.genesis(state.log_id)
        if genesis is None:
            return None
        branch = self._held.histories(state.log_id).get(branch_name(state.log_id, state.first_hash))
        if branch is None:
            return None
        rotten: list[Rotten] = []

        def made() -> PackageContent | None:
            with self._store.read() as tx:
                return self._outgoing.branch_package(
                    tx, genesis, branch, after=after, rotten=rotten, most=most
                )

        return self._told(self._packed(made, branch.name, after), rotten)

    def note(self, rotten: Sequence[Rotten]) -> None:
        """Keep which records changed on this disk."""
        if rotten:
            self._rotten.note(rotten, now_ms=self._clock.now_ms())

    def _cut(self, genesis: LogGenesis, after: int, most: int) -> bool:
        if not self._held.is_own(genesis.log_id()):
            return False
        return cut(self._store, genesis, log_signer(genesis, self._home), after=after, most=most)

    def _packed(
        self,
        make: Callable[[], PackageContent | None],
        name: str,
        after: int,
        is_cut: Callable[[], bool] = lambda: False,
    ) -> PackageContent | None:
        """Return the next package of a log or of a history; None, with a note, where none can hold it."""
        for may_cut in (True, False):
            try:
                found = make()
            except StoreError as error:
                if error.code not in TOO_FAR:
                    raise
                if may_cut and is_cut():
                    continue
                self._stretches.note(name, after + 1, now_ms=self._clock.now_ms())
                return None
            self._stretches.given(name, after + 1)
            return found
        return None

    def _told(self, found: PackageContent | None, rotten: Sequence[Rotten]) -> PackageContent | None:
        """Return a package; what changed on this disk is noted, what was given soundly is settled."""
        self.note(rotten)
        if found is not None:
            bad = {one.seq for one in rotten}
            given = range(found.first_seq, found.last_seq + 1)
            self._rotten.given(found.log_id.hex(), [seq for seq in given if seq not in bad])
        return found
