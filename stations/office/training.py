"""A training ledger (演练): a small county that ships, one village, one clerk, and ten tasks to learn by.

One person plays several posts: the window of the village, window and officer of the township above it. A
training ledger never syncs, and every page and print says what it is. Which task is done the ledger itself
tells: nobody ticks anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ledger.cases.shape import CaseState, Step
from ledger.facade import Home, Ledger
from ledger.facade.base.clock import Clock, Randomness
from ledger.facade.opened.setup import CountyCreated, CountyPlan
from ledger.formats.keys import Signer
from ledger.rules.item import Item
from ledger.types import KeyId, StationId
from stations.office.enrolling import NewPerson, enrol, grant, key_of_signer
from stations.office.founding import REGISTRAR_NO, ROOT_COUNT, draft_key, found_county
from stations.office.inviting import station_facts
from stations.office.newkeys import SUFFIX, store_envelope

CODE = "990121"
COUNTY_NAME = "溪山县政务服务中心"
TOWNSHIP, TOWNSHIP_NAME = StationId("990121001000-00"), "城关镇便民服务中心"
VILLAGE, VILLAGE_NAME = StationId("990121001201-00"), "东门村便民服务站"
CLERK_NO = "V001"
REGISTRAR_NAME = "李登记"
TOWNSHIP_ROLES = ("window", "officer", "issuer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One task: its words are ``web.task_<code>``; done when the ledger holds an act that does it."""

    code: str
    done: bool


Fits = Callable[[Step, Item], bool]


def found_training(
    home: Home, *, name: str, passphrase: str, clock: Clock, randomness: Randomness
) -> CountyCreated:
    """Found a training ledger; every key of it opens with the learner's passphrase.

    Args:
        home: the folder; absolute.
        name: the learner's name.
        passphrase: the learner's.
        clock: for the first entries.
        randomness: for keys and nonces.

    Raises:
        ConfigError: ``key.weak``; ``home.exists``.
        InputError: ``registry.field_value`` for a name that is none.
    """
    roots = [
        draft_key(
            home.path / "roots" / f"root-{number}{SUFFIX}",
            label=f"root-{number}",
            passphrase=passphrase,
            randomness=randomness,
        )
        for number in range(1, ROOT_COUNT + 1)
    ]
    registrar, clerk = (
        draft_key(home.keys_dir / f"{no}{SUFFIX}", label=no, passphrase=passphrase, randomness=randomness)
        for no in (REGISTRAR_NO, CLERK_NO)
    )

    def people(folder: Path) -> None:
        store_envelope(Home(folder).keys_dir / clerk.path.name, clerk.blob)
        with Ledger.open(Home(folder), clock=clock, randomness=randomness, write=True) as ledger:
            _furnish(ledger, registrar.signer, clerk.signer, name=name)

    plan = CountyPlan(
        name=COUNTY_NAME,
        division_code=CODE,
        purpose="training",
        registrar_no=REGISTRAR_NO,
        registrar_name=REGISTRAR_NAME,
    )
    return found_county(
        home, plan, roots=roots, registrar=registrar, clock=clock, randomness=randomness, finish=people
    )


def _furnish(ledger: Ledger, registrar: Signer, clerk: Signer, *, name: str) -> None:
    """Enrol township, village and the one clerk, who holds posts at both."""
    for station, words, level, above in (
        (TOWNSHIP, TOWNSHIP_NAME, "township", None),
        (VILLAGE, VILLAGE_NAME, "village", TOWNSHIP),
    ):
        registry = ledger.knowledge.registry
        facts = station_facts(registry, station, name=words, level=level, upstream=above)
        ledger.register("enrol_station", facts, registrar)
        ledger.open_station_log(station, registrar)
    person = NewPerson(no=CLERK_NO, name=name, station=VILLAGE, roles=("window",))
    key = key_of_signer(clerk, ledger.ledger_id)
    enrol(ledger.knowledge.registry, ledger.register, registrar, person, key)
    for role in TOWNSHIP_ROLES:
        registry = ledger.knowledge.registry
        grant(registry, ledger.register, registrar, no=CLERK_NO, role=role, scope=TOWNSHIP)


def tasks(ledger: Ledger, key: KeyId) -> list[Task]:
    """Return the ten tasks and which of them the holder of a key has done, from the acts in the ledger."""
    done: set[str] = set()
    for row in ledger.worklist(include_closed=True):
        state, rules = ledger.state(row.case_id)
        done |= _done_in(state, rules.item, key)
    return [Task(code=code, done=code in done) for code in TASKS]


def _done_in(state: CaseState, item: Item, key: KeyId) -> set[str]:
    mine = [step for step in state.steps if step.act.actor == key and step.effective]
    return {code for code, fits in TASKS.items() if any(fits(step, item) for step in mine)}


def _receives(step: Step, _item: Item) -> bool:
    return step.action == "receive"


def _receives_short(step: Step, item: Item) -> bool:
    brought = step.act.facts.get("materials")
    count = len(brought) if isinstance(brought, list | tuple) else 0
    return step.action == "receive" and count < len(item.materials)


def _enters_late(step: Step, _item: Item) -> bool:
    return step.action == "receive" and "late_entry" in step.act.facts


def _does(action: str) -> Fits:
    return lambda step, _item: step.action == action


TASKS: Mapping[str, Fits] = {
    "receive": _receives,
    "receive_short": _receives_short,
    "supply": _does("supply"),
    "late_entry": _enters_late,
    "note": _does("note"),
    "hand_over": _does("hand_over"),
    "take_over": _does("take_over"),
    "accept": _does("accept"),
    "decide": _does("decide"),
    "deliver": _does("deliver"),
}
