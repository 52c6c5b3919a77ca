"""Registry and catalogue that go on in other logs: every order of arrival ends in what the audit says."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from audit.checking.cases import CaseFolder
from audit.checking.verify import verify_ledger
from audit.reading.county import fold_county, read_ledger_genesis
from audit.reading.findings import Collector
from audit.reading.incarnations import choose_registry
from audit.reading.openings import all_stations, county_logs, read_openings
from audit.reading.source import Source, open_database
from ledger.cases.case import state_digest
from ledger.errors import RuleError, StoreError
from ledger.facade import Home, Ledger
from ledger.facade.base.home import RESTORED_MARKER
from ledger.facade.base.synctables import AWAITING
from ledger.facade.base.tables import CASES
from ledger.facade.logs.bodies import read_facts
from ledger.facade.opened.founding import found_empty
from ledger.facade.peering.between import exchange_of
from ledger.facade.transfer import rejudging
from ledger.formats.act import Act, act_id, case_of, decode_act
from ledger.formats.checkpoint import Checkpoint, log_origin, sign_checkpoint
from ledger.formats.entry import entry_hash
from ledger.formats.frame import split_frame
from ledger.formats.keys import Ed25519Signer, prove_possession
from ledger.formats.merkle import Tree, leaf_hash
from ledger.formats.package import encode_package
from ledger.formats.packageform import PackageContent
from ledger.registry import actions as registry_actions
from ledger.types import CaseId, LedgerId
from sync.core.framing import PACKAGE, Section
from sync.core.ingest import PreparedPackage, prepare
from tests.sync.test_after_restore import receive_by
from tests.sync.test_forks import copy, put_back
from tests.sync.world import (
    COUNTY,
    ENROLMENT,
    FELLING,
    START_MS,
    TOWN,
    VILLAGE,
    Clock,
    World,
    settled,
    signer,
)

PARTS = {"registry": 3, "catalogue": 2, "station": 1}
"""In how many packages a log comes."""


@dataclass(frozen=True, slots=True)
class Made:
    """What two histories of one county have written, as packages by log, and the cases in it."""

    world: World
    logs: dict[str, list[bytes]]
    kinds: dict[str, str]
    cases: tuple[CaseId, ...]


def packages_of(path: Path) -> tuple[dict[str, list[bytes]], dict[str, str]]:
    """Return what a station wrote itself, cut into packages under checkpoints with the keys of its logs."""
    made: dict[str, list[bytes]] = {}
    kinds: dict[str, str] = {}
    with Ledger.open(path, write=False) as ledger, ledger.reading() as (tx, parts):
        for log in parts.holdings.logs.values():
            seed = ledger.home.log_seed(log.genesis.log_id())
            if not log.own or log.genesis.kind == "merge" or seed is None:
                continue
            frames = [frame for _, frame in tx.frames(log.name, 1, tx.size(log.name))]
            acts = [split_frame(frame) for frame in frames]
            decoded = [
                Act(decode_act(one.act_raw), one.act_raw, one.sig, act_id(one.act_raw)) for one in acts
            ]
            facts = [read_facts(tx, case_of(act), act.act_id) or b"" for act in decoded]
            step = -(-len(frames) // PARTS[log.genesis.kind])
            tree, previous = Tree(), log.genesis.genesis_hash()
            for first in range(0, len(frames), step):
                part = slice(first, first + step)
                tree.extend(leaf_hash(one.entry_raw) for one in acts[part])
                point = Checkpoint(origin=log_origin(log.genesis.log_id()), size=tree.size, root=tree.root())
                content = PackageContent(
                    log_id=log.genesis.log_id(), first_seq=first + 1, previous=previous,
                    frames=tuple(frames[part]), facts=tuple(facts[part]),
                    personal=(b"",) * len(frames[part]),
                    checkpoint=sign_checkpoint(point, Ed25519Signer.from_seed(seed)),
                )  # fmt: skip
                made.setdefault(log.name, []).append(encode_package(content))
                previous = entry_hash(acts[part][-1].entry_raw)
            kinds[log.name] = log.genesis.kind
    return made, kinds


def enrol_later(ledger: Ledger, world: World) -> None:
    """Let the county enrol somebody in its new registry log, at the positions of what it has lost."""
    key = signer("S88")
    facts = registry_actions.enrol_staff(
        staff_no="S88", station=COUNTY, alg=key.alg, public_key=key.public_key,
        possession=prove_possession(key, ledger.ledger_id),
    )  # fmt: skip
    ledger.register("enrol_staff", facts, world.registrar)


def two_histories(folder: Path) -> Made:
    """Let a county go on from an older disk; returns that with what its stations hold of the time between."""
    world = World.after(settled(TOWN, VILLAGE), folder)
    cases = [world.receive(VILLAGE)]
    image = copy(world, COUNTY, "image")
    # What follows is written behind what the county still has when it goes on.
    world.enrol(VILLAGE, "window", "S99")
    world.settle(TOWN, VILLAGE)
    cases += [receive_by(world, signer("S99")), world.receive(VILLAGE)]
    world[COUNTY].ledger.publish("publish_items", {"items": [], "withdrawn": [FELLING]}, world.registrar)
    world.settle(TOWN, VILLAGE)
    cases.append(world.receive(VILLAGE, item=ENROLMENT))
    village, lost = copy(world, VILLAGE, "village"), copy(world, COUNTY, "lost")
    put_back(world, COUNTY, image)
    (world[COUNTY].path / RESTORED_MARKER).touch()
    ledger = world[COUNTY].ledger
    ledger.open_county_log("registry", COUNTY, signer("root 0"))
    ledger.open_county_log("catalogue", COUNTY, world.registrar)
    enrol_later(ledger, world)
    cases.append(world.receive(COUNTY))
    ledger.publish("publish_items", {"items": [], "withdrawn": [ENROLMENT]}, world.registrar)
    world[COUNTY].close()
    logs: dict[str, list[bytes]] = {}
    kinds: dict[str, str] = {}
    for path in (world[COUNTY].path, village, lost):
        some, these = packages_of(path)
        logs, kinds = some | logs, these | kinds
        for name, packages in some.items():
            # The longer history of a log: the county wrote more of it before it lost its disk.
            logs[name] = max(logs[name], packages, key=lambda one: (len(one), sum(map(len, one))))
    return Made(world, logs, kinds, tuple(cases))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    found = two_histories(tmp_path_factory.mktemp("chain"))
    yield found
    found.world.close()


def receiver(made: Made, folder: Path) -> Ledger:
    home = Home(folder)
    found_empty(home, made.world.genesis, randomness=random.Random(1).randbytes)
    return opened(folder)


def opened(folder: Path) -> Ledger:
    return Ledger.open(Home(folder), clock=Clock(), write=True, station=TOWN)


def take(ledger: Ledger, packages: Sequence[bytes]) -> None:
    """Take packages in as they come, whoever opened their logs."""
    exchange = exchange_of(ledger)
    for raw in packages:
        ready = prepare(Section(PACKAGE, raw), ledger_id=ledger.ledger_id, public_key=exchange.public_key)
        assert isinstance(ready, PreparedPackage)
        exchange.receiving.take_package(
            ready.content, ready.records, allowed=lambda genesis: True, now_ms=START_MS
        )


def in_order(made: Made) -> list[bytes]:
    """Return all packages, registry and catalogue before the logs of stations."""
    return [raw for kind in PARTS for name, log in sorted(made.logs.items())
            if made.kinds[name] == kind for raw in log]  # fmt: skip


def shuffled(made: Made, seed: int) -> list[bytes]:
    """Return all packages in an order that keeps that of each log."""
    rest = {name: list(packages) for name, packages in made.logs.items()}
    chance, found = random.Random(seed), []
    while rest:
        name = chance.choice(sorted(rest))
        found.append(rest[name].pop(0))
        if not rest[name]:
            del rest[name]
    return found


Told = dict[str, object]


def told_by_ledger(ledger: Ledger, cases: Sequence[CaseId]) -> Told:
    known = ledger.knowledge
    told: Told = {
        "outcomes": known.registry.outcomes(),
        "items": tuple(known.catalogue.items(known.catalogue.size)),
    }
    told["sizes"] = known.registry.size, known.catalogue.size
    for case in cases:
        try:
            told[case.hex()] = state_digest(ledger.state(case)[0])
        except RuleError as error:
            told[case.hex()] = error.code
    return told


def told_by_audit(folder: Path, cases: Sequence[CaseId]) -> Told:
    collector = Collector()
    with open_database(folder / "ledger.db") as file, Source(file, collector.add) as source:
        openings, _ = read_openings(source, collector.add)
        stations = all_stations(openings, [])
        registry = choose_registry(openings, collector.add)
        assert registry is not None
        genesis = read_ledger_genesis(registry, collector.add)
        pinned = LedgerId(registry.genesis.ledger_id)
        judge = fold_county(source, pinned, None if genesis is None else genesis[1], openings)
        known = judge.knowledge
        told: Told = {"outcomes": known.registry.outcomes()}
        told["items"] = tuple(known.catalogue.items(known.catalogue.size))
        told["sizes"] = known.registry.size, known.catalogue.size
        for case in cases:
            records = list(source.cases(case))
            blocked = {}
            for one in records:
                header = decode_act(split_frame(one.frame).act_raw)
                if judge.public_key(header.actor) is None:
                    blocked[one.log, one.seq] = "authority.key_unknown"
            folder_ = CaseFolder(known, stations=stations, county=county_logs(openings), blocked=blocked)
            view = folder_.fold(case, records)
            if view is None or view.state is None:
                told[case.hex()] = "case.unknown" if view is None else view.reason
            else:
                told[case.hex()] = state_digest(view.state)
    return told


def rows_of(ledger: Ledger) -> tuple[set[tuple[object, ...]], set[tuple[object, ...]]]:
    with ledger.store.read() as tx:
        return set(tx.select(CASES, {})), set(tx.select(AWAITING, {}))


@pytest.mark.parametrize("seed", range(12))
def test_every_order_of_arrival_ends_in_what_the_audit_says(made: Made, tmp_path: Path, seed: int) -> None:
    with receiver(made, tmp_path / "r") as ledger:
        take(ledger, shuffled(made, seed))
        told, (rows, waiting) = told_by_ledger(ledger, made.cases), rows_of(ledger)
        ledger.rebuild()
        assert rows_of(ledger)[0] == rows
    with opened(tmp_path / "r") as ledger:
        assert told_by_ledger(ledger, made.cases) == told
        assert rows_of(ledger) == (rows, waiting)
    assert told_by_audit(tmp_path / "r", made.cases) == told
    with receiver(made, tmp_path / "s") as ledger:
        take(ledger, in_order(made))
        assert told_by_ledger(ledger, made.cases) == told
        assert rows_of(ledger)[0] == rows
    report = verify_ledger(tmp_path / "r")
    assert {one.code for one in report.findings if one.severity == "error"} == set(), report.findings
    assert "log.superseded" in {one.code for one in report.findings}


@pytest.mark.parametrize("seed", range(100, 103))
def test_at_every_step_the_station_says_what_the_audit_says(made: Made, tmp_path: Path, seed: int) -> None:
    """Gaps as well: a successor that is here before the log that it continues."""
    with receiver(made, tmp_path / "r") as ledger:
        for raw in shuffled(made, seed):
            take(ledger, [raw])
            told = told_by_ledger(ledger, made.cases)
            # Before the log that founded the ledger is here, nobody's authority can be told.
            if ledger.knowledge.registry.station_of_log:
                assert told_by_audit(tmp_path / "r", made.cases) == told


def test_what_was_lost_behind_the_successors_beginning_has_no_effect(made: Made, tmp_path: Path) -> None:
    """The key and the withdrawal of the lost week are forgotten, and the case of that key with them."""
    with receiver(made, tmp_path / "r") as ledger:
        surplus_last = sorted(made.logs, key=lambda name: len(made.logs[name]))
        take(ledger, [raw for name in surplus_last for raw in made.logs[name]])
        assert ledger.knowledge.registry.staff("S99") is None
        assert ledger.knowledge.registry.staff("S88") is not None
        state, _ = ledger.state(made.cases[1])
        assert [step.reason for step in state.steps] == ["authority.key_unknown"]


def test_a_cut_before_the_cases_are_judged_again_is_made_good(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = in_order(made)
    successors = [raw for raw in order if raw in of_successors(made)]
    with receiver(made, tmp_path / "r") as ledger:
        take(ledger, [raw for raw in order if raw not in successors])
        assert ledger.state(made.cases[1])[0].status == "received"

        def cut(*_: object) -> None:
            raise StoreError("store.io", detail="cut")

        with monkeypatch.context() as patched:
            patched.setattr(rejudging, "_judge_all", cut)
            with pytest.raises(StoreError):
                take(ledger, successors[:1])
    with opened(tmp_path / "r") as ledger:
        assert [step.reason for step in ledger.state(made.cases[1])[0].steps] == ["authority.key_unknown"]
        rows = rows_of(ledger)[0]
        ledger.rebuild()
        assert rows_of(ledger)[0] == rows
        take(ledger, successors[1:])
        rows = rows_of(ledger)[0]
        ledger.rebuild()
        assert rows_of(ledger)[0] == rows
        told = told_by_ledger(ledger, made.cases)
    assert told_by_audit(tmp_path / "r", made.cases) == told
    report = verify_ledger(tmp_path / "r")
    assert {one.code for one in report.findings if one.severity == "error"} == set(), report.findings
    assert "authority.key_unknown" in {one.code for one in report.findings if one.severity == "warning"}


def of_successors(made: Made) -> set[bytes]:
    """Return the packages of the registry and catalogue logs that continue another one."""
    with Ledger.open(made.world[COUNTY].path, write=False) as ledger:
        continued = {log.name for log in ledger.parts.holdings.logs.values() if log.genesis.parent_log}
    return {
        raw for name in continued & set(made.logs) if made.kinds[name] != "station" for raw in made.logs[name]
    }


def test_stations_that_hold_more_than_the_county_goes_on_from_agree_with_it(tmp_path: Path) -> None:
    """Over real sessions: those below have what the county lost, and give it back after it has gone on."""
    made = two_histories(tmp_path)
    world = made.world
    world.settle(TOWN, VILLAGE, TOWN)
    for station in (COUNTY, TOWN, VILLAGE):
        assert world[station].ledger.knowledge.registry.staff("S99") is None, station
        assert world[station].ledger.knowledge.registry.staff("S88") is not None, station
    for case in made.cases[:-1]:
        digests = {
            told_by_ledger(world[station].ledger, [case])[case.hex()] for station in (COUNTY, TOWN, VILLAGE)
        }
        assert len(digests) == 1
    for station in (COUNTY, TOWN, VILLAGE):
        told = told_by_ledger(world[station].ledger, made.cases[:-1])
        world[station].close()
        assert told_by_audit(world[station].path, made.cases[:-1]) == told, station
    world.close()
