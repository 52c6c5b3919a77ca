"""Threads that read one ledger: an older view never takes back what a newer one taught."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ledger.facade import Ledger
from ledger.facade.opened.current import Current
from ledger.facade.opened.parts import read_mark
from ledger.registry import actions as registry_actions
from ledger.store.contract import ReadTx
from tests.facade.counter import REGISTRAR, VILLAGE, Dice, FakeClock, found_county


class Late:
    """A store whose view was opened a while ago."""

    def __init__(self, tx: ReadTx) -> None:
        self._tx = tx

    @contextmanager
    def read(self) -> Iterator[ReadTx]:
        """Hand out the old view."""
        yield self._tx


def test_an_older_view_takes_back_nothing(tmp_path: Path) -> None:
    clock = FakeClock()
    found_county(tmp_path / "county", clock)
    opened, written = threading.Event(), threading.Event()
    seen: list[bool] = []
    with (
        Ledger.open(tmp_path / "county", clock=clock, randomness=Dice("w"), write=True) as writer,
        Ledger.open(tmp_path / "county", clock=clock, randomness=Dice("r"), write=False) as reader,
    ):
        current = reader._current

        def slow() -> None:
            with reader.store.read() as tx:
                # A view begins with the first look.
                assert read_mark(tx, current.parts.county_logs) == current.parts.mark
                opened.set()
                assert written.wait(30)
                late = Current(Late(tx), current._load, writable=False)  # type: ignore[arg-type]
                late.parts = current.parts
                with late.reading() as (_, parts):
                    seen.append(parts.mark < current.parts.mark)
                seen.append(late.parts.mark == current.parts.mark)

        thread = threading.Thread(target=slow)
        thread.start()
        assert opened.wait(30)
        grant = registry_actions.grant_role(staff_no="V1", role="head", scope=VILLAGE)
        writer.register("grant_role", grant, REGISTRAR)
        reader.refresh()
        written.set()
        thread.join(30)
    assert seen == [True, True]
