"""A county on three levels for the measurements: real folders, registry, keys and certificates.

What belongs to the preparation alone is synced without a network; what is measured goes over TLS between
processes (``bench.serving``).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.office import DIVISION, WalkingClock, signer
from ledger.facade import CountyPlan, Home, Ledger, county_station, create_county
from ledger.facade.base.clock import SystemClock
from ledger.facade.opened.founding import found_empty
from ledger.facade.peering.between import exchange_of
from ledger.facade.peering.exchange import Exchange
from ledger.formats.genesis import LedgerGenesis
from ledger.formats.keys import Ed25519Signer, Signer, prove_possession
from ledger.registry import actions as registry_actions
from ledger.types import StationId
from sync.certs.credentials import CountyCa, prepare_county, write_own
from sync.certs.pki import issue_leaf, new_csr
from sync.certs.tlskeys import new_key
from sync.core.framing import ANSWER, END, HELLO, Section, Splitter
from sync.core.ingest import Prepared, prepare
from sync.core.messages import decode_answer, decode_hello
from sync.core.requester import Guesses, Requester
from sync.core.responder import Responder

COUNTY = county_station(DIVISION)
TOWN = StationId("990121001000-00")
VILLAGE = StationId("990121002001-00")
"""Hangs directly under the county, so that two processes are enough."""
ROLES = {"window": "window", "officer": "officer", "officer 2": "head", "issuer": "issuer"}
"""Labels of the workload and the role that each has at a station."""
VERSION = "bench"


@dataclass(frozen=True, slots=True, kw_only=True)
class StationPlan:
    """One station to be enrolled; ``staff`` are labels of ``ROLES``."""

    station: StationId
    level: str
    upstream: StationId = COUNTY
    staff: tuple[str, ...] = tuple(ROLES)


@dataclass(slots=True, kw_only=True)
class County:
    """Where the installations of a county lie, and what is needed to add one."""

    folder: Path
    clock: WalkingClock
    genesis: LedgerGenesis
    ca: CountyCa
    guesses: dict[StationId, Guesses] = field(default_factory=dict)

    def home(self, station: StationId) -> Home:
        """Return the folder of a station."""
        return Home(self.folder / station)

    def open(self, station: StationId) -> Ledger:
        """Open the ledger of a station as its writer."""
        return Ledger.open(self.home(station), clock=self.clock, write=True, station=station)

    def key(self, station: StationId, label: str) -> Signer:
        """Return the key of somebody at a station."""
        return signer(f"{station} {label}")

    def keys(self, station: StationId) -> Mapping[str, Signer]:
        """Return the keys of everybody at a station, by label."""
        return {label: self.key(station, label) for label in ROLES}


def found_county(folder: Path, plans: Iterable[StationPlan], clock: WalkingClock) -> County:
    """Found a county, enrol its stations and their staff, and make its CA; no other installation yet."""
    home, registrar = Home(folder / COUNTY), signer("registrar")
    create_county(
        home,
        CountyPlan(name="溪山县政务服务中心", division_code=DIVISION, purpose="office", registrar_no="R001"),
        roots=[signer(f"root {number}") for number in range(3)],
        registrar=registrar,
        clock=clock,
        randomness=os.urandom,
    )
    with Ledger.open(home, clock=clock, write=True, station=COUNTY) as ledger:
        _enrol_staff(ledger, StationPlan(station=COUNTY, level="county"), 0, registrar)
        for number, plan in enumerate(plans, start=1):
            facts = registry_actions.enrol_station(
                station=plan.station,
                name=plan.station,
                level=plan.level,
                upstream=plan.upstream,
                code_system="statistics",
            )
            ledger.register("enrol_station", facts, registrar)
            _enrol_staff(ledger, plan, number, registrar)
        genesis = ledger.genesis
    with Ledger.open(home, clock=SystemClock(), write=True, station=COUNTY) as ledger:
        # Certificates are checked against the clock of this machine.
        ca = prepare_county(ledger, randomness=os.urandom)
    return County(folder=folder, clock=clock, genesis=genesis, ca=ca)


def join(county: County, station: StationId, *, receipts: Ledger | None = None) -> None:
    """Make the empty installation of a station with its certificate, as joining would.

    Args:
        county: where it belongs.
        station: which; must be enrolled.
        receipts: the county's ledger, to enrol a receipt key for a station that has others below it.
    """
    home = county.home(station)
    found_empty(home, county.genesis, randomness=os.urandom)
    if receipts is not None:
        seed = os.urandom(32)
        home.write_service_seed(station, "receipt", seed)
        key = Ed25519Signer.from_seed(seed)
        facts = registry_actions.enrol_service(
            purpose="receipt",
            station=station,
            alg=key.alg,
            public_key=key.public_key,
            possession=prove_possession(key, receipts.ledger_id),
        )
        receipts.register("enrol_service", facts, signer("registrar"))
    key_pem = new_key(os.urandom)
    leaf = issue_leaf(
        new_csr(key_pem, station),
        station=station,
        ledger_id=county.genesis.ledger_id(),
        ca_key_pem=county.ca.key_pem,
        ca_certificate=county.ca.certificate,
        now_ms=SystemClock().now_ms(),
        randomness=os.urandom,
    )
    write_own(home, key_pem=key_pem, certificate=leaf, ca_certificate=county.ca.certificate)


def sync_quietly(county: County, lower: Ledger, upper: Ledger) -> None:
    """Let a station sync with the one above until nothing more comes, without any network."""
    below, above = exchange_of(lower), exchange_of(upper)
    guesses = county.guesses.setdefault(below.station, Guesses())
    more = True
    while more:
        requester = Requester(
            below, above.station, now_ms=county.clock.now_ms(), version=VERSION, guesses=guesses
        )
        responder = Responder(above, below.station, now_ms=county.clock.now_ms(), version=VERSION)
        for section in _sections(requester.request([])):
            if section.kind == HELLO:
                responder.open(decode_hello(section.payload))
            else:
                responder.take(_prepared(above, section))
        for section in _sections(responder.answer()):
            if section.kind == ANSWER:
                requester.answered(decode_answer(section.payload))
            elif section.kind == END:
                requester.end()
            else:
                requester.take(_prepared(below, section))
        more = requester.more


def _sections(pieces: Iterator[bytes]) -> Iterator[Section]:
    splitter = Splitter()
    for piece in pieces:
        yield from splitter.feed(piece)


def _prepared(exchange: Exchange, section: Section) -> Prepared:
    return prepare(section, ledger_id=exchange.held.ledger_id, public_key=exchange.public_key)


def _enrol_staff(ledger: Ledger, plan: StationPlan, number: int, registrar: Signer) -> None:
    for label in plan.staff:
        key, staff_no = signer(f"{plan.station} {label}"), f"S{number:03d}{'abcd'[list(ROLES).index(label)]}"
        facts = registry_actions.enrol_staff(
            staff_no=staff_no,
            station=plan.station,
            alg=key.alg,
            public_key=key.public_key,
            possession=prove_possession(key, ledger.ledger_id),
        )
        ledger.register("enrol_staff", facts, registrar)
        grant = registry_actions.grant_role(staff_no=staff_no, role=ROLES[label], scope=plan.station)
        ledger.register("grant_role", grant, registrar)
