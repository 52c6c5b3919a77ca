"""Founding a county: three root keys, one registrar, the county's own station, its catalogue and calendars.

Every step is an act signed by the person who takes it, in the order in which the registry demands it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ledger.calendars import shipped_facts
from ledger.data import shipped_case_types, shipped_items
from ledger.errors import ConfigError
from ledger.facade.base.clock import Clock, Randomness, SystemClock
from ledger.facade.base.home import SEED_BYTES, Home
from ledger.facade.opened.founding import found
from ledger.facade.opened.ledger import Ledger
from ledger.formats.bundle import bundle_public_key
from ledger.formats.genesis import ROOT_KEYS, LedgerGenesis, Purpose
from ledger.formats.keys import X25519, Signer, prove_possession
from ledger.known.knowledge import PUBLISH_CALENDAR, PUBLISH_CASE_TYPES, PUBLISH_ITEMS
from ledger.platform import fsync_dir
from ledger.registry import actions as registry_actions
from ledger.types import LedgerId, StationId

COUNTY_SCOPE = "{station}/*"


@dataclass(frozen=True, slots=True, kw_only=True)
class CountyPlan:
    """What the founders decide.

    Attributes:
        name: name of the county centre, for people.
        division_code: six digits.
        purpose: ``office`` or ``training``.
        registrar_no: staff number of the first registrar.
        registrar_name: name of the first registrar; personal data, erasable.
    """

    name: str
    division_code: str
    purpose: Purpose
    registrar_no: str
    registrar_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CountyCreated:
    """A founded county."""

    ledger_id: LedgerId
    station: StationId


def county_station(division_code: str) -> StationId:
    """Return the id of a county centre's main counter."""
    return StationId(f"{division_code}000000-00")


def create_county(
    home: Home,
    plan: CountyPlan,
    *,
    roots: Sequence[Signer],
    registrar: Signer,
    clock: Clock | None = None,
    randomness: Randomness = os.urandom,
    finish: Callable[[Path, StationId], None] | None = None,
) -> CountyCreated:
    """Found a county in a new installation folder.

    Args:
        home: the folder; must not hold a ledger.
        plan: names and purpose.
        roots: the three root keys.
        registrar: the first registrar's key.
        finish: puts keys and settings into the folder before it takes its name, so that no crash leaves a
            ledger without keys; it is given the folder as it is named then, and the county's station.

    Raises:
        ConfigError: ``home.exists``; ``setup.roots`` for other than three different root keys.
    """
    if len({root.key_id for root in roots}) != ROOT_KEYS or registrar.key_id in {
        root.key_id for root in roots
    }:
        raise ConfigError("setup.roots")
    moment = clock or SystemClock()
    genesis = LedgerGenesis(
        purpose=plan.purpose,
        division_code=plan.division_code,
        root_public_keys=tuple(root.public_key for root in roots),
        created_at_ms=moment.now_ms(),
        nonce=randomness(16),
    )
    station = county_station(plan.division_code)
    part = fresh_part(home)
    found(part, genesis, station, roots[0], clock=moment, randomness=randomness)
    with Ledger.open(part, clock=moment, randomness=randomness, write=True) as ledger:
        _appoint(ledger, plan, station, roots, registrar)
        _enrol_county(ledger, plan, station, registrar, randomness)
        ledger.open_county_log("catalogue", station, registrar)
        ledger.open_county_log("merge", station, registrar)
        _publish(ledger, registrar)
        ledger.open_station_log(station, registrar)
        for log in ledger.logs():
            ledger.checkpoint(log.log_id)
    if finish is not None:
        finish(part.path, station)
    put_in_place(part, home)
    return CountyCreated(ledger_id=genesis.ledger_id(), station=station)


def put_in_place(part: Home, home: Home) -> None:
    """Give a folder that is whole the name that is wanted, durably."""
    fsync_dir(part.path)
    part.path.rename(home.path)
    fsync_dir(home.path.parent)


def fresh_part(home: Home) -> Home:
    """Return a folder beside the wanted one; it takes its name at the end: nothing half-made is left.

    Args:
        home: the folder that is wanted; must be empty or not there.

    Raises:
        ConfigError: ``home.exists``.
    """
    if home.path.exists() and any(home.path.iterdir()):
        raise ConfigError("home.exists", path=str(home.path))
    part = home.path.with_name(home.path.name + ".part")
    if part.exists() and any(part.iterdir()) and not Home(part).keys_dir.is_dir():
        # Not what a broken-off founding leaves: somebody keeps something else under that name.
        raise ConfigError("home.exists", path=str(part))
    shutil.rmtree(part, ignore_errors=True)
    if home.path.exists():
        home.path.rmdir()
    return Home(part)


def _appoint(
    ledger: Ledger, plan: CountyPlan, station: StationId, roots: Sequence[Signer], registrar: Signer
) -> None:
    facts = registry_actions.appoint_registrar(
        staff_no=plan.registrar_no,
        alg=registrar.alg,
        public_key=registrar.public_key,
        possession=prove_possession(registrar, ledger.ledger_id),
        scope=COUNTY_SCOPE.format(station=station),
    )
    personal = registry_actions.staff_personal(name=plan.registrar_name) if plan.registrar_name else None
    done = ledger.register("appoint_registrar", facts, roots[0], personal=personal)
    ledger.register("countersign", registry_actions.countersign(target=done.act_id), roots[1])


def _enrol_county(
    ledger: Ledger, plan: CountyPlan, station: StationId, registrar: Signer, randomness: Randomness
) -> None:
    facts = registry_actions.enrol_station(
        station=station, name=plan.name, level="county", upstream=None, code_system="statistics"
    )
    ledger.register("enrol_station", facts, registrar)
    ledger.enrol_service_key(station, "receipt", registrar)
    seed = randomness(SEED_BYTES)
    ledger.home.write_service_seed(station, "bundle", seed)
    facts = registry_actions.enrol_service(
        purpose="bundle", station=station, alg=X25519, public_key=bundle_public_key(seed)
    )
    ledger.register("enrol_service", facts, registrar)


def _publish(ledger: Ledger, registrar: Signer) -> None:
    for facts in shipped_facts():
        ledger.publish(PUBLISH_CALENDAR, facts, registrar)
    ledger.publish(PUBLISH_CASE_TYPES, {"case_types": shipped_case_types()}, registrar)
    ledger.publish(PUBLISH_ITEMS, {"items": shipped_items()}, registrar)
