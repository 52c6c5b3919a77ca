"""What only the PostgreSQL backend has: roles, grants, triggers, several processes at once."""

from __future__ import annotations

import threading

import pytest

from ledger.errors import ConfigError, StoreError
from ledger.store.schema import CORE_TABLES, TREE
from ledger.store.tables import Table
from tests.postgres import execute
from tests.store.samples import NOTES, STONES, frames

pytestmark = pytest.mark.layer("postgres")

ATTACKS = ["UPDATE {t} SET {c} = {c}", "DELETE FROM {t}", "TRUNCATE {t} CASCADE"]
CLOSED = [("stored_events", "state"), ("tree", "hash"), ("stones", "text")]


def open_it(
    dsn: str, schema: str, *, create: bool = False, tables: tuple[Table, ...] = (), role: str | None = None
):  # type: ignore[no-untyped-def]
    from ledger.store.postgres import open_postgres

    return open_postgres(dsn, schema=schema, tables=tables, create=create, app_role=role)


def refusal(dsn: str, schema: str, *, create: bool = False, tables: tuple[Table, ...] = ()) -> str:
    with pytest.raises(StoreError) as caught:
        open_it(dsn, schema, create=create, tables=tables)
    return caught.value.code


@pytest.fixture
def app_dsn(postgres_dsn: str, postgres_schema: str) -> str:
    """Return the address for a role that owns nothing."""
    import psycopg
    from psycopg.conninfo import make_conninfo

    role = f"app_{postgres_schema}"
    execute(postgres_dsn, f"CREATE ROLE {role} LOGIN PASSWORD 'secret'")
    open_it(postgres_dsn, postgres_schema, create=True, tables=(NOTES, STONES), role=role).close()
    dsn = make_conninfo(postgres_dsn, user=role, password="secret")
    psycopg.connect(dsn).close()
    return dsn


@pytest.mark.parametrize(("table", "column"), CLOSED)
@pytest.mark.parametrize("attack", ATTACKS)
def test_not_even_the_owner_changes_history(
    postgres_dsn: str, postgres_schema: str, attack: str, table: str, column: str
) -> None:
    import psycopg

    store = open_it(postgres_dsn, postgres_schema, create=True, tables=(STONES,))
    with store.write() as tx:
        tx.append("aa", 1, frames(2))
        tx.insert(TREE, [("aa", 0, 0, b"leaf")])
        tx.insert(STONES, [(b"1", "first")])
    with pytest.raises(psycopg.Error, match="append-only"):
        execute(postgres_dsn, attack.format(t=f"{postgres_schema}.{table}", c=column))
    with store.read() as tx:
        assert (tx.size("aa"), tx.count(TREE, {}), tx.count(STONES, {})) == (2, 1, 1)
    store.close()


@pytest.mark.parametrize(("table", "column"), CLOSED)
@pytest.mark.parametrize(
    "attack", [*ATTACKS, "BEGIN; LOCK TABLE {t} IN ACCESS EXCLUSIVE MODE", "DROP TABLE {t}"]
)
def test_the_application_may_not_even_try(
    app_dsn: str, postgres_schema: str, attack: str, table: str, column: str
) -> None:
    import psycopg

    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        execute(app_dsn, attack.format(t=f"{postgres_schema}.{table}", c=column))


def test_the_application_works_with_what_it_may(
    app_dsn: str, postgres_dsn: str, postgres_schema: str
) -> None:
    store = open_it(app_dsn, postgres_schema, tables=(NOTES, STONES))
    with store.write() as tx:
        tx.append("aa", 1, frames(3))
        tx.insert(STONES, [(b"1", "first")])
        tx.upsert(NOTES, [("A", 1, "x", None, None)])
        tx.upsert(NOTES, [("A", 1, "y", None, None)])
        tx.track("view", 3)
        assert tx.delete(NOTES, {}) == 1
    store.scrub()
    execute(postgres_dsn, f"REVOKE MAINTAIN ON {postgres_schema}.case_keys FROM app_{postgres_schema}")
    with pytest.raises(StoreError) as caught:
        store.scrub()
    assert caught.value.code == "store.not_permitted"
    store.close()


def test_the_application_cannot_make_the_tables_of_an_upgrade(
    postgres_dsn: str, app_dsn: str, postgres_schema: str
) -> None:
    newer = Table("newer", columns=(("id", "int"),), key=("id",))
    assert refusal(app_dsn, postgres_schema, tables=(newer,)) == "store.not_permitted"
    open_it(postgres_dsn, postgres_schema, tables=(newer,), role=f"app_{postgres_schema}").close()
    store = open_it(app_dsn, postgres_schema, tables=(newer,))
    with store.write() as tx:
        tx.insert(newer, [(1,)])
    store.close()


def test_what_is_no_ledger(postgres_dsn: str, postgres_schema: str) -> None:
    assert refusal(postgres_dsn, postgres_schema) == "store.missing"
    open_it(postgres_dsn, postgres_schema, create=True).close()
    assert refusal(postgres_dsn, postgres_schema, create=True) == "store.exists"
    execute(postgres_dsn, f"UPDATE {postgres_schema}.banjian_meta SET value = 99")
    assert refusal(postgres_dsn, postgres_schema) == "store.schema_newer"


@pytest.mark.parametrize(
    "change",
    [
        "DROP TRIGGER stored_events__append_only ON {s}.stored_events",
        "ALTER TABLE {s}.tree DISABLE TRIGGER tree__no_truncate",
        "ALTER TABLE {s}.bodies ADD COLUMN more text",
    ],
)
def test_a_changed_schema_is_told(postgres_dsn: str, postgres_schema: str, change: str) -> None:
    open_it(postgres_dsn, postgres_schema, create=True).close()
    execute(postgres_dsn, change.format(s=postgres_schema))
    assert refusal(postgres_dsn, postgres_schema) == "store.schema_differs"


def test_a_trigger_that_others_added_is_refused_by_name(postgres_dsn: str, postgres_schema: str) -> None:
    open_it(postgres_dsn, postgres_schema, create=True).close()
    function = f"{postgres_schema}.swallow"
    execute(
        postgres_dsn,
        f"CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
    )
    execute(
        postgres_dsn,
        f"CREATE TRIGGER other BEFORE INSERT ON {postgres_schema}.stored_events "
        f"FOR EACH ROW EXECUTE FUNCTION {function}()",
    )
    assert refusal(postgres_dsn, postgres_schema) == "store.schema_foreign"


def test_an_incomplete_address() -> None:
    with pytest.raises(ConfigError) as caught:
        open_it("host=localhost", "public")
    assert (caught.value.code, caught.value.params["missing"]) == ("store.dsn", ("dbname", "user"))


def test_a_server_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ledger.store.postgres_recorder.CONNECT_TIMEOUT_S", 0.2)
    assert refusal("host=127.0.0.1 port=1 dbname=x user=y", "public") == "store.unreachable"


def test_the_database_functions_stay_off(
    postgres_dsn: str, postgres_schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # with them the library writes no tracking row and takes no lock; a reader that follows misses events
    monkeypatch.setenv("POSTGRES_ENABLE_DB_FUNCTIONS", "y")
    store = open_it(postgres_dsn, postgres_schema, create=True)
    assert store.datastore.enable_db_functions is False
    with store.datastore.get_connection() as connection:
        found = connection.execute(
            "SELECT proname FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace WHERE nspname = %s",
            (postgres_schema,),
        ).fetchall()
    assert [row["proname"] for row in found] == ["banjian_append_only"]
    store.close()


def test_two_writers_leave_no_gaps_to_a_follower(postgres_dsn: str, postgres_schema: str) -> None:
    stores = [open_it(postgres_dsn, postgres_schema, create=True), open_it(postgres_dsn, postgres_schema)]
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for first in range(1, 61, 2):
                with stores[number].write() as tx:
                    tx.append(f"log{number}", first, frames(2, first=first))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    seen: list[int] = []
    while len(seen) < 120 and not failures:
        with stores[0].read() as tx:
            seen += [record.position for record in tx.records(after=seen[-1] if seen else 0, limit=7)]
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(seen) == 120
    with stores[1].read() as tx:
        assert [record.position for record in tx.records(after=0, limit=1000)] == seen
    for store in stores:
        store.close()


def test_every_append_only_table_is_guarded(postgres_dsn: str, postgres_schema: str) -> None:
    store = open_it(postgres_dsn, postgres_schema, create=True, tables=(STONES,))
    with store.datastore.get_connection() as connection:
        found = connection.execute(
            "SELECT DISTINCT event_object_table AS t FROM information_schema.triggers "
            "WHERE trigger_schema = %s",
            (postgres_schema,),
        ).fetchall()
    closed = {"stored_events", "stones", *(table.name for table in CORE_TABLES if table.append_only)}
    assert {row["t"] for row in found} == closed
    store.close()
