"""What offices do meanwhile: stations closed and moved, rules published, keys ended, data erased.

Each step is what the commands of the product do, on the county's ledger; a step that a power cut breaks off
is taken up again until it is done. Nothing is registered at a county whose disk was put back: see
docs/simulation.md.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from ledger.calendars import shipped_facts
from ledger.data import shipped_items
from ledger.days.calendar import Calendar
from ledger.errors import BanjianError, RuleError, StoreError
from ledger.facade import Command, Ledger
from ledger.facade.base.tables import CASES
from ledger.facade.base.types import Performed
from ledger.facade.cases.attachednames import ERASE
from ledger.formats.keys import Signer, prove_possession
from ledger.known.knowledge import PUBLISH_CALENDAR, PUBLISH_ITEMS, Knowledge
from ledger.registry import actions as registry_actions
from ledger.store import schema
from ledger.types import ActId, CaseId, Facts, KeyId, LogId, StationId
from stations.office.closing import require_empty
from stations.office.enrolling import EnrolledKey, give_new_key, retire
from stations.office.publishing import look_at
from sync.joining.joinoffice import certificate_begin_ms
from tests.faults.disk import PowerCutError
from tests.simulation.county import COUNTY, EVIL, ROLES, STATIONS, level_of, signer

if TYPE_CHECKING:
    from tests.simulation.place import Place
    from tests.simulation.world import World

DAY_S = 86_400.0
HOUR_S = 3_600.0
SECOND_MS = 1_000
LATEST = 0.85
"""After this share of the time of trouble nothing new is begun: it is to be done before its end."""
REGISTRAR = signer("registrar")
GROUNDS = ("applicant_request", "period_over", "entered_by_mistake")
CALENDAR_YEAR = 2026
SPARE_DAYS = ("2026-03-12", "2026-03-16", "2026-07-08", "2026-11-11")


async def done_at_county(world: World, work: Callable[[Ledger], None]) -> bool:
    """Do something at the county's ledger, again after a power cut; False where it can be done no more."""
    county = world.main[COUNTY]
    while not world.healing and COUNTY not in world.oracle.doubtful:
        if county.up and not county.disk.dead:
            try:
                await county.thread.run(lambda: work(county.ledger))
            except (BanjianError, PowerCutError):
                if not county.disk.dead:
                    raise
            else:
                return True
        await asyncio.sleep(HOUR_S)
    return False


async def close(world: World, rng: random.Random, end_s: float) -> None:
    """Close a village, with cases or only without; half of them are opened again."""
    await asyncio.sleep(rng.uniform(0, end_s * LATEST))
    station, anyway = rng.choice(_villages(world)), rng.random() < 0.8

    def work(ledger: Ledger) -> None:
        if is_open(ledger.knowledge, station):
            if not anyway:
                require_empty(ledger, station)
            ledger.register("close_station", registry_actions.close_station(station=station), REGISTRAR)

    try:
        if not await done_at_county(world, work):
            return
    except RuleError:
        world.tally["closings refused"] += 1
        return
    world.orders[station] = lambda knowledge: not is_open(knowledge, station)
    world.tally["closed"] += 1
    world.loop.trace("closed", station)
    if rng.random() < 0.5:
        await asyncio.sleep(rng.expovariate(1 / DAY_S))
        await _enrol(world, station, None)


async def move(world: World, rng: random.Random, end_s: float) -> None:
    """Put a village under another station; its machines are told the new address sooner or later."""
    await asyncio.sleep(rng.uniform(0, end_s * LATEST))
    station = rng.choice(_villages(world))
    now = world.main[station].upstream
    goal = rng.choice([one for one in world.stations if world.main[one].listens and one != now])
    early = rng.random() < 0.3
    if early:
        _point(world, station, goal)
    if not await _enrol(world, station, goal):
        return
    world.tally["moved"] += 1
    world.loop.trace("moved", station, goal)
    await asyncio.sleep(rng.expovariate(1 / DAY_S))
    if not early:
        _point(world, station, goal)


def _point(world: World, station: StationId, goal: StationId) -> None:
    for place in world.of_station(station):
        place.point_at(goal)


async def _enrol(world: World, station: StationId, goal: StationId | None) -> bool:
    """Enrol a station again, under another one if asked; closed before that, where it is open."""
    if goal is not None:
        # A power cut may hide that it was done.
        world.above[station] |= {goal, COUNTY}

    def work(ledger: Ledger) -> None:
        known = ledger.knowledge.registry.station(station)
        assert known is not None
        upstream = goal or known.upstream
        if known.is_open and known.upstream == upstream:
            return
        if known.is_open:
            ledger.register("close_station", registry_actions.close_station(station=station), REGISTRAR)
        facts = registry_actions.enrol_station(
            station=station, name=known.name, level=known.level, upstream=upstream,
            code_system=known.code_system,
        )  # fmt: skip
        ledger.register("enrol_station", facts, REGISTRAR)

    done = await done_at_county(world, work)
    if done:
        world.orders[station] = lambda knowledge: (
            is_open(knowledge, station) and goal in (None, knowledge.registry.line(station)[1])
        )
        world.tally["opened again"] += 1
    return done


def is_open(knowledge: Knowledge, station: StationId) -> bool:
    """Whether a registry has a station open."""
    known = knowledge.registry.station(station)
    return known is not None and known.is_open


def _villages(world: World) -> list[StationId]:
    return [one for one in world.stations if not world.main[one].listens]


async def publish(world: World, rng: random.Random, end_s: float) -> None:
    """Publish another promise of some item, an item that is withdrawn, or a calendar with another day off."""
    await asyncio.sleep(rng.uniform(0, end_s * LATEST))
    kind = rng.choice(("items", "items", "calendar", "withdrawn"))
    number, days = rng.randrange(10**6), rng.randint(1, 4)

    def work(ledger: Ledger) -> None:
        action, facts, holds = _publication(ledger.knowledge, kind, number, days)
        if not holds(ledger.knowledge):
            (look,) = look_at(ledger.knowledge, [(action, facts)])
            assert not look.faults, look.faults
            ledger.publish(action, facts, REGISTRAR)
        world.orders[f"{action} {number}"] = holds

    if await done_at_county(world, work):
        world.tally["published"] += 1
        world.loop.trace("published", kind, number)


def _publication(
    knowledge: Knowledge, kind: str, number: int, days: int
) -> tuple[str, Facts, Callable[[Knowledge], bool]]:
    """Return action and facts of a publication, and whether somebody knows of it or of a later one."""
    size = knowledge.catalogue.size
    if kind == "calendar":
        newest = max(one.version for one in _calendars(knowledge))
        shipped = next(one for one in shipped_facts() if one["year"] == CALENDAR_YEAR)
        days_off = shipped["days_off"]
        assert isinstance(days_off, list)
        days_off = [*days_off, SPARE_DAYS[number % len(SPARE_DAYS)]]
        facts: Facts = {**shipped, "version": newest + 1, "days_off": days_off, "source": f"溪山县 {number}"}
        return PUBLISH_CALENDAR, facts, lambda known: any(one.version > newest for one in _calendars(known))
    items = [one for one in shipped_items() if isinstance(one, dict) and one.get("promised_days")]
    chosen = items[number % len(items)]
    code = str(chosen["base_code"])
    facts = {"items": [{**chosen, "promised_days": min(days, int(str(chosen["promised_days"])))}]}
    if kind == "withdrawn":
        # One that no clerk of the simulation receives.
        facts = {"items": [], "withdrawn": [code]}
    return PUBLISH_ITEMS, facts, lambda known: known.catalogue.size > size


def _calendars(knowledge: Knowledge) -> list[Calendar]:
    return [one for one in knowledge.calendars.calendars if (one.region, one.year) == ("CN", CALENDAR_YEAR)]


async def end_key(world: World, rng: random.Random, end_s: float) -> None:
    """End the key of somebody, merely retired or stolen; mostly a new one is given, with the same roles."""
    await asyncio.sleep(rng.uniform(0, end_s * LATEST))
    station = rng.choice([*world.stations, EVIL] if world.plan.evil else world.stations)
    role = rng.choice(ROLES[level_of(station)])
    no = f"S{STATIONS.index(station):02d}{role[0]}"
    new = signer(f"{world.seed} key {world.next_number()}") if rng.random() < 0.7 else None
    reason = rng.choice(("retired", "compromised"))
    ended: list[KeyId] = []

    def work(ledger: Ledger) -> None:
        registry = ledger.knowledge.registry
        held = registry.staff(no)
        if new is not None and registry.is_known_key(new.key_id):
            return
        ended.extend([held.key_id] if held is not None else [])
        if new is not None and is_open(ledger.knowledge, station):
            key = EnrolledKey(public_key=new.public_key, possession=prove_possession(new, ledger.ledger_id))
            give_new_key(ledger, ledger.register, REGISTRAR, no=no, key=key, reason=reason)
        elif held is not None:
            retire(ledger, ledger.register, REGISTRAR, no=no, reason=reason)

    if new is not None:
        world.new_keys.setdefault((station, role), []).append(new)
    if await done_at_county(world, work):
        for key in ended:
            world.orders[f"key {key.hex()[:8]}"] = partial(_has_ended, key)
        world.tally["keys ended"] += 1
        world.loop.trace("key ended", no, reason)


def _has_ended(key: KeyId, knowledge: Knowledge) -> bool:
    return knowledge.registry.authority(key) is None


async def end_certificates(world: World, rng: random.Random, end_s: float) -> None:
    """End the certificates of a station; some time later its machines are invited anew."""
    await asyncio.sleep(rng.uniform(0, end_s * LATEST))
    station = rng.choice(world.stations[1:])
    moments: list[int] = []

    def work(ledger: Ledger) -> None:
        if not is_open(ledger.knowledge, station):
            # Nobody gets in with them, and nobody may end them.
            return
        if not moments:
            moments.append(ledger.clock.now_ms() // SECOND_MS * SECOND_MS)
        facts = registry_actions.end_certificates(station=station, before_ms=moments[0])
        ledger.register("end_certificates", facts, REGISTRAR)

    if not await done_at_county(world, work) or not moments:
        return
    world.orders[f"certificates {station}"] = lambda known: (
        known.registry.certificates_end_ms(station) >= moments[0]
    )
    world.tally["certificates ended"] += 1
    world.loop.trace("certificates ended", station)
    await asyncio.sleep(rng.uniform(0, 2 * DAY_S))
    for place in world.of_station(station):
        await invite(world, place)


async def invite(world: World, place: Place) -> None:
    """Give a machine a certificate, as the county's office would now."""
    county = world.main[COUNTY]
    if not county.up or county.disk.dead:
        return
    registry = county.ledger.knowledge.registry
    begin_ms = certificate_begin_ms(registry, place.station, now_ms=county.clock.now_ms())
    world.certified_at_ms[place.name] = max(begin_ms, world.certified_at_ms.get(place.name, 0))


async def erase(world: World, rng: random.Random, end_s: float) -> None:
    """Erase the personal data of some case at one place: its head does it, in a village the registrar."""
    await asyncio.sleep(rng.uniform(0, end_s))
    place = rng.choice(world.all_places())
    if not place.up or place.disk.dead:
        return
    ground = rng.choice(GROUNDS)

    def work() -> Performed | None:
        ledger = place.ledger
        with ledger.store.read() as tx:
            cases = sorted(CaseId(row[0]) for row in tx.select(CASES, {}) if isinstance(row[0], bytes))
        if not cases:
            return None
        command = Command(
            action=ERASE, station=place.station, case=rng.choice(cases), facts={"ground": ground}
        )
        return _erase(ledger, command, _eraser(place))

    try:
        done = await place.thread.run(work)
    except (PowerCutError, StoreError):
        # The act may stand, and the data still be there: somebody erases it again.
        if not place.disk.dead:
            raise
        return
    except BanjianError as error:
        world.refusals[f"erase {error.code}"] += 1
        return
    if done is not None:
        command = Command(action=ERASE, station=place.station, case=done.case_id, facts={"ground": ground})
        world.oracle.confirmed(place, command, done)
        world.oracle.erased[place.name, done.case_id] = (
            done.act_id,
            frozenset(_acts(place.ledger, done.case_id)),
        )
        world.tally["erased"] += 1


def _eraser(place: Place) -> Signer:
    return place.world.staff_key(place, "head") if "head" in ROLES[level_of(place.station)] else REGISTRAR


def _erase(ledger: Ledger, command: Command, by: Signer) -> Performed:
    case_id = command.case
    assert case_id is not None
    before = _acts(ledger, case_id, ERASE)
    ledger.erase(command, by)
    ((act_id, (log, seq)),) = _acts(ledger, case_id, ERASE).items() - before.items()
    return Performed(
        act_id=act_id, case_id=case_id, log_id=LogId(bytes.fromhex(log)), seq=seq, number="", token=""
    )


def _acts(ledger: Ledger, case_id: CaseId, action: str = "") -> dict[ActId, tuple[str, int]]:
    """Return where each act of a case stands; only those of one action if asked."""
    with ledger.store.read() as tx:
        rows = list(tx.select(schema.ACTS, {"case_id": case_id, **({"action": action} if action else {})}))
    return {ActId(row[1]): (str(row[2]), int(str(row[3]))) for row in rows if isinstance(row[1], bytes)}
