"""A county whose stations have keys for sticks, and sticks that are carried between them."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ledger.facade import Home
from ledger.formats.bundle import bundle_public_key
from ledger.formats.keys import X25519, Ed25519Signer, prove_possession
from ledger.limits import BUNDLE_PART_BYTES_MAX
from ledger.registry import actions as registry_actions
from ledger.types import StationId
from stations.kept.sticks import Imported, acknowledge, export_to, import_from
from sync.stick.bundlewriting import Order, SealedPart
from tests.sync.world import LEVEL, Place, World


class StickWorld(World):
    """The county; every station has the keys that joining makes."""

    def join(self, station: StationId) -> Place:
        place = super().join(station)
        home, county = Home(place.path), self.places[next(iter(self.places))].ledger
        if LEVEL[station] != "township":
            seed = place.randomness(32)
            home.write_service_seed(station, "receipt", seed)
            key = Ed25519Signer.from_seed(seed)
            facts = registry_actions.enrol_service(
                purpose="receipt", station=station, alg=key.alg, public_key=key.public_key,
                possession=prove_possession(key, county.ledger_id),
            )  # fmt: skip
            county.register("enrol_service", facts, self.registrar)
        seed = place.randomness(32)
        home.write_service_seed(station, "bundle", seed)
        facts = registry_actions.enrol_service(
            purpose="bundle", station=station, alg=X25519, public_key=bundle_public_key(seed)
        )
        county.register("enrol_service", facts, self.registrar)
        return place

    def export(
        self,
        station: StationId,
        receiver: StationId,
        stick: Path,
        *,
        everything: bool = False,
        part_bytes: int = BUNDLE_PART_BYTES_MAX,
    ) -> list[Path]:
        """Write a bundle onto a stick and return its files."""
        stick.mkdir(exist_ok=True)
        place = self[station]
        order = Order(
            receiver=receiver, now_ms=place.clock.now_ms(), version="test", everything=everything,
            part_bytes=part_bytes,
        )  # fmt: skip
        steps = export_to(place.exchange, stick, order, randomness=place.randomness)
        return [stick / step.name for step in steps if isinstance(step, SealedPart)]

    def take(self, station: StationId, paths: Path | Iterable[Path]) -> Imported:
        """Import a stick, or files, at a station."""
        place, found = self[station], Imported()
        wanted = [paths] if isinstance(paths, Path) else list(paths)
        with ThreadPoolExecutor(2) as cores:
            now_ms = place.clock.now_ms()
            for _ in import_from(place.exchange, wanted, found, now_ms=now_ms, cores=cores):
                pass
        return found

    def confirm(self, station: StationId, receiver: StationId, stick: Path) -> list[Path]:
        """Write an acknowledgement onto a stick and return its files."""
        stick.mkdir(exist_ok=True)
        place = self[station]
        parts = acknowledge(
            place.exchange, stick, receiver, now_ms=place.clock.now_ms(), version="test",
            randomness=place.randomness,
        )  # fmt: skip
        return [stick / one.name for one in parts]

    def carry(self, station: StationId, receiver: StationId, stick: Path) -> Imported:
        """Export at one station, import at the other, and bring the acknowledgement back."""
        files = self.export(station, receiver, stick)
        found = self.take(receiver, files)
        self.take(station, self.confirm(receiver, station, stick))
        return found
