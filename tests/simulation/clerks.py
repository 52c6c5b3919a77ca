"""Clerks: whatever the case at hand allows just now, chosen by the seed, at any station that sees it."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING

from ledger.cases.shape import CaseState
from ledger.errors import BanjianError, StoreError
from ledger.facade import Command, Ledger
from ledger.facade.base.tables import CASES, case_cells
from ledger.formats.keys import Signer
from ledger.types import CaseId, Facts, StationId
from tests.faults.disk import PowerCutError
from tests.simulation.county import ROLES, level_of

if TYPE_CHECKING:
    from tests.simulation.place import Place

FELLING, ENROLMENT, HYGIENE, PLANNING, PROOF = (
    "990101400014", "990103000030", "990100300003", "990101200012", "990104200042",
)  # fmt: skip
ITEMS = {
    "county": (FELLING, HYGIENE),
    "township": (FELLING, HYGIENE, PLANNING, ENROLMENT),
    "village": (FELLING, PLANNING, ENROLMENT, PROOF),
}
REMEDY: Facts = {"reasons": ["不符合法定条件"], "review_organ": "溪山县人民政府", "court": "溪山县人民法院"}
WEIGHTS = {"hand_over": 8, "take_over": 10, "accept": 5, "decide": 5, "supply": 4, "note": 2, "adjudicate": 6}
RECEIVES = 0.3
CUSTODIAN, OFFERED_TO, OPEN = (CASES.column_names.index(one) for one in ("custodian", "offered_to", "open"))


def new_case(place: Place, rng: random.Random, number: int) -> Command:
    """Return the command that opens a case, with a name that stands nowhere else."""
    level = level_of(place.station)
    item = rng.choice(ITEMS[level])
    facts: dict[str, object] = {
        "item": item, "materials": ["m01", "m02"], "applicant_kind": "person", "channel": "counter",
    }  # fmt: skip
    if item == HYGIENE:
        facts |= {"applicant_kind": "firm", "materials": ["m01", "m03"], "originals": ["m03"]}
    if item == PROOF:
        facts["proof_kind"] = "collective_member"
    applicant = {"name": f"金丝雀{number}", "id_kind": "other", "id_no": f"C{number}"}
    return Command(
        action="receive",
        station=place.station,
        facts=facts,  # type: ignore[arg-type]
        personal={"applicant": applicant},  # type: ignore[dict-item]
    )


def facts_for(action: str, state: CaseState, place: Place, rng: random.Random) -> Facts | None:
    """Return facts that an action may have in a state; None for actions that nobody takes here."""
    made: dict[str, Callable[[], Facts | None]] = {
        "accept": dict,
        "start_review": dict,
        "close": dict,
        "take_over": lambda: {"manifest_complete": True},
        "hand_over": lambda: {"to": _receiver(place, rng)},
        "decline_hand_over": lambda: {"reason": "other"},
        "recall_hand_over": lambda: {"reason": "other"},
        "request_correction": lambda: {"missing": ["m04"], "due": "2026-06-30", "told_by": "paper"},
        "supply": lambda: {"materials": [rng.choice(("m02", "m03", "m04"))]},
        "refuse_acceptance": lambda: {"ground": "no_permit_needed", **REMEDY},
        "check_on_site": lambda: {"outcome": "pass", "checked_on": "2026-03-02"},
        "suspend": lambda: {"ground": "appraisal", "expected_days": 10, "applicant_told": True},
        "resume": lambda: {"outcome": "ok"},
        "extend": lambda: {"reason": "案情复杂", "applicant_told": True},
        "decide": lambda: {"result": "grant"} if rng.random() < 0.7 else {"result": "refuse", **REMEDY},
        "issue": lambda: {"certificate_no": f"字第{rng.randrange(10_000)}号"},
        "deliver": lambda: {"method": "counter", "receiver": "applicant", "proof": "signature"},
        "request_withdrawal": lambda: {"proof": "signature"},
        "withdraw": lambda: {"proof": "signature"},
        "void": lambda: {"reason": "other"},
        "note": lambda: {"text_code": "asked"},
        "urge": lambda: {"by_whom": "applicant"},
        "complain": lambda: {"about": "time"},
        "countersign": lambda: {"target": rng.choice(state.pending)} if state.pending else None,
        "decline": lambda: (
            {"target": rng.choice(state.pending), "reason": "提错了"} if state.pending else None
        ),
        "adjudicate": lambda: _judgement(state, rng),
    }
    return made[action]() if action in made else None


def _receiver(place: Place, rng: random.Random) -> StationId:
    """Return a station: mostly above or below, sometimes any."""
    line = [one for one in place.exchange.held.line() if one != place.station]
    others = [one for one in place.world.stations if one != place.station]
    return rng.choice(line) if line and rng.random() < 0.6 else rng.choice(others)


def _judgement(state: CaseState, rng: random.Random) -> Facts | None:
    waiting = [conflict for conflict in state.conflicts if conflict.is_open]
    if not waiting:
        return None
    conflict = rng.choice(waiting)
    acts = [*conflict.kept, *conflict.contested]
    rng.shuffle(acts)
    return {"uphold": sorted(acts[:1]), "set_aside": sorted(acts[1:]), "reason": "以先到为准"}


def choose(ledger: Ledger, place: Place, rng: random.Random, number: int) -> tuple[Command, Signer] | None:
    """Return something that somebody at a place may do now; runs on the ledger's thread."""
    roles = ROLES[level_of(place.station)]
    with ledger.store.read() as tx:
        rows = case_cells(list(tx.select(CASES, {}, order_by=("case_id",))))
    rows = [row for row in rows if row[OPEN]] or rows
    if not rows or rng.random() < RECEIVES:
        return new_case(place, rng, number), place.world.clerk(place, rng, "window")
    mine = [row for row in rows if place.station in (row[CUSTODIAN], row[OFFERED_TO])]
    chosen = rng.choice(mine) if mine and rng.random() < 0.8 else rng.choice(rows)
    return _for_case(ledger, place, rng, chosen[0], rng.choice(roles))


def _for_case(
    ledger: Ledger, place: Place, rng: random.Random, case_id: CaseId, role: str
) -> tuple[Command, Signer] | None:
    signer = place.world.staff_key(place, role)
    page = ledger.case(case_id, actor_key=signer.key_id, station=place.station)
    allowed = sorted(one.action for one in page.permissions if one.allowed)
    able = [action for action in allowed if facts_for(action, page.state, place, rng) is not None]
    if not able:
        return None
    action = rng.choices(able, [WEIGHTS.get(one, 1) for one in able])[0]
    facts = facts_for(action, page.state, place, rng)
    personal: Facts | None = {"text": f"金丝雀 {page.row.number}"} if action == "note" else None
    command = Command(
        action=action, station=place.station, case=case_id, facts=facts or {}, personal=personal
    )
    return command, signer


async def work(place: Place, *, every_s: float) -> None:
    """Work for as long as the machine runs and nobody calls it a day."""
    import asyncio

    world, rng = place.world, place.rng
    while True:
        await asyncio.sleep(rng.expovariate(1 / every_s))
        if world.healing:
            return
        await act_once(place, rng)


async def act_once(place: Place, rng: random.Random) -> None:
    """Let one person do one thing; what comes back confirmed is promised."""
    world = place.world
    number = world.next_number()
    # Prepared before somebody else's act or session, done after it, as at a real counter.
    try:
        chosen = await place.thread.run(lambda: choose(place.thread.held, place, rng, number))
        if chosen is None:
            return
        command, signer = chosen
        world.oracle.intended(place, command)
        done = await place.thread.run(lambda: place.thread.held.perform(command, signer))
    except PowerCutError:
        return
    except StoreError as error:
        if place.up and not place.disk.dead:
            world.violation(f"work stopped at {place.name}: {error.code} {error.params}")
        return
    except BanjianError as error:
        world.tally["acts refused"] += 1
        world.refusals[error.code] += 1
        return
    world.oracle.confirmed(place, command, done)
