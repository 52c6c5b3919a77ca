"""Provisional grants against a growing registry: what has effect keeps it, and what is final stays so."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import pytest

from ledger.formats.act import Act, ActHeader, new_act
from ledger.formats.body import facts_hash, new_body
from ledger.formats.keys import prove_possession
from ledger.known.resolve import Resolver
from ledger.registry.authority import NOT_FINAL
from ledger.registry.frames import read_registry_act
from ledger.registry.grant import PROVISIONAL_GRANT, Grant, grant_facts, read_grant
from ledger.registry.registry import Registry
from ledger.types import CaseId, StationId
from tests.registry.office import LEDGER_ID, TOWN, VILLAGE, Office, new_office, signer

AT_MS = 1_767_300_000_000
DAY_MS = 86_400_000
NEW_LABEL = "new key of the clerk"
NEW = signer(NEW_LABEL)


@dataclass(frozen=True)
class Question:
    """An act under the grant: which size it cites, and when its entry was recorded."""

    size: int
    recorded_at_ms: int


def give(office: Office, *, by: str = "head", no: str = "clerk", replaces: str = "clerk") -> Grant:
    """Return a grant of the township's head at the newest size."""
    facts = grant_facts(
        staff_no=no, replaces=signer(replaces).key_id, public_key=NEW.public_key,
        possession=prove_possession(NEW, LEDGER_ID), reason="forgotten", until_ms=AT_MS + DAY_MS,
    )  # fmt: skip
    raw = new_body(facts, bytes(16))
    header = ActHeader(
        LEDGER_ID, CaseId(b""), (), PROVISIONAL_GRANT, signer(by).key_id, StationId(TOWN),
        office.registry.size, 0, AT_MS, facts_hash(raw), len(raw), b"", 0, (),
    )  # fmt: skip
    act: Act = new_act(header, signer(by))
    return read_grant(act, raw, ledger_id=LEDGER_ID)


def verdicts(office: Office, grant: Grant, asked: Question) -> list[str]:
    """Return the code, "" for effect, at each registry from the cited size to the newest."""
    registry, found = Registry(LEDGER_ID), []
    for position, stored in enumerate(office.log, start=1):
        registry.apply(
            read_registry_act(
                registry, stored.act, position=position, facts=stored.facts, personal=stored.personal
            )
        )
        standing, _ = Resolver(registry).standing_under(
            grant.carried(), actor_key_id=NEW.key_id, station=StationId(VILLAGE),
            registry_size=asked.size, action="receive", recorded_at_ms=asked.recorded_at_ms,
        )  # fmt: skip
        found.append(standing.blocked)
    return found


@pytest.fixture(name="office")
def fixture_office() -> Office:
    office = new_office()
    office.staff("head", TOWN)
    office.grant("head", "head", TOWN)
    return office


def enrol(office: Office, label: str, replaces: str) -> None:
    assert office.staff("clerk", VILLAGE, key=label, replaces=replaces).effective


ENDINGS = {
    "nothing": (),
    "confirmed": ("retire clerk", "enrol new key of the clerk"),
    "refused": ("retire clerk", "enrol third key"),
    "refused, and enrolled later": (
        "retire clerk", "enrol third key", "retire third key", "enrol new key of the clerk",
    ),
    "head ends": ("end head",),
    "head ends, then confirmed": ("end head", "retire clerk", "enrol new key of the clerk"),
    "head retired": ("retire head",),
    "confirmed and retired": ("retire clerk", "enrol new key of the clerk", "retire new key of the clerk"),
}  # fmt: skip


def play(office: Office, ending: str) -> None:
    last = "clerk"
    for step in ENDINGS[ending]:
        what, _, label = step.partition(" ")
        if what == "retire":
            assert office.retire(label).effective
        elif what == "end":
            office.end(label, "head", TOWN)
        else:
            enrol(office, label, last)
            last = label


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("late", [False, True])
def test_a_longer_registry_only_gives(office: Office, ending: str, late: bool) -> None:
    grant = give(office)
    given = office.registry.size
    play(office, ending)
    recorded_at_ms = AT_MS + (2 * DAY_MS if late else 1)
    seen = set()
    for size in range(given, office.registry.size + 1):
        found = verdicts(office, grant, Question(size, recorded_at_ms))[size - 1 :]
        seen |= set(found)
        for before, after in pairwise(found):
            assert before == after or before in NOT_FINAL, (size, found)
            assert before or not after, (size, found)
    assert "" in seen or late, seen


def test_what_each_ending_means(office: Office) -> None:
    grant = give(office)
    given = office.registry.size
    in_time, late = AT_MS + 1, AT_MS + 2 * DAY_MS
    play(office, "confirmed")
    newest = office.registry.size
    assert newest == given + 2
    assert verdicts(office, grant, Question(given, in_time))[-1] == ""
    assert verdicts(office, grant, Question(given, late))[given - 1 :] == [
        "grant.expired",
        "grant.expired",
        "",
    ]
    # Between the two acts of the confirmation the old key was retired already.
    assert verdicts(office, grant, Question(given + 1, in_time))[given:] == ["grant.old_key", ""]
    assert verdicts(office, grant, Question(newest, late))[-1] == "", "an ordinary key by now"


def test_an_old_key_of_long_ago_gives_nothing(office: Office) -> None:
    office.grant("clerk", "issuer", VILLAGE)
    office.retire("clerk")
    gap = office.registry.size
    enrol(office, "third key", "clerk")
    office.end("clerk", "issuer", VILLAGE)
    office.retire("third key")
    grant = give(office, replaces="clerk")
    enrol(office, NEW_LABEL, "third key")
    assert verdicts(office, grant, Question(gap, AT_MS + 1))[-1] == "grant.old_key"
