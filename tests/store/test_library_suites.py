"""The library's own suites for recorders, run on ours: what it promises to its users must still hold."""

from __future__ import annotations

import threading
from uuid import uuid4

import eventsourcing.tests.persistence as library
import pytest
from eventsourcing.persistence import ProcessRecorder

from ledger.store.memory import MemoryStore
from ledger.store.sqlite import SqliteStore
from tests.store.conftest import Backend

SUITES = [
    library.ApplicationRecorderTestCase,
    library.TrackingRecorderTestCase,
    library.ProcessRecorderTestCase,
    library.NonInterleavingNotificationIDsBaseCase,
]
CASES = [
    pytest.param(suite, name, id=f"{suite.__name__}.{name}")
    for suite in SUITES
    for name in dir(suite)
    # subscriptions are optional to the library, not to us
    if name.startswith(("test", "optional_test"))
]


def recorder_of(backend: Backend) -> ProcessRecorder:
    """Return the recorder inside a new, empty store."""
    store = backend.open()
    if isinstance(store, MemoryStore | SqliteStore):
        return store.recorder
    from ledger.store.postgres import PostgresStore

    assert isinstance(store, PostgresStore)
    return store.recorder


@pytest.mark.parametrize(("suite", "method"), CASES)
def test_recorder(backend: Backend, suite: type[library.RecorderTestCase], method: str) -> None:
    members = {
        "create_recorder": lambda _: recorder_of(backend),
        "new_originator_id": lambda _: uuid4().hex,
        # a sequence of PostgreSQL has gaps after refused inserts
        "EXPECT_CONTIGUOUS_NOTIFICATION_IDS": backend.name != "postgres",
    }
    case = type("Case", (suite,), members)(method)
    before = set(threading.enumerate())
    case.setUp()
    try:
        getattr(case, method)()
    finally:
        case.tearDown()
        # The library's tests tell their readers to stop and do not wait for them; the store is closed next.
        for reader in set(threading.enumerate()) - before:
            if "read_continuously" in reader.name:
                reader.join(60)


def test_the_suites_are_the_whole_of_what_the_library_has_for_us() -> None:
    known = {suite.__name__ for suite in SUITES}
    # aggregate recorders have no positions, and factories read the environment: neither is used here
    unused = {
        "AggregateRecorderTestCase",
        "RecorderTestCase",
        "InfrastructureFactoryTestCase",
        "TranscoderTestCase",
    }
    found = {name for name in dir(library) if name.endswith(("TestCase", "BaseCase")) and name != "TestCase"}
    assert found == known | unused
