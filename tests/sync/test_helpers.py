"""Helper processes make of packages what this process makes, and nothing of theirs outlives it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep

import pytest

from ledger.formats.package import encode_package
from ledger.registry.authority import KEY_UNKNOWN
from ledger.types import KeyId
from sync.core.framing import BRANCH, NOTE, PACKAGE, Section
from sync.core.ingest import Prepared, PreparedPackage, prepare
from sync.preparing.handover import Lacking, pack_answer, unpack_answer
from sync.preparing.helpers import Helpers
from tests.sync.evil import EvilStation
from tests.sync.test_evil_packages import NONSENSE
from tests.sync.world import TOWN, VILLAGE_2, World, settled

ROOT = Path(__file__).parents[2]
PATIENCE_S = 20.0


def pids(helpers: Helpers) -> list[int]:
    return [one._process.pid for one in helpers._all if one._process is not None]


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def asleep(monkeypatch: pytest.MonkeyPatch) -> Iterator[Helpers]:
    """Two helpers, for sections of any size."""
    monkeypatch.setattr("sync.preparing.helpers.SECTION_BYTES_MIN", 0)
    made = Helpers(2)
    yield made
    made.close()


@pytest.fixture
def helpers(asleep: Helpers) -> Helpers:
    """Two helpers that were started."""
    assert asleep.start()
    return asleep


@pytest.fixture
def town(tmp_path: Path) -> Iterator[World]:
    made = World.after(settled(TOWN), tmp_path)
    yield made
    made.close()


def section(world: World, *, kind: int = PACKAGE, acts: int = 3, nonsense: bool = True) -> Section:
    """Return a package of sound records and of every kind of nonsense that a station can sign."""
    evil = EvilStation(world)
    for _ in range(acts):
        evil.add(evil.sign())
    if nonsense:
        for write, _ in NONSENSE.values():
            write(evil)
    return Section(kind, encode_package(evil.package()))


def here(world: World, given: Section) -> Prepared:
    exchange = world[TOWN].exchange
    return prepare(given, ledger_id=exchange.held.ledger_id, public_key=exchange.public_key)


def there(helpers: Helpers, world: World, given: Section) -> Prepared:
    exchange = world[TOWN].exchange
    return helpers.prepare(given, ledger_id=exchange.held.ledger_id, public_key=exchange.public_key)


def types(made: PreparedPackage) -> list[tuple[type, ...]]:
    return [(type(one), type(one.act), type(one.entry)) for one in made.records]


def test_helpers_make_what_is_made_here(
    helpers: Helpers, town: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nothing is made in this process, which would hide that a helper failed.
    monkeypatch.delattr("sync.preparing.helpers.prepare")
    for kind in (PACKAGE, BRANCH):
        given = section(town, kind=kind)
        expected = here(town, given)
        assert isinstance(expected, PreparedPackage)
        faults = {record.fault for record in expected.records}
        assert len(faults) > 5
        assert "act.signature" in faults
        assert "" in faults
        found = there(helpers, town, given)
        assert found == expected
        assert isinstance(found, PreparedPackage)
        assert types(found) == types(expected)
    assert len(pids(helpers)) >= 1


def test_helpers_work_beside_each_other(helpers: Helpers, town: World) -> None:
    given = [section(town, acts=number) for number in range(1, 7)]
    expected = [here(town, one) for one in given]
    exchange = town[TOWN].exchange
    with ThreadPoolExecutor(4) as threads:
        found = list(
            threads.map(
                lambda one: helpers.prepare(
                    one, ledger_id=exchange.held.ledger_id, public_key=exchange.public_key
                ),
                given,
            )
        )
    assert found == expected
    assert 1 <= len(pids(helpers)) <= 2


def test_a_key_that_becomes_known_is_known_to_helpers_at_once(helpers: Helpers, town: World) -> None:
    given, exchange = section(town, nonsense=False), town[TOWN].exchange
    ledger_id = exchange.held.ledger_id

    def faults(known: dict[KeyId, bytes]) -> set[str]:
        made = helpers.prepare(given, ledger_id=ledger_id, public_key=known.get)
        assert isinstance(made, PreparedPackage)
        return {record.fault for record in made.records}

    key = town.key(VILLAGE_2, "window")
    assert faults({}) == {KEY_UNKNOWN}
    assert faults({key.key_id: key.public_key}) == {""}
    assert faults({key.key_id: bytes(32)}) == {"act.signature"}
    assert faults({}) == {KEY_UNKNOWN}


def test_helpers_refuse_what_is_refused_here(helpers: Helpers, town: World) -> None:
    whole = section(town)
    for given in (
        Section(PACKAGE, whole.payload[:-1]),
        Section(PACKAGE, b""),
        Section(NOTE, b"no note"),
        Section(99, whole.payload),
    ):
        with pytest.raises(Exception, match=r"\w") as expected:
            here(town, given)
        with pytest.raises(type(expected.value)) as found:
            there(helpers, town, given)
        assert str(found.value) == str(expected.value)
    # The helper lives on.
    assert there(helpers, town, whole) == here(town, whole)


def test_an_answer_is_whole_or_broken(town: World) -> None:
    made = here(town, section(town))
    assert isinstance(made, PreparedPackage)
    for answer in (None, Lacking((KeyId(bytes(16)),)), made):
        raw = pack_answer(answer)
        assert unpack_answer(raw) == answer
        for end in range(0, len(raw), max(1, len(raw) // 50)):
            with pytest.raises((EOFError, ValueError, TypeError)):
                unpack_answer(raw[:end])


def test_the_first_section_starts_helpers_and_is_prepared_here_meanwhile(
    asleep: Helpers, town: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = section(town)
    expected = here(town, given)
    with ThreadPoolExecutor(4) as threads:
        asked = [threads.submit(there, asleep, town, given) for _ in range(4)]
        assert [one.result(PATIENCE_S) for one in asked] == [expected] * 4
    started = pids(asleep)
    assert len(started) == 2
    assert not asleep.start()
    monkeypatch.delattr("sync.preparing.helpers.prepare")
    assert there(asleep, town, given) == expected
    assert pids(asleep) == started


def test_small_sections_start_no_process(town: World) -> None:
    made, given = Helpers(2), section(town)
    assert there(made, town, given) == here(town, given)
    assert pids(made) == []


def test_without_helpers_everything_is_prepared_here(town: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sync.preparing.helpers.SECTION_BYTES_MIN", 0)
    given = section(town)
    assert there(Helpers(0), town, given) == here(town, given)


def test_a_helper_that_dies_takes_nothing_with_it(helpers: Helpers, town: World) -> None:
    given = section(town)
    expected = here(town, given)
    for _ in range(3):
        assert there(helpers, town, given) == expected
        for pid in pids(helpers):
            # One of them may be dead since the last time: nothing was asked of it.
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    assert there(helpers, town, given) == expected
    assert there(helpers, town, given) == expected
    assert all(is_running(pid) for pid in pids(helpers))


def test_a_helper_that_stands_still_is_ended_and_its_package_prepared_here(
    helpers: Helpers, town: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = section(town)
    expected = here(town, given)
    stopped = pids(helpers)
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    monkeypatch.setattr("sync.preparing.helpers.ANSWER_S_MAX", 0.2)
    with ThreadPoolExecutor(2) as threads:
        asked = [threads.submit(there, helpers, town, given) for _ in range(2)]
        try:
            assert [one.result(PATIENCE_S) for one in asked] == [expected] * 2
        finally:
            helpers.close()
    # Ended and reaped: a zombie would still answer.
    assert not [pid for pid in stopped if is_running(pid)]


def test_a_helper_whose_answer_was_late_is_followed_by_another(
    helpers: Helpers, town: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = section(town)
    expected = here(town, given)
    with monkeypatch.context() as patched:
        patched.setattr("sync.preparing.helpers.ANSWER_S_MAX", 0.0)
        assert there(helpers, town, given) == expected
    assert there(helpers, town, given) == expected
    assert there(helpers, town, given) == expected
    assert len(pids(helpers)) == 2


def test_a_helper_that_was_killed_at_rest_is_reaped_with_the_next_section(
    helpers: Helpers, town: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = section(town)
    killed = pids(helpers)
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    # Also with one that no helper is asked for.
    monkeypatch.setattr("sync.preparing.helpers.SECTION_BYTES_MIN", len(given.payload) + 1)
    assert there(helpers, town, given) == here(town, given)
    assert not [pid for pid in killed if is_running(pid)]


def test_where_no_process_can_be_started_everything_is_prepared_here(
    asleep: Helpers, town: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    given = section(town)
    for _ in range(2):
        assert there(asleep, town, given) == here(town, given)
    assert pids(asleep) == []


def test_closing_ends_the_processes(helpers: Helpers, town: World) -> None:
    given = section(town)
    there(helpers, town, given)
    ended = pids(helpers)
    helpers.close()
    assert ended and not any(map(is_running, ended))
    assert there(helpers, town, given) == here(town, given)
    assert pids(helpers) == []


MASTER = """
import os
from sync.preparing.helpers import Helpers
helpers = Helpers(1)
helpers.start()
print(*[one._process.pid for one in helpers._all], flush=True)
os._exit(1)
"""


def test_helpers_do_not_outlive_their_master() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", MASTER], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    pid, until = int(ended.stdout), monotonic() + PATIENCE_S
    while is_running(pid) and monotonic() < until:
        sleep(0.05)
    assert not is_running(pid)
