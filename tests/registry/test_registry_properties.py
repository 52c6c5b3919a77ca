"""Whatever is thrown at the registry: growth changes no earlier answer, only authority changes anything."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ledger.registry.registry import Registry, RegistryAct
from ledger.types import ActId, CaseId, Facts, StationId
from tests.registry.office import (
    COUNTY,
    GENESIS,
    LEDGER_ID,
    LOG_GENESIS,
    OTHER_TOWN,
    OTHER_VILLAGE,
    ROOTS,
    TOWN,
    VILLAGE,
    answers,
    proof,
    signer,
)

NAMES = ("registrar", "town", "clerk", "second", "kiosk", "stranger")
PEOPLE = {name: signer(name) for name in NAMES}
PROOFS = {name: proof(name) for name in NAMES}
SIGNERS = (*ROOTS, *PEOPLE.values())
STATIONS = (COUNTY, TOWN, VILLAGE, OTHER_TOWN, OTHER_VILLAGE)
SCOPES = tuple(f"{station}{tail}" for station in STATIONS for tail in ("", "/*"))
UPSTREAM = dict(zip(STATIONS, ("", COUNTY, TOWN, COUNTY, OTHER_TOWN), strict=True))
LEVEL = dict(zip(STATIONS, ("county", "township", "village", "township", "village"), strict=True))

names = st.sampled_from(NAMES)
stations = st.sampled_from(STATIONS)
scopes = st.sampled_from(SCOPES)
roles = st.sampled_from(("window", "head"))
keys = st.sampled_from(SIGNERS).map(lambda one: one.key_id)
ends = st.fixed_dictionaries(
    {"key_id": keys, "reason": st.sampled_from(("retired", "compromised")), "log_sizes": st.just([])}
)


def enrolment(**fields: st.SearchStrategy[object]) -> st.SearchStrategy[Facts]:
    return names.flatmap(
        lambda name: st.fixed_dictionaries({**{k: st.just(v) for k, v in PROOFS[name].items()}, **fields})
    )


def enrolment_of(station: str, township: str = "") -> Facts:
    """Return the facts that enrol a station; a village may come back under another township."""
    upstream = township if township and LEVEL[station] == "village" else UPSTREAM[station]
    facts: Facts = {"station": station, "name": "站", "level": LEVEL[station], "code_system": "demo"}
    return {**facts, "upstream": upstream} if upstream else facts


ACTIONS: st.SearchStrategy[tuple[str, Facts]] = st.one_of(
    st.tuples(st.just("appoint_registrar"), enrolment(staff_no=names, scope=scopes)),
    st.tuples(st.just("dismiss_registrar"), ends),
    st.tuples(st.just("retire_key"), ends),
    st.tuples(
        st.just("enrol_station"),
        st.tuples(stations, st.sampled_from((TOWN, OTHER_TOWN))).map(lambda pair: enrolment_of(*pair)),
    ),
    st.tuples(st.just("close_station"), st.fixed_dictionaries({"station": stations})),
    st.tuples(st.just("enrol_staff"), enrolment(staff_no=names, station=stations)),
    st.tuples(
        st.sampled_from(("grant_role", "end_role")),
        st.fixed_dictionaries({"staff_no": names, "role": roles, "scope": scopes}),
    ),
    st.tuples(
        st.just("enrol_service"),
        enrolment(purpose=st.sampled_from(("kiosk", "receipt")), station=stations),
    ),
    st.tuples(st.just("countersign"), st.fixed_dictionaries({"target": st.integers(0, 40)})),
)
# None: whoever the action needs signs it, else hardly anything would ever take effect.
SIGNED_BY = st.none() | st.none() | st.integers(0, len(SIGNERS) - 1)
STEPS = st.lists(st.tuples(ACTIONS, SIGNED_BY), min_size=5, max_size=40)

# So that random steps land in a living office and not before its founding.
SETUP: list[tuple[str, Facts]] = [
    ("appoint_registrar", {"staff_no": "registrar", "scope": f"{COUNTY}/*", **PROOFS["registrar"]}),
    ("countersign", {"target": 0}),
    *(("enrol_station", enrolment_of(station)) for station in STATIONS),
    ("enrol_staff", {"staff_no": "clerk", "station": VILLAGE, **PROOFS["clerk"]}),
    ("grant_role", {"staff_no": "clerk", "role": "window", "scope": VILLAGE}),
]


def fitting_signer(registry: Registry, action: str, facts: Facts) -> int:
    """Return the index of a signer whom the action needs."""
    if action == "countersign":
        proposers = [one.actor_key_id for one in registry.pending() if one.act_id == facts["target"]]
        live = [i for i in range(3) if registry.authority(ROOTS[i].key_id)]
        return next((i for i in live if ROOTS[i].key_id not in proposers), 0)
    target = registry.authority(facts["key_id"]) if "key_id" in facts else None
    if action in ("appoint_registrar", "dismiss_registrar") or (
        target and target.kind in ("root", "registrar")
    ):
        return next(i for i in range(3) if registry.authority(ROOTS[i].key_id))
    return 3


def act_of(registry: Registry, action: str, facts: Facts, by: int | None) -> RegistryAct:
    """Return the next act of the log; a countersign names its target by index, if it can one that waits."""
    position = registry.size + 1
    outcomes = registry.outcomes()
    if action == "countersign":
        choice = registry.pending() or outcomes
        facts = {"target": bytes(choice[int(str(facts["target"])) % len(choice)].act_id)}
    signed_by = fitting_signer(registry, action, facts) if by is None else by
    thread = registry.thread_for(action, facts)
    first = outcomes[0].act_id
    return RegistryAct(
        act_id=ActId(position.to_bytes(32, "big")),
        action=action,
        actor_key_id=SIGNERS[signed_by].key_id,
        facts=facts,
        case_id=thread.case_id if thread else CaseId(first[:16]),
        parents=thread.parents if thread else (first,),
        position=position,
        station=StationId(COUNTY),
    )


def founded() -> Registry:
    registry = Registry(LEDGER_ID)
    registry.apply(
        RegistryAct(
            act_id=ActId((1).to_bytes(32, "big")),
            action="open_log",
            actor_key_id=ROOTS[0].key_id,
            facts={"genesis": LOG_GENESIS.pack(), "ledger_genesis": GENESIS.pack()},
            position=1,
            station=COUNTY,
        )
    )
    for action, facts in SETUP:
        if registry.apply(act_of(registry, action, facts, None)).refusal is not None:
            raise ValueError(action)
    return registry


@given(STEPS)
def test_growth_changes_no_earlier_answer(steps: list[tuple[tuple[str, Facts], int | None]]) -> None:
    registry = founded()
    again = founded()
    said = {registry.size: answers(registry, registry.size)}
    for (action, facts), by in steps:
        act = act_of(registry, action, facts, by)
        registry.apply(act)
        again.apply(act)
        said[registry.size] = answers(registry, registry.size)
    # The second was asked nothing while it grew: its answers come from history, not from what it remembers.
    for size, answer in said.items():
        assert answers(registry, size) == answer == answers(again, size)


@given(STEPS)
def test_only_effective_acts_change_anything(steps: list[tuple[tuple[str, Facts], int | None]]) -> None:
    registry = founded()
    for (action, facts), by in steps:
        before = answers(registry, registry.size)[:5]
        act = act_of(registry, action, facts, by)
        signed_by = registry.authority(act.actor_key_id)
        outcome = registry.apply(act)
        after = answers(registry, registry.size)[:5]
        if not outcome.effective:
            assert after == before
            continue
        assert after != before
        assert signed_by is not None and signed_by.kind in ("root", "registrar")
        assert (action == "countersign") == (signed_by.kind == "root")


@given(STEPS)
def test_root_keys_stay_two_and_registrars_need_two(
    steps: list[tuple[tuple[str, Facts], int | None]],
) -> None:
    registry = founded()
    for (action, facts), by in steps:
        act = act_of(registry, action, facts, by)
        waiting = {one.act_id: one for one in registry.pending()}
        registrars = {one.key_id for one in tuple(registry.keys()) if one.kind == "registrar"}
        outcome = registry.apply(act)
        changed = registrars ^ {one.key_id for one in tuple(registry.keys()) if one.kind == "registrar"}
        if changed:
            proposal = waiting[act.facts["target"]]
            assert outcome.effective and proposal.actor_key_id != act.actor_key_id
            assert all(registry.is_root_key(key) for key in (proposal.actor_key_id, act.actor_key_id))
        assert sum(1 for one in tuple(registry.keys()) if one.kind == "root") >= 2
        public_keys = [one.public_key for one in tuple(registry.keys())]
        assert len(public_keys) == len(set(public_keys))
