"""Two processes and two threads on one ledger: one writes, any number read."""

from __future__ import annotations

import subprocess
import threading
from itertools import pairwise

import pytest

from ledger.errors import BanjianError, StoreError
from ledger.facade import Command, Home, Ledger
from ledger.facade.base.tables import CASES
from ledger.formats.merge import MERGE_LEAF
from ledger.store import schema
from tests.faults.check import check_after, sizes
from tests.faults.day import INSTANT, PROOF, WHOLE_DAY, Confirmed, Day
from tests.faults.kills import ROOT, child_command
from tests.faults.office import VILLAGE, Dice, FakeClock, signer

ACTS = 60


def test_a_second_writer_is_told_who_writes(home: Home) -> None:
    with Ledger.open(home, write=True) as ledger:
        with pytest.raises(StoreError) as refused:
            Ledger.open(home, write=True)
        assert refused.value.code == "store.locked"
        assert "pid" in refused.value.params
        ledger.rebuild()
    with Ledger.open(home, write=True):
        pass


def test_readers_beside_a_writing_process_see_whole_states(home: Home) -> None:
    """Rows, frames and heads of one view always agree, and nothing ever goes back."""
    seen: list[int] = []
    with subprocess.Popen(
        child_command(home.path, "beside", ACTS), stdout=subprocess.PIPE, cwd=ROOT
    ) as child:
        assert child.stdout is not None
        assert [child.stdout.readline() for _ in range(2)] == [b"start\n", b"open\n"]
        while child.poll() is None:
            with Ledger.open(home, write=False) as ledger, ledger.store.read() as tx:
                stored = tx.records(after=0, limit=1 << 30)
                records, leaves = len(stored), sum(record.topic == MERGE_LEAF for record in stored)
                heads = sum(row[1] for row in tx.select(schema.HEADS, {}) if isinstance(row[1], int))
                openings = tx.count(schema.ACTS, {"action": "receive"})
                assert records == heads
                assert records - leaves == tx.count(schema.ACTS, {}) == tx.count(schema.BODIES, {})
                assert tx.count(CASES, {}) == openings
                seen.append(records)
        promises = [Confirmed.parse(line.decode()) for line in child.stdout]
    assert child.returncode == 0
    assert all(earlier <= later for earlier, later in pairwise(seen))
    assert len(set(seen)) > 1, "the reader never came between two acts"
    assert len(promises) == ACTS
    check_after(home.path, promises)


def test_a_reader_cannot_write(home: Home) -> None:
    with Ledger.open(home, write=False) as ledger:
        before = sizes(ledger)
        with pytest.raises(BanjianError) as refused:
            Day("reader", (INSTANT,)).work(ledger)
        assert refused.value.code == "ledger.read_only"
        assert sizes(ledger) == before


def test_two_threads_write_one_after_the_other(home: Home) -> None:
    """Each thread's acts all go through, or are refused with a code because the log has moved on."""
    promises: list[Confirmed] = []
    faults: list[str] = []
    with Ledger.open(home, clock=FakeClock(), randomness=Dice("threads"), write=True) as ledger:

        def work(name: str) -> None:
            for _ in range(15):
                facts = {"item": PROOF, "materials": ["m01"], "proof_kind": "collective_member"}
                try:
                    done = ledger.perform(
                        Command(action="receive", station=VILLAGE, facts=facts), signer(name)
                    )
                except BanjianError as error:
                    faults.append(error.code)
                else:
                    promises.append(Confirmed(done.act_id, done.log_id.hex(), done.seq, b""))

        threads = [threading.Thread(target=work, args=(name,)) for name in ("v1", "v2")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(ledger.worklist(station=VILLAGE)) == len(promises)
    assert faults == []
    assert len({(note.log, note.seq) for note in promises}) == 30
    check_after(home.path, promises)


def test_a_thread_that_reads_does_not_spoil_what_the_writer_remembers(home: Home) -> None:
    """A state folded from an older view must never come back as the newest one."""
    over, faults = threading.Event(), list[str]()
    day = Day("looking", WHOLE_DAY)
    with Ledger.open(home, clock=FakeClock(), randomness=Dice("looking"), write=True) as ledger:

        def look() -> None:
            known: dict[bytes, int] = {}
            while not over.is_set():
                for row in ledger.worklist(include_closed=True):
                    count = len(ledger.case(row.case_id).state.steps)
                    if count < known.get(row.case_id, 0):
                        faults.append(f"{row.number} went back from {known[row.case_id]} acts to {count}")
                    known[row.case_id] = count

        reader = threading.Thread(target=look)
        reader.start()
        try:
            while not day.over:
                day.work(ledger)
        finally:
            over.set()
            reader.join()
    assert faults == []
    check_after(home.path, day.confirmed)
