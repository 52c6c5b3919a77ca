"""What a request brought goes with its answer, and what large work left is given back."""

from __future__ import annotations

import gc
import sys
import time
import weakref
from pathlib import Path

import pytest

from ledger.platform import resident_bytes, share_heap
from ledger.store.sqlite import SqliteStore
from stations.serving import memory
from stations.serving.memory import GREW_BYTES, LARGE_BYTES, Memory, give_back, is_large
from stations.web.cases import sweeping
from stations.web.visit import Visit
from tests.facade.counter import PERMIT
from tests.web.counterdesk import serving


class Circle:
    """Something that names itself, as sheets and cells of a workbook do."""

    def __init__(self) -> None:
        self.itself = self


def test_a_request_is_gone_with_its_answer(tmp_path: Path) -> None:
    with serving(tmp_path / "county") as counter:
        desk = counter.desk("C1")
        sent = {"applicant.name": "占内存", "text": "字" * 2000}
        gc.collect()
        gc.disable()
        try:
            for at in range(12):
                assert desk.get("/").status == 200
                assert desk.send(f"/receive/{PERMIT}", {**sent, "once": f"{at}"}).status == 303
                assert desk.send(f"/receive/{PERMIT}", {**sent, "applicant.phone": "没有"}).status == 422
            held = sum(isinstance(one, Visit) for one in gc.get_objects())
        finally:
            gc.enable()
    assert held <= 2, "no circle keeps what 36 requests brought"


def test_circles_are_freed_and_small_work_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    share_heap()
    gone = weakref.ref(Circle())
    give_back()
    assert gone() is None
    sizes = iter([100, 100 + GREW_BYTES - 1, 100 + GREW_BYTES, 90, 90 + GREW_BYTES - 1])
    monkeypatch.setattr(memory, "resident_bytes", lambda: next(sizes))
    looked = Memory()
    assert [looked.look() for _ in range(3)] == [False, True, False]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell their memory in /proc")
def test_the_memory_of_the_process_is_told() -> None:
    assert 10 << 20 < resident_bytes() < 8 << 30


def test_a_large_process_empties_them_every_so_often(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shrunk: list[bool] = []
    real = SqliteStore.shrink

    def shrink(store: SqliteStore) -> None:
        real(store)
        shrunk.append(store.datastore.writer is not None)

    monkeypatch.setattr(SqliteStore, "shrink", shrink)
    monkeypatch.setattr(sweeping, "SWEEP_S", 0.01)
    monkeypatch.setattr(sweeping, "LOOKS_PER_SHRINK", 2)
    size = [LARGE_BYTES]
    monkeypatch.setattr(memory, "resident_bytes", lambda: size[0])
    with serving(tmp_path / "small"):
        time.sleep(0.3)
    assert not shrunk and not is_large()
    size[0] += 1
    with serving(tmp_path / "county") as counter:
        desk = counter.desk("C1")
        for _ in range(200):
            if len(shrunk) >= 4:
                break
            time.sleep(0.02)
        assert desk.get("/cases").status == 200
    assert set(shrunk) == {True, False}, "the readers' ledger and the writer's"
