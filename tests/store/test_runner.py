"""Tracked projections: each record exactly once, whatever happens between; rebuilt equals incremental."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.errors import StoreError
from ledger.projections.runner import catch_up, lag, rebuild
from ledger.store.contract import NewRecord, Store, WriteTx
from ledger.store.memory import open_memory
from ledger.store.tables import Row
from tests.store.conftest import Backend
from tests.store.samples import COUNTS, CountTopics, frames


def rows(store: Store) -> list[Row]:
    with store.read() as tx:
        return list(tx.select(COUNTS, {}))


def expected(store: Store) -> list[Row]:
    with store.read() as tx:
        topics = [record.topic for record in tx.records(after=0, limit=10**6)]
    return [(topic, topics.count(topic)) for topic in sorted(set(topics))]


def fill(store: Store, log: str, count: int, *, first: int = 1) -> None:
    with store.write() as tx:
        tx.append(log, first, frames(count, first=first))


class Failing(CountTopics):
    """Fails at a record, after it has written rows of the same batch."""

    def __init__(self, fatal: bytes) -> None:
        self.fatal = fatal

    def apply_batch(self, tx: WriteTx, records: Sequence[NewRecord], /) -> None:
        super().apply_batch(tx, records)
        if any(record.frame == self.fatal for record in records):
            raise RuntimeError("crash after writing, before tracking")


@pytest.mark.parametrize("batch_records", [1, 7, 500])
def test_catching_up_takes_everything_once(backend: Backend, batch_records: int) -> None:
    store = backend.open(tables=[COUNTS])
    view = CountTopics()
    assert catch_up(store, view) == 0
    fill(store, "aa", 25)
    assert lag(store, view) == 25
    assert catch_up(store, view, batch_records=batch_records) == 25
    assert (catch_up(store, view), lag(store, view)) == (0, 0)
    fill(store, "bb", 10)
    assert catch_up(store, view, batch_records=batch_records) == 10
    assert rows(store) == expected(store)


def test_a_crash_within_a_batch_takes_nothing_twice(backend: Backend) -> None:
    store = backend.open(tables=[COUNTS])
    fill(store, "aa", 30)
    with pytest.raises(RuntimeError):
        catch_up(store, Failing(b"frame 17"), batch_records=5)
    assert lag(store, CountTopics()) == 15
    assert catch_up(store, CountTopics(), batch_records=4) == 15
    assert rows(store) == expected(store)


def test_rebuilt_equals_incremental(backend: Backend) -> None:
    store = backend.open(tables=[COUNTS])
    for log in ("aa", "bb", "cc"):
        fill(store, log, 11)
        catch_up(store, CountTopics(), batch_records=3)
    incremental = rows(store)
    assert rebuild(store, CountTopics(), batch_records=8) == 33
    assert rows(store) == incremental == expected(store)


def test_an_interrupted_rebuild_is_finished_by_the_next_catch_up(backend: Backend) -> None:
    store = backend.open(tables=[COUNTS])
    fill(store, "aa", 30)
    catch_up(store, CountTopics())
    with pytest.raises(RuntimeError):
        rebuild(store, Failing(b"frame 17"), batch_records=5)
    catch_up(store, CountTopics())
    assert rows(store) == expected(store)


def test_a_second_runner_with_other_batches_is_refused(backend: Backend) -> None:
    store = backend.open(tables=[COUNTS])
    fill(store, "aa", 30)
    other = CountTopics()

    class Overtaken(CountTopics):
        def apply_batch(self, tx: WriteTx, records: Sequence[NewRecord], /) -> None:
            raise AssertionError("the place has moved: nothing may be applied")

    class Slow:
        """A store whose reader is overtaken between reading the place and writing the batch."""

        def __getattr__(self, name: str) -> object:
            if name == "write" and not lag_taken:
                lag_taken.append(True)
                catch_up(store, other, batch_records=4)
            return getattr(store, name)

    lag_taken: list[bool] = []
    with pytest.raises(StoreError) as caught:
        catch_up(Slow(), Overtaken(), batch_records=500)  # type: ignore[arg-type]
    assert caught.value.code == "store.tracking"
    assert rows(store) == expected(store)


def test_two_projections_of_one_store_do_not_share_their_place(backend: Backend) -> None:
    class Second(CountTopics):
        name = "second"

        def apply_batch(self, tx: WriteTx, records: Sequence[NewRecord], /) -> None:
            seen.extend(record.seq for record in records)

    seen: list[int] = []
    store = backend.open(tables=[COUNTS])
    fill(store, "aa", 5)
    catch_up(store, CountTopics())
    catch_up(store, Second())
    assert seen == [1, 2, 3, 4, 5]


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from(["aa", "bb"]), st.integers(1, 9), st.integers(1, 9)), max_size=12))
def test_any_interleaving_of_writing_and_catching_up(steps: list[tuple[str, int, int]]) -> None:
    store = open_memory(tables=[COUNTS])
    for log, count, batch_records in steps:
        with store.read() as tx:
            first = tx.size(log) + 1
        fill(store, log, count, first=first)
        if batch_records % 2:
            catch_up(store, CountTopics(), batch_records=batch_records)
    catch_up(store, CountTopics(), batch_records=3)
    incremental = rows(store)
    rebuild(store, CountTopics())
    assert rows(store) == incremental == expected(store)
