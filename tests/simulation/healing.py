"""After the trouble: links up, everybody syncs until it is quiet; then all that was promised must hold."""

from __future__ import annotations

import random
from collections.abc import Iterator

from ledger.cases.case import fold_case, state_digest
from ledger.errors import BanjianError, RuleError
from ledger.facade.base.synctables import AWAITING, FORK, SYNC_FINDINGS
from ledger.facade.base.tables import CASES, VIEW_TABLES
from ledger.facade.base.vault import Vault
from ledger.facade.logs.bodies import Place as Position
from ledger.facade.logs.bodies import read_personal
from ledger.facade.logs.placing import frame_at
from ledger.formats.act import verify_act
from ledger.formats.frame import Frame, decode_frame, split_frame
from ledger.registry.registry import Registry
from ledger.store import schema
from ledger.types import ActId, CaseId, LogId, StationId
from tests.simulation.county import COUNTY, EVIL, upstream_of
from tests.simulation.courier import Courier
from tests.simulation.net import Weather
from tests.simulation.office import invite
from tests.simulation.place import Place
from tests.simulation.world import ROUNDS_OF_HEALING_MAX, World

SHUFFLED_CASES = 25


async def heal(world: World) -> int:
    """Let everybody sync until nothing comes any more; returns how many rounds it took."""
    world.net.parted.clear()
    world.net.weather = {}
    world.relayed.clear()
    for place in world.all_places():
        place.clock.skew_ms = 0
        place.disk.cut_at = None
    for rounds in range(1, ROUNDS_OF_HEALING_MAX + 1):
        if not await _round(world):
            return rounds
    world.violation(f"no quiet after {ROUNDS_OF_HEALING_MAX} rounds: {dict(world.failures)}")
    return ROUNDS_OF_HEALING_MAX


async def _round(world: World) -> bool:
    """Let each place sync once, villages first; whether anything moved.

    By now everybody has been told which address to set, and has a certificate; what a closed station has yet
    is brought on a stick, for no connection of it is taken.
    """
    moved = False
    for place in sorted(world.all_places(), key=lambda one: (-len(world.line(one.station)), one.name)):
        if place.upstream is None:
            continue
        upstream = world.line(place.station)[1]
        if world.is_closed(place.station):
            moved = Courier(world, place, world.main[upstream]).bring() or moved
            continue
        await invite(world, place)
        place.point_at(upstream)
        world.net.weather[place.name, upstream] = Weather(delay_s=0.01)
        outcome = await place.sync()
        if outcome is None:
            moved = True
        else:
            moved = moved or bool(outcome.stored or outcome.sent or outcome.sealed or outcome.sessions > 1)
    return moved


def check_everything(world: World) -> None:
    """Note every promise that does not hold after the healing."""
    world.oracle.doubtful.clear()
    world.oracle.stale.clear()
    for name, found in {
        "lost": lost(world),
        "differs": differences(world),
        "forged": forged(world),
        "receipt": receipts(world),
        "waiting": waiting(world),
        "seen": seen_by_strangers(world),
        "fork": forks(world),
        "history": histories(world),
        "order": order(world),
        "view": views(world),
        "rules": rules(world),
        "office": office(world),
        "erased": erased(world),
    }.items():
        world.violations_of(found, f"in the end, {name}")


def lost(world: World) -> Iterator[str]:
    """Every confirmed act is at its station and all above, and takes effect or says why not."""
    oracle = world.oracle
    outcomes: dict[CaseId, dict[ActId, bool]] = {}
    for promise in oracle.promises.values():
        if promise.act_id in oracle.excused or _closed_in(world, promise.act_id):
            continue
        homes = [world.main[one] for one in world.line(promise.station)]
        # A closed station has its own, and is given nothing that another machine of it did.
        homes = [one for one in homes if one.name == promise.place or not world.is_closed(one.station)]
        homes += [clone for clone in world.clones if clone.name == promise.place]
        for place in homes:
            if not oracle.holds(place, promise.act_id):
                yield f"{place.name} has not {promise.act_id.hex()[:8]} of {promise.place}"
        if promise.case_id not in outcomes:
            gone = any(oracle.promises[one].case_id == promise.case_id for one in oracle.excused)
            outcomes[promise.case_id] = _outcomes(world.main[COUNTY], promise.case_id, may_wait=gone)
        if not outcomes[promise.case_id].get(promise.act_id):
            yield f"{promise.act_id.hex()[:8]} of {promise.place} is without effect and without reason"


def _closed_in(world: World, act_id: ActId) -> bool:
    """Whether closed stations alone hold somebody else's act: what is asked back goes by line alone."""
    held = [place.station for place in world.all_places() if world.oracle.holds(place, act_id)]
    writer = world.oracle.promises[act_id].station
    return bool(held) and writer not in held and all(world.is_closed(one) for one in held)


def _outcomes(county: Place, case_id: CaseId, *, may_wait: bool) -> dict[ActId, bool]:
    """Return for each act of a case whether it takes effect or says why not.

    Args:
        county: where all acts come together.
        case_id: the case.
        may_wait: an act of it went with the only disk that had it: what follows that one waits for it, told
            as waiting.
    """
    try:
        state = county.ledger.state(case_id)[0]
    except RuleError:
        # Its opening is nowhere: every act of it waits for that.
        with county.ledger.store.read() as tx:
            rows = list(tx.select(schema.ACTS, {"case_id": case_id}))
            waits = tx.get(AWAITING, (case_id,)) is not None
        return {ActId(row[1]): waits for row in rows if isinstance(row[1], bytes)}
    told = {step.act.act_id: step.effective or bool(step.reason) for step in state.steps}
    return told | dict.fromkeys(state.awaiting, may_wait)


def cases_of(place: Place) -> dict[CaseId, tuple[StationId, str]]:
    """Return custodian and receiver of each case that a place has."""
    with place.ledger.store.read() as tx:
        rows = tx.select(CASES, {}, columns=("case_id", "custodian", "received_station"))
        return {CaseId(row[0]): (StationId(row[1]), StationId(row[2])) for row in rows}  # type: ignore[arg-type]


def differences(world: World) -> Iterator[str]:
    """Each place has the cases of its scope as the county's records tell them, and not one else."""
    county = world.main[COUNTY]
    here = cases_of(county)
    states = {case_id: county.ledger.state(case_id)[0] for case_id in here}
    digests = {case_id: state_digest(state) for case_id, state in states.items()}
    # Received there, or named by whoever took part in an offer: nobody else was ever given the case.
    offered = {
        case_id: {
            StationId(str(step.act.facts[name] if name else step.act.station))
            for step in state.steps
            if step.effective and step.act.action in ("hand_over", "receive")
            for name in (("", "to") if step.act.action == "hand_over" else ("",))
        }
        for case_id, state in states.items()
    }
    for place in world.all_places():
        if place is county:
            continue
        scope, theirs = world.below(place.station), cases_of(place)
        for case_id, (custodian, receiver) in here.items():
            concerned = {custodian, receiver, *offered[case_id]} & scope
            if not concerned or world.is_closed(place.station):
                continue
            if case_id not in theirs:
                yield f"{place.name} lacks case {case_id.hex()[:8]}"
            elif state_digest(place.ledger.state(case_id)[0]) != digests[case_id]:
                yield f"{place.name} sees case {case_id.hex()[:8]} otherwise than the county"
        for case_id in sorted(theirs.keys() - here.keys()):
            if any(
                promise.case_id == case_id and promise.act_id not in world.oracle.excused
                for promise in world.oracle.promises.values()
            ):
                yield f"{place.name} has case {case_id.hex()[:8]}, the county has not"


def forged(world: World) -> Iterator[str]:
    """Nothing takes effect that its author did not sign."""
    for place in world.all_places():
        registry = place.ledger.knowledge.registry
        with place.ledger.store.read() as tx:
            rows = {row[1]: row for row in tx.select(schema.ACTS, {})}
            for case_id in cases_of(place):
                for step in place.ledger.state(case_id)[0].steps:
                    if not step.effective:
                        continue
                    row = rows[step.act.act_id]
                    frame = decode_frame(frame_at(tx, Position(str(row[2]), int(str(row[3])))) or b"")
                    yield from ended(place, registry, frame)
                    try:
                        verify_act(frame.act.raw, frame.act.sig, registry.public_key(step.act.actor) or b"")
                    except BanjianError as error:
                        yield f"{place.name}: {step.act.action} in {case_id.hex()[:8]} counts: {error.code}"
                    if frame.act.header.ledger_id != place.ledger.ledger_id:
                        yield f"{place.name}: an act of another ledger counts in {case_id.hex()[:8]}"


def ended(place: Place, registry: Registry, frame: Frame) -> Iterator[str]:
    """Yield where an act counts though its key had ended, or its station was closed, in what it cites."""
    header = frame.act.header
    station = registry.station(header.station, size=header.registry_size)
    if registry.retirement(header.actor, size=header.registry_size) is not None:
        yield f"{place.name}: {header.action} counts, signed with a key that had ended"
    if station is None or not station.is_open:
        yield f"{place.name}: {header.action} counts, of a station that was closed"


def rules(world: World) -> Iterator[str]:
    """Every station that is not closed has the registry and the catalogue of the county."""
    county = world.main[COUNTY].ledger.knowledge
    for place in world.all_places():
        known = place.ledger.knowledge
        if world.is_closed(place.station):
            continue
        for name, here, there in (
            ("registry", known.registry.size, county.registry.size),
            ("catalogue", known.catalogue.size, county.catalogue.size),
        ):
            if here != there:
                yield f"{place.name} has {here} entries of the {name}, the county {there}"
        if known.calendars.calendars != county.calendars.calendars:
            yield f"{place.name} has other calendars than the county"


def office(world: World) -> Iterator[str]:
    """What the county's office was told to be done holds, unless the county lost its disk."""
    if world.plan.county_restore:
        return
    for what, holds in world.orders.items():
        if not holds(world.main[COUNTY].ledger.knowledge):
            yield f"the county's office did, and it does not hold: {what}"


def erased(world: World) -> Iterator[str]:
    """What was erased at a place has not come back to it."""
    for place in world.all_places():
        yield from world.oracle.unerased(place)


def receipts(world: World) -> Iterator[str]:
    """Whatever was ever confirmed is there now, whatever happened to whoever confirmed it."""
    for place in world.all_places():
        world.oracle.collect_receipts(place)
    for place in world.main.values():
        yield from world.oracle.false_receipts(place, all_sizes=True)


def waiting(world: World) -> Iterator[str]:
    """Nobody waits for anything any more, at any level."""
    for place in world.all_places():
        held = place.exchange.held
        for above in world.line(place.station)[1:]:
            count, _ = held.waiting(above)
            if count and not (world.is_closed(place.station) and _is_beside(place, world.main[above])):
                yield f"{place.name} still has {count} waiting for {above}"


def _is_beside(place: Place, above: Place) -> bool:
    """Whether all that a place has is there above, some as a divergent history: no stick confirms that."""
    held = above.exchange.held
    states = place.exchange.held.states(place.exchange.held.scope(place.station), county=False)
    return all(
        held.has_branch(one) or dict(held.roots(one.log_id, [one.size])).get(one.size) == one.root
        for one in states
    )


def seen_by_strangers(world: World) -> Iterator[str]:
    """No village has a personal body of a case that it has nothing to do with."""
    for place in world.all_places():
        if place.station == COUNTY:
            continue
        yield from strangers_at(world, place)


def strangers_at(world: World, place: Place) -> Iterator[str]:
    """Yield the personal bodies at a place that it should never have been given."""
    # Of a case whose opening was never confirmed, for the power went, nobody here knows where it began.
    opened = {promise.act_id[:16] for promise in world.oracle.promises.values()}
    vault = Vault(place.ledger.home.storage_key(), lambda size: bytes(size))
    with place.ledger.store.read() as tx:
        for row in tx.select(schema.ACTS, {}):
            case_id, act_id = row[0], row[1]
            if not isinstance(case_id, bytes) or not isinstance(act_id, bytes):
                continue
            known = CaseId(case_id)
            if known not in opened or world.oracle.allowed(known, place.station):
                continue
            if read_personal(tx, vault, known, ActId(act_id)) is not None:
                yield f"{place.name} can read personal data of case {case_id.hex()[:8]}"


def forks(world: World) -> Iterator[str]:
    """Of two histories of one log the county has both, and whoever sees both says so."""
    frames: dict[tuple[str, int], set[bytes]] = {}
    for promise in world.oracle.promises.values():
        if promise.act_id not in world.oracle.excused:
            frames.setdefault((promise.log, promise.seq), set()).add(promise.frame_hash)
    forked = {log for (log, _), hashes in frames.items() if len(hashes) > 1}
    world.tally["forks"] = len(forked)
    stations = {promise.log: promise.station for promise in world.oracle.promises.values()}
    for log in sorted(forked):
        for above in world.line(stations[log])[1:]:
            place = world.main[above]
            with place.ledger.store.read() as tx:
                names = [str(row[1]) for row in tx.select(SYNC_FINDINGS, {"code": FORK})]
            if not any(name.startswith(log) for name in names):
                yield f"{place.name} has not found the fork of {log[:8]}"


def histories(world: World) -> Iterator[str]:
    """Whatever a station took in of a station's logs, the county holds: every history of each of them."""
    county = world.main[COUNTY]
    for place in world.all_places():
        if place is county:
            continue
        # Those that stood below it once as well: what it took in of them is confirmed.
        scope = {one for one, above in world.above.items() if place.station in above} - {EVIL}
        scope |= {EVIL} if place.station == upstream_of(EVIL) else set()
        for info in place.ledger.logs():
            if info.kind == "station" and info.station in scope:
                lacking = _entries(place, info.log_id) - _entries(county, info.log_id)
                if lacking:
                    yield f"the county lacks {len(lacking)} of {info.log_id.hex()[:8]} at {place.name}"


def _entries(place: Place, log_id: LogId) -> set[tuple[int, bytes]]:
    """Return position and bytes of every frame that a place holds of a log, in whatever history."""
    names = {log_id.hex(): 0}
    names |= {one.name: one.common for one in place.exchange.held.histories(log_id).values()}
    with place.ledger.store.read() as tx:
        return {
            (seq + common, split_frame(frame).entry_raw)
            for name, common in names.items()
            for seq, frame in tx.frames(name, 1, 10**6)
        }


def order(world: World) -> Iterator[str]:
    """The same acts in any order are the same case."""
    rng = random.Random(f"order {world.seed}")
    county = world.main[COUNTY]
    cases = sorted(cases_of(county))
    for case_id in rng.sample(cases, min(len(cases), SHUFFLED_CASES)):
        state, rules = county.ledger.state(case_id)
        acts = [step.act for step in state.steps]
        rng.shuffle(acts)
        if state_digest(fold_case([*acts, *acts[:2]], rules)) != state_digest(state):
            yield f"case {case_id.hex()[:8]} depends on the order of arrival"


def views(world: World) -> Iterator[str]:
    """What the lists show is what a rebuild from the frames shows."""
    for place in world.all_places():
        with place.ledger.store.read() as tx:
            before = {table.name: set(tx.select(table, {})) for table in VIEW_TABLES}
        place.ledger.rebuild()
        with place.ledger.store.read() as tx:
            for table in VIEW_TABLES:
                differing = before[table.name] ^ set(tx.select(table, {}))
                if differing:
                    shown = sorted(map(repr, differing))[:2]
                    yield f"{place.name}: {len(differing)} rows of {table.name} differ from a replay: {shown}"


__all__ = ["EVIL", "check_everything", "heal"]
