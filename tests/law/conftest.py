"""One county for all cases of the law; each case is its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.facade.counter import FakeClock
from tests.law.county import Case, law_county


@pytest.fixture(scope="package")
def new_case(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Case]]:
    """Return what opens a case of an item."""
    clock = FakeClock()
    with law_county(tmp_path_factory.mktemp("law") / "county", clock) as ledger:
        yield lambda item: Case(ledger, clock, item)
