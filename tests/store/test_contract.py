"""The store contract, on every backend with the same words."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from ledger.errors import ForkError, GapError, StoreError
from ledger.store.contract import Store
from ledger.store.tables import Cell, OneOf, Range, Row, cursor, prefix
from tests.store.conftest import Backend
from tests.store.samples import LAST, NOTES, STONES, LastSeen, frames

ROWS: list[Row] = [
    ("A", 1, "一", b"\x00\xff", 100),
    ("A", 2, "b", None, None),
    ("A", 10, None, b"", 300),
    ("B", 1, "é", b"x", 200),
    ("Ä", -5, "", b"y", 100),
]


def filled(backend: Backend) -> Store:
    store = backend.open(tables=[NOTES, STONES])
    with store.write() as tx:
        tx.insert(NOTES, ROWS)
    return store


def refused(store: Store, code: str, action: str, *args: object) -> None:
    with pytest.raises(StoreError) as caught, store.write() as tx:
        getattr(tx, action)(*args)
    assert caught.value.code == code


def test_what_was_appended_is_read_back(backend: Backend) -> None:
    store = backend.open()
    with store.write() as tx:
        new = tx.append("aa", 1, frames(3))
        assert tx.size("aa") == 3
        assert tx.frame("aa", 2) == b"frame 2"
    assert [(item.log, item.seq, item.topic, item.frame) for item in new] == [
        ("aa", 1, "accept", b"frame 1"),
        ("aa", 2, "issue", b"frame 2"),
        ("aa", 3, "receive", b"frame 3"),
    ]
    with store.read() as tx:
        assert list(tx.frames("aa", 2, 2**62)) == [(2, b"frame 2"), (3, b"frame 3")]
        assert list(tx.frames("aa", 0, 1)) == [(1, b"frame 1")]
        assert list(tx.frames("bb", 1, 9)) == []
        assert sorted(tx.frames_at("aa", [3, 1, 9, 3])) == [(1, b"frame 1"), (3, b"frame 3")]
        assert sorted(tx.frames_at("aa", range(1, 3000))) == list(tx.frames("aa", 1, 3))
        assert list(tx.frames_at("aa", [])) == list(tx.frames_at("bb", [1])) == []
        assert (tx.size("aa"), tx.size("bb"), tx.frame("aa", 4)) == (3, 0, None)
        assert list(tx.records(after=0, limit=10)) == list(new)
        assert list(tx.records(after=new[0].position, limit=1)) == [new[1]]


def test_every_write_is_counted_and_no_look(backend: Backend) -> None:
    store = backend.open()
    for log in ("a", "b"):
        before = store.writes()
        with store.write() as tx:
            tx.append(log, 1, frames(1))
        assert store.writes() > before
    before = store.writes()
    with store.read() as view:
        view.size("a")
    assert store.writes() == before


def test_what_caches_hold_is_given_back_and_read_again(backend: Backend) -> None:
    store = backend.open()
    for log in ("a", "b"):
        with store.write() as tx:
            tx.append(log, 1, frames(200))
        with store.read() as view, store.read() as other:
            assert view.size(log) == other.size(log) == 200
            # Beside a view that goes on.
            store.shrink()
            assert view.frame(log, 7) == b"frame 7"
        store.shrink()


def test_positions_ascend_over_all_logs(backend: Backend) -> None:
    store = backend.open()
    for log, first in [("b", 1), ("a", 1), ("b", 3), ("a", 3)]:
        with store.write() as tx:
            tx.append(log, first, frames(2, first=first))
    with store.read() as tx:
        records = tx.records(after=0, limit=100)
    assert [(item.log, item.seq) for item in records] == [
        *[("b", 1), ("b", 2), ("a", 1), ("a", 2)],
        *[("b", 3), ("b", 4), ("a", 3), ("a", 4)],
    ]
    positions = [item.position for item in records]
    assert positions == sorted(set(positions))


def test_the_same_bytes_again_are_no_news(backend: Backend) -> None:
    store = backend.open()
    with store.write() as tx:
        tx.append("aa", 1, frames(3))
    with store.write() as tx:
        assert tx.append("aa", 1, frames(3)) == ()
        assert tx.append("aa", 2, frames(1, first=2)) == ()
        assert tx.append("aa", 9, []) == ()
        assert [item.seq for item in tx.append("aa", 2, frames(4, first=2))] == [4, 5]
    with store.read() as tx:
        assert tx.size("aa") == 5
        assert len(tx.records(after=0, limit=100)) == 5


def test_other_bytes_at_a_position_are_a_fork(backend: Backend) -> None:
    store = backend.open()
    with store.write() as tx:
        tx.append("aa", 1, frames(3))
    divergent = [*frames(2), ("issue", b"another third"), ("issue", b"fourth")]
    with store.write() as tx:
        with pytest.raises(ForkError) as caught:
            tx.append("aa", 1, divergent)
        assert (caught.value.code, caught.value.params["seq"]) == ("store.fork", 3)
        # the transaction goes on: both branches are kept
        tx.append("aa~cafe", 1, [("issue", b"another third")])
    with store.read() as tx:
        assert [frame for _, frame in tx.frames("aa", 1, 9)] == [frame for _, frame in frames(3)]
        assert tx.frame("aa~cafe", 1) == b"another third"


def test_a_lost_append_moves_no_end(backend: Backend) -> None:
    store = backend.open()
    with store.write() as tx:
        tx.append("aa", 1, frames(3))
    with pytest.raises(RuntimeError), store.write() as tx:
        tx.append("aa", 4, frames(2, first=4))
        raise RuntimeError
    with store.write() as tx, pytest.raises(GapError):
        tx.append("aa", 6, frames(1, first=6))
    with store.write() as tx:
        assert len(tx.append("aa", 4, frames(1, first=4, salt="b"))) == 1
        assert len(tx.append("aa", 5, frames(1, first=5))) == 1
        assert tx.append("aa", 5, frames(1, first=5)) == ()
        with pytest.raises(ForkError):
            tx.append("aa", 4, frames(1, first=4))
    with store.read() as tx:
        assert tx.size("aa") == 5


@pytest.mark.parametrize("first", [0, 3, 5])
def test_a_gap_is_refused(backend: Backend, first: int) -> None:
    store = backend.open()
    with store.write() as tx:
        tx.append("aa", 1, frames(1))
    with store.write() as tx:
        with pytest.raises(GapError) as caught:
            tx.append("aa", first, frames(2, first=first))
        assert caught.value.code == "store.gap"
    with store.read() as tx:
        assert tx.size("aa") == 1


def test_an_empty_frame_is_refused(backend: Backend) -> None:
    refused(backend.open(), "store.value", "append", "aa", 1, [("receive", b"")])


def test_an_exception_undoes_frames_rows_and_tracking(backend: Backend) -> None:
    store = filled(backend)
    with pytest.raises(KeyError), store.write() as tx:
        tx.append("aa", 1, frames(2))
        tx.upsert(NOTES, [("A", 1, "changed", None, 1)])
        tx.delete(NOTES, {"place": "B"})
        tx.track("view", 2)
        raise KeyError("half-way")
    with store.read() as tx:
        assert tx.size("aa") == 0
        assert tx.get(NOTES, ("A", 1)) == ROWS[0]
        assert tx.get(NOTES, ("B", 1)) == ROWS[3]
        assert tx.tracked("view") == 0
    with store.write() as tx:
        assert [item.seq for item in tx.append("aa", 1, frames(1))] == [1]


def test_a_failed_statement_loses_the_transaction_even_when_caught(backend: Backend) -> None:
    store = filled(backend)
    with pytest.raises(StoreError) as caught, store.write() as tx:
        tx.append("aa", 1, frames(1))
        with pytest.raises(StoreError):
            tx.insert(NOTES, [ROWS[0]])
    assert caught.value.code == "store.duplicate"
    with store.read() as tx:
        assert tx.size("aa") == 0


def test_readers_see_the_state_at_their_beginning(backend: Backend) -> None:
    store = filled(backend)
    with store.read() as before:
        with store.write() as tx:
            tx.append("aa", 1, frames(1))
            tx.delete(NOTES, {"place": "A"})
            with store.read() as beside:
                assert beside.size("aa") == 0
                assert beside.count(NOTES, {}) == 5
        assert before.size("aa") == 0
        assert before.count(NOTES, {"place": "A"}) == 3
        assert list(before.records(after=0, limit=10)) == []
    with store.read() as after:
        assert after.size("aa") == 1
        assert after.count(NOTES, {}) == 2


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({}, [0, 1, 2, 3, 4]),
        ({"place": "A"}, [0, 1, 2]),
        ({"place": "A", "number": 2}, [1]),
        ({"text": None}, [2]),
        ({"blob": b"\x00\xff"}, [0]),
        ({"due_ms": Range(at_most=200)}, [0, 3, 4]),
        ({"due_ms": Range(below=200)}, [0, 4]),
        ({"due_ms": Range(above=100, at_most=300)}, [2, 3]),
        ({"due_ms": Range()}, [0, 1, 2, 3, 4]),
        ({"number": OneOf((1, 10, -5))}, [0, 2, 3, 4]),
        ({"number": OneOf(())}, []),
        ({"place": prefix("A")}, [0, 1, 2]),
        ({"place": prefix("\U0010ffff")}, []),
        ({"place": prefix("A\U0010ffff")}, []),
        ({"place": prefix("A\ud7ff")}, []),
        ({"place": "nowhere"}, []),
    ],
)
def test_conditions(backend: Backend, where: dict[str, Cell | Range | OneOf], expected: list[int]) -> None:
    with filled(backend).read() as tx:
        assert sorted(tx.select(NOTES, where), key=ROWS.index) == [ROWS[index] for index in expected]
        assert tx.count(NOTES, where) == len(expected)


@pytest.mark.parametrize(
    ("order_by", "expected"),
    [
        ((), [0, 1, 2, 3, 4]),
        (("number",), [4, 0, 3, 1, 2]),
        (("text",), [2, 4, 1, 3, 0]),  # None, then by code point
        (("due_ms", "number"), [1, 4, 0, 3, 2]),
    ],
)
def test_the_order_is_total_and_the_same_everywhere(
    backend: Backend, order_by: tuple[str, ...], expected: list[int]
) -> None:
    rows = [ROWS[index] for index in expected]
    with filled(backend).read() as tx:
        assert list(tx.select(NOTES, {}, order_by=order_by)) == rows
        assert list(tx.select(NOTES, {}, order_by=order_by, descending=True)) == rows[::-1]
        assert list(tx.select(NOTES, {}, order_by=order_by, limit=2)) == rows[:2]


@pytest.mark.parametrize("descending", [False, True])
def test_pages_join_without_gap_or_repetition(backend: Backend, descending: bool) -> None:
    store = backend.open(tables=[NOTES])
    rows: list[Row] = [("A", number, f"t{number % 3}", None, number) for number in range(20)]
    with store.write() as tx:
        tx.insert(NOTES, rows)
    found: list[Row] = []
    after: tuple[Cell, ...] | None = None
    with store.read() as tx:
        while page := list(
            tx.select(NOTES, {"place": "A"}, order_by=("text",), descending=descending, limit=3, after=after)
        ):
            found += page
            after = cursor(NOTES, page[-1], order_by=("text",))
    assert found == sorted(rows, key=lambda row: (row[2], row[0], row[1]), reverse=descending)


def test_some_columns_come_in_the_order_they_were_asked_for(backend: Backend) -> None:
    store = backend.open(tables=[NOTES])
    rows: list[Row] = [("A", number, f"t{number % 3}", None, number) for number in range(9)]
    names = NOTES.column_names
    with store.write() as tx:
        tx.insert(NOTES, rows)
        asked = list(tx.select(NOTES, {}, order_by=("text",), descending=True, columns=(names[2], names[1])))
    expected = sorted(rows, key=lambda row: (row[2], row[0], row[1]), reverse=True)
    assert asked == [(row[2], row[1]) for row in expected]
    with store.read() as tx:
        assert list(tx.select(NOTES, {}, limit=1, columns=(names[3],))) == [(None,)]


def test_a_cursor_that_does_not_fit_is_refused(backend: Backend) -> None:
    with filled(backend).read() as tx, pytest.raises(ValueError, match="cursor"):
        tx.select(NOTES, {}, after=("A",))


def test_unknown_columns_and_tables_are_refused(backend: Backend) -> None:
    with filled(backend).read() as tx:
        with pytest.raises(ValueError, match="no columns"):
            tx.count(NOTES, {"colour": "red"})
        with pytest.raises(ValueError, match="no columns"):
            tx.select(NOTES, {}, order_by=("colour",))
        with pytest.raises(ValueError, match="no columns"):
            tx.select(NOTES, {}, columns=("text", "colour"))
        with pytest.raises(StoreError) as caught:
            tx.get(LAST, ("aa",))
    assert caught.value.code == "store.unknown_table"


def test_upsert_with_the_row_that_is_held(backend: Backend) -> None:
    """What the caller knows spares a look; a row that is not there comes all the same."""
    store = backend.open(tables=[NOTES])
    old: Row = ("A", 1, "old", b"x", 5)
    new: Row = ("A", 1, "new", b"x", 7)
    with store.write() as tx:
        tx.insert(NOTES, [old, ("A", 2, "other", None, None)])
    with store.write() as tx:
        tx.upsert(NOTES, [new], held=old)
        tx.upsert(NOTES, [new], held=new)
        tx.upsert(NOTES, [("B", 1, "fresh", None, 1)], held=("B", 1, "stale", None, 1))
    with store.read() as tx:
        assert list(tx.select(NOTES, {})) == [new, ("A", 2, "other", None, None), ("B", 1, "fresh", None, 1)]
        assert [row[:2] for row in tx.select(NOTES, {"due_ms": 7})] == [("A", 1)]


def test_upsert_replaces_and_insert_missing_leaves_alone(backend: Backend) -> None:
    store = filled(backend)
    with store.write() as tx:
        tx.upsert(NOTES, [("A", 1, "new", b"z", 5), ("C", 1, "also", None, None)])
        tx.insert_missing(NOTES, [("A", 2, "ignored", None, 1), ("D", 1, None, None, None)])
        tx.insert_missing(STONES, [(b"1", "first"), (b"1", "second")])
        tx.insert_missing(STONES, [(b"1", "third"), (b"2", "other")])
        assert tx.get(NOTES, ("A", 1)) == ("A", 1, "new", b"z", 5)
    with store.read() as tx:
        assert tx.get(NOTES, ("A", 2)) == ROWS[1]
        assert tx.get(NOTES, ("C", 1)) == ("C", 1, "also", None, None)
        assert tx.count(NOTES, {}) == 7
        assert list(tx.select(STONES, {})) == [(b"1", "first"), (b"2", "other")]


def test_delete_tells_how_many(backend: Backend) -> None:
    store = filled(backend)
    with store.write() as tx:
        assert tx.delete(NOTES, {"due_ms": Range(at_most=100)}) == 2
        assert tx.delete(NOTES, {"due_ms": Range(at_most=100)}) == 0
        assert tx.count(NOTES, {}) == 3
    with store.write() as tx:
        tx.insert(NOTES, [ROWS[0]])
        assert tx.delete(NOTES, {}) == 4


@pytest.mark.parametrize(
    "row",
    [
        ("A", "x", None, None, None),
        ("A", 1, 5, None, None),
        ("A", 1, b"bytes", None, None),
        ("A", 1, None, "text", None),
        ("A", 1, None, None, "later"),
        ("A", 2**63, None, None, None),
        (None, 1, None, None, None),
        ("A", 1, "nul \0 inside", None, None),
        ("A", 1, "lone \ud800 surrogate", None, None),
        ("A", 1),
    ],
    ids=repr,
)
def test_a_value_that_does_not_fit_its_column_is_refused(backend: Backend, row: Row) -> None:
    refused(backend.open(tables=[NOTES]), "store.value", "insert", NOTES, [row])


def test_append_only_tables_take_no_changes(backend: Backend) -> None:
    store = backend.open(tables=[STONES])
    with store.write() as tx:
        tx.insert(STONES, [(b"1", "first")])
    refused(store, "store.append_only", "upsert", STONES, [(b"1", "second")])
    refused(store, "store.append_only", "upsert", STONES, [(b"2", "new")])
    refused(store, "store.append_only", "delete", STONES, {"id": b"1"})
    refused(store, "store.duplicate", "insert", STONES, [(b"1", "second")])
    with store.read() as tx:
        assert list(tx.select(STONES, {})) == [(b"1", "first")]


def test_tracking_goes_forward_only(backend: Backend) -> None:
    store = backend.open()
    with store.write() as tx:
        tx.track("view", 7)
        assert tx.tracked("view") == 7
    refused(store, "store.tracking", "track", "view", 7)
    refused(store, "store.tracking", "track", "view", 6)
    with store.write() as tx:
        tx.track("view", 8)
        tx.track("other", 1)
        tx.untrack("view")
        assert tx.tracked("view") == 0
    with store.read() as tx:
        assert (tx.tracked("view"), tx.tracked("other")) == (0, 1)


def test_inline_views_are_written_with_the_frames(backend: Backend) -> None:
    store = backend.open(views=[LastSeen()])
    with store.write() as tx:
        tx.append("aa", 1, frames(3))
        assert tx.get(LAST, ("aa",)) is None
        tx.project()
        assert tx.get(LAST, ("aa",)) == ("aa", 3)
        tx.append("aa", 4, frames(2, first=4))
    with store.read() as tx:
        assert tx.get(LAST, ("aa",)) == ("aa", 5)


def test_a_failing_view_takes_the_frames_with_it(backend: Backend) -> None:
    class Broken(LastSeen):
        def apply(self, tx: object, records: object, /) -> None:
            raise RuntimeError("cannot fold")

    store = backend.open(views=[Broken()])
    with pytest.raises(RuntimeError), store.write() as tx:
        tx.append("aa", 1, frames(3))
    with store.read() as tx:
        assert tx.size("aa") == 0


def test_a_second_transaction_within_the_first_is_refused(backend: Backend) -> None:
    store = backend.open()
    with store.write() as tx:
        with pytest.raises(StoreError) as caught, store.write():
            pass
        tx.append("aa", 1, frames(1))
    assert caught.value.code == "store.nested"
    with store.read() as tx:
        assert tx.size("aa") == 1


def test_many_threads_write_one_after_the_other(backend: Backend) -> None:
    store = backend.open(views=[LastSeen()])
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(20):
                with store.write() as tx:
                    size = tx.size("aa")
                    tx.append("aa", size + 1, frames(1, first=size + 1))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with store.read() as tx:
        assert [seq for seq, _ in tx.frames("aa", 1, 1000)] == list(range(1, 81))
        assert tx.get(LAST, ("aa",)) == ("aa", 80)


def test_a_subscription_brings_old_and_new_records(backend: Backend) -> None:
    store = backend.open()
    with store.write() as tx:
        tx.append("aa", 1, frames(3))
    with store.read() as tx:
        first = tx.records(after=0, limit=1)[0].position
    with store.subscribe(after=first) as subscription:
        assert [next(subscription).seq, next(subscription).seq] == [2, 3]
        with store.write() as tx:
            tx.append("bb", 1, frames(1))
        record = next(subscription)
        assert (record.log, record.seq, record.frame) == ("bb", 1, b"frame 1")
        subscription.stop()
        assert list(subscription) == []


def test_a_subscription_is_entered_before_use(backend: Backend) -> None:
    with pytest.raises(StoreError) as caught:
        next(backend.open().subscribe())
    assert caught.value.code == "store.subscription"


def test_backup_is_a_file_or_a_clear_no(backend: Backend, tmp_path: Path) -> None:
    store = backend.open()
    if backend.name != "memory":
        store.backup(tmp_path / "copy.db", without_tables=())
        assert (tmp_path / "copy.db").exists()
        return
    with pytest.raises(StoreError) as caught:
        store.backup(tmp_path / "copy.db", without_tables=())
    assert caught.value.code == "store.no_backup"


def test_scrub_and_close_twice(backend: Backend) -> None:
    store = backend.open()
    store.scrub()
    store.close()
    store.close()
    with pytest.raises(StoreError) as caught:
        store.read().__enter__()
    assert caught.value.code == "store.closed"
