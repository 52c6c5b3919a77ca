"""Anything in any order between village, township and county: work, torn sessions, old disks, clones.

Sessions without any network, real stores, real signatures. Hypothesis chooses what happens and shrinks what
goes wrong; `tests/simulation` does the same with network, clocks and power cuts.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ledger.errors import BanjianError, EncodingError
from ledger.facade.logs.heldstates import LogState
from ledger.store import schema
from ledger.types import CaseId, StationId
from sync.core.requester import Guesses
from tests.simulation.county import fast_folder
from tests.sync.world import COUNTY, TOWN, VILLAGE, Place, World

STATIONS = (VILLAGE, TOWN, COUNTY)
CALLERS = (VILLAGE, TOWN)
SETTLING_ROUNDS = 4
ANSWERS_MAX = 9_000
"""Bytes of an answer that a torn session may carry; beyond that the request is torn instead."""


@cache
def template() -> World:
    """Found the county once; every example works on copies of its folders."""
    folder = Path(tempfile.mkdtemp(prefix="banjian-machine-", dir=fast_folder()))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    made = World(folder)
    for station in CALLERS:
        made.join(station)
    made.settle(TOWN, VILLAGE)
    made.close()
    return made


def fresh(folder: Path) -> World:
    """Return the template's county in a folder of its own."""
    first = template()
    made = World.__new__(World)
    made.folder, made.seed, made.registrar, made.genesis = folder, "machine", first.registrar, first.genesis
    made.places = {}
    for station in STATIONS:
        path = folder / station
        shutil.copytree(first.places[station].path, path)
        made._place(station)
        made.places[station].path = path
        made.places[station].clock.time_ms = first.places[station].clock.time_ms
    return made


def torn(bytes_max: int) -> Callable[[Iterator[bytes]], Iterator[bytes]]:
    """Return what lets so many bytes pass and then nothing."""

    def pass_on(sections: Iterator[bytes]) -> Iterator[bytes]:
        left = bytes_max
        for section in sections:
            if left <= 0:
                return
            yield section[:left]
            left -= len(section)

    return pass_on


class Sync(RuleBasedStateMachine):
    """Three installations and what can happen between them."""

    @initialize()
    def found(self) -> None:
        """Begin with a county in step."""
        self.folder = Path(tempfile.mkdtemp(prefix="banjian-machine-", dir=fast_folder()))
        self.world = fresh(self.folder)
        self.cases: list[CaseId] = []
        self.promised: dict[bytes, tuple[StationId, CaseId]] = {}
        self.images: dict[StationId, tuple[Path, set[bytes]]] = {}
        self.second: Place | None = None
        self.put_back: set[StationId] = set()
        self.excused: set[bytes] = set()
        self.count = 0

    def next_number(self) -> int:
        """Return a number that was not there yet."""
        self.count += 1
        return self.count

    @rule(station=st.sampled_from(STATIONS))
    def receive(self, station: StationId) -> None:
        """Open a case."""
        case = self.world.receive(station, applicant=f"申请人{self.next_number()}")
        self.cases.append(case)
        self._promise(station, case)

    @rule(station=st.sampled_from(STATIONS), index=st.integers(0, 50), to=st.sampled_from(STATIONS))
    def go_on(self, station: StationId, index: int, to: StationId) -> None:
        """Do something with a case wherever it can be seen: the same one at two places, perhaps."""
        if not self.cases:
            return
        case = self.cases[index % len(self.cases)]
        for action, facts in (("take_over", {}), ("hand_over", {"to": to}), ("note", {})):
            try:
                self.world.do(station, action, case, **facts)
            except BanjianError:
                continue
            self._promise(station, case)
            return

    @rule(station=st.sampled_from(CALLERS))
    def sync(self, station: StationId) -> None:
        """Sync until nothing more comes."""
        self.world.sync(station)
        self.put_back.discard(station)

    @rule(station=st.sampled_from(CALLERS), up=st.integers(0, 6_000), down=st.integers(0, 12_000))
    def tear(self, station: StationId, up: int, down: int) -> None:
        """Let a session break in either direction; where the request breaks there is no answer."""
        # A server answers no torn request: here the torn part is taken, and the answer never comes.
        sides = {"up": torn(up)} if down > ANSWERS_MAX else {"down": torn(down)}
        with suppress(EncodingError):
            self.world.session(station, **sides)  # type: ignore[arg-type]

    @rule(station=st.sampled_from(STATIONS))
    def copy(self, station: StationId) -> None:
        """Keep an image of a disk."""
        place = self.world[station]
        place.close()
        path = self.folder / f"image {self.next_number()}"
        shutil.copytree(place.path, path)
        self.images[station] = (path, self._acts(place))

    @rule(station=st.sampled_from(STATIONS), marked=st.booleans())
    def restore(self, station: StationId, marked: bool) -> None:
        """Put an old disk back, as a backup that says what it is or as an image that does not."""
        if station not in self.images or (station == COUNTY and not marked):
            return
        image, before = self.images[station]
        place = self.world[station]
        lost = self._acts(place) - before
        others = [self.world[one] for one in STATIONS if one != station]
        others += [self.second] if self.second is not None else []
        kept = set().union(*(self._acts(other) for other in others))
        self.excused |= lost - kept
        place.close()
        shutil.rmtree(place.path)
        shutil.copytree(image, place.path)
        if marked:
            (place.path / "RESTORED").touch()
        place.guesses = Guesses()
        self.put_back |= set(STATIONS)

    @rule()
    def clone(self) -> None:
        """Let a second machine run from the village's disk; from then on the two take turns."""
        first = self.world[VILLAGE]
        if self.second is None:
            first.close()
            path = self.folder / f"clone {self.next_number()}"
            shutil.copytree(first.path, path)
            self.second = Place(VILLAGE, path, first.clock, first.randomness)
        self.world.places[VILLAGE], self.second = self.second, first

    @invariant()
    def receipts_are_true(self) -> None:
        """Whatever a station was told to be received is there, unless its receiver lost a disk."""
        if not hasattr(self, "world") or self.put_back:
            return
        for station, upper in ((VILLAGE, TOWN), (TOWN, COUNTY)):
            held = self.world[station].exchange.held
            for line in held.receipts_by(upper):
                root = dict(held.roots(line.log_id, [line.size])).get(line.size)
                theirs = self.world[upper].exchange.held
                if root is not None and dict(theirs.roots(line.log_id, [line.size])).get(line.size) != root:
                    assert theirs.has_branch(LogState(line.log_id, line.size, root))

    def teardown(self) -> None:
        """Let everybody sync; then everything promised is everywhere where it belongs."""
        if not hasattr(self, "world"):
            return
        try:
            self._settle()
            self._check()
        finally:
            self.world.close()
            if self.second is not None:
                self.second.close()
            shutil.rmtree(self.folder, ignore_errors=True)

    def _settle(self) -> None:
        for _ in range(SETTLING_ROUNDS):
            self.world.settle(VILLAGE, TOWN)
            if self.second is not None:
                self.clone()

    def _check(self) -> None:
        county = self._acts(self.world[COUNTY])
        for act, (station, _) in self.promised.items():
            if act not in self.excused:
                assert act in county, act.hex()
                assert act in self._acts(self.world[station]), act.hex()
        for case in self.cases:
            digests = {self._digest(station, case) for station in STATIONS} - {None}
            assert len(digests) <= 1, case.hex()

    def _digest(self, station: StationId, case: CaseId) -> bytes | None:
        try:
            return self.world.digest(station, case)
        except BanjianError:
            return None

    def _promise(self, station: StationId, case: CaseId) -> None:
        state, _ = self.world[station].ledger.state(case)
        for step in state.steps:
            if step.act.act_id not in self.promised and step.act.station == station:
                self.promised[step.act.act_id] = (station, case)

    def _acts(self, place: Place) -> set[bytes]:
        with place.ledger.store.read() as tx:
            return {row[1] for row in tx.select(schema.ACTS, {}) if isinstance(row[1], bytes)}


Sync.TestCase.settings = settings(
    max_examples=12,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestSync = Sync.TestCase
