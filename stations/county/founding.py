"""The county is founded: one folder for each station, everybody enrolled, certificates by the county's CA.

This is done at once, in one process; the stations then get everything else over the line or by stick. Joining
by invite is what an office does; here it would only take longer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ledger.facade import CountyPlan, Home, Ledger, create_county
from ledger.facade.base.clock import Clock, Randomness
from ledger.facade.opened.founding import found_empty
from ledger.formats.bundle import bundle_public_key
from ledger.formats.keys import X25519, Ed25519Signer, Signer, prove_possession
from ledger.registry import actions as registry_actions
from ledger.types import StationId
from stations.config import write_config
from stations.county.people import REGISTRAR_NO, Person, roots_of, signer_of
from stations.county.plan import Place, Plan
from sync.certs.credentials import CountyCa, prepare_county, read_ca, write_own
from sync.certs.pki import issue_leaf, new_csr
from sync.certs.tlskeys import new_key

SEED_BYTES = 32


def found_county(
    plan: Plan,
    homes: Mapping[str, Home],
    people: Mapping[str, Sequence[Person]],
    *,
    clock: Clock,
    randomness: Randomness,
) -> None:
    """Make every folder, enrol every station and everybody, and certify every station.

    Args:
        plan: who takes part.
        homes: the folder of each station; must not exist yet.
        people: who works at each station.
    """
    registrar = signer_of(REGISTRAR_NO, seed=plan.seed)
    create_county(
        homes[plan.county.station],
        CountyPlan(
            name=plan.county.name,
            division_code=plan.county.station[:6],
            purpose="office",
            registrar_no=REGISTRAR_NO,
            registrar_name="李登记",
        ),
        roots=roots_of(plan.seed),
        registrar=registrar,
        clock=clock,
        randomness=randomness,
    )
    home = homes[plan.county.station]
    with Ledger.open(home, clock=clock, randomness=randomness, write=True) as ledger:
        ca = prepare_county(ledger, randomness=randomness)
        for place in plan.places:
            if place.upstream:
                _enrol_station(ledger, place, homes[place.station], registrar, randomness)
                certify(homes[place.station], place.station, ca, ledger=ledger, randomness=randomness)
            for person in people[place.station]:
                _enrol(ledger, person, registrar, seed=plan.seed)
    write_config(home.path, station=plan.county.station)


def certify(home: Home, station: str, ca: CountyCa, *, ledger: Ledger, randomness: Randomness) -> None:
    """Give a station key and certificate, as joining does."""
    key_pem = new_key(randomness)
    leaf = issue_leaf(
        new_csr(key_pem, StationId(station)),
        station=StationId(station),
        ledger_id=ledger.ledger_id,
        ca_key_pem=ca.key_pem,
        ca_certificate=ca.certificate,
        now_ms=ledger.clock.now_ms(),
        randomness=randomness,
    )
    write_own(home, key_pem=key_pem, certificate=leaf, ca_certificate=ca.certificate)


def certify_anew(county: Home, home: Home, station: str, *, clock: Clock, randomness: Randomness) -> None:
    """Give a station that lost its folder a new key and certificate; beside the county's running server."""
    with Ledger.open(county, clock=clock, randomness=randomness, write=False) as ledger:
        certify(home, station, read_ca(county, ledger.ledger_id), ledger=ledger, randomness=randomness)


def _enrol_station(
    ledger: Ledger, place: Place, home: Home, registrar: Signer, randomness: Randomness
) -> None:
    station = StationId(place.station)
    found_empty(home, ledger.genesis, randomness=randomness)
    write_config(home.path, station=station)
    facts = registry_actions.enrol_station(
        station=station,
        name=place.name,
        level=place.level,
        upstream=StationId(place.upstream),
        code_system="statistics",
    )
    ledger.register("enrol_station", facts, registrar)
    if place.has_below:
        seed = randomness(SEED_BYTES)
        home.write_service_seed(station, "receipt", seed)
        _enrol_service(ledger, "receipt", place.station, Ed25519Signer.from_seed(seed), registrar)
    seed = randomness(SEED_BYTES)
    home.write_service_seed(station, "bundle", seed)
    facts = registry_actions.enrol_service(
        purpose="bundle", station=station, alg=X25519, public_key=bundle_public_key(seed)
    )
    ledger.register("enrol_service", facts, registrar)


def _enrol(ledger: Ledger, person: Person, registrar: Signer, *, seed: int) -> None:
    key = signer_of(person.staff_no, seed=seed)
    if person.is_service:
        _enrol_service(ledger, "kiosk", person.station, key, registrar)
        return
    facts = registry_actions.enrol_staff(
        staff_no=person.staff_no,
        station=StationId(person.station),
        alg=key.alg,
        public_key=key.public_key,
        possession=prove_possession(key, ledger.ledger_id),
    )
    personal = registry_actions.staff_personal(name=person.name)
    ledger.register("enrol_staff", facts, registrar, personal=personal)
    for role in person.roles:
        grant = registry_actions.grant_role(staff_no=person.staff_no, role=role, scope=person.station)
        ledger.register("grant_role", grant, registrar)


def _enrol_service(ledger: Ledger, purpose: str, station: str, key: Signer, registrar: Signer) -> None:
    facts = registry_actions.enrol_service(
        purpose=purpose,
        station=StationId(station),
        alg=key.alg,
        public_key=key.public_key,
        possession=prove_possession(key, ledger.ledger_id),
    )
    ledger.register("enrol_service", facts, registrar)


def home_of(folder: Path, place: Place) -> Home:
    """Return the folder of a station."""
    return Home(folder / f"{place.level}-{place.station}")
