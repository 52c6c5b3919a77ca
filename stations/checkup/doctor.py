"""What could go wrong tomorrow: database, disk, clock, keys, backup, heads of logs. Looks, never repairs."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence

from ledger import platform
from ledger.days.calendar import local_date
from ledger.facade import Home, Ledger
from ledger.intact import NAMED_MAX, damaged_files
from ledger.lawtime import DAY_MS
from ledger.sqlitefile import file_uri
from ledger.types import StationId, Watch
from stations.checkup.checks import Check, Level, found
from stations.checkup.clockdoubt import clock_doubt
from stations.checkup.doctoracts import act_checks
from stations.checkup.doctorheads import head_checks
from stations.checkup.doctorkeys import key_checks
from stations.checkup.doctorrows import pad_checks, row_checks
from stations.config import StationConfig
from stations.kept.attachments import Attachments
from stations.kept.backup import last_backup_ms
from stations.kept.lostfiles import lost_files
from stations.serving.rereading import round_of
from stations.version import version

SQLITE_WITHOUT_RESET_RACE = (3, 51, 3)
SQLITE_MIN = (3, 35, 0)
_MIB = 1 << 20
_STEPS_BETWEEN_LOOKS = 100_000
"""Instructions of SQLite: some hundredths of a second."""
Look = Callable[[], None]


def examine(
    home: Home,
    config: StationConfig,
    ledger: Ledger,
    *,
    now_ms: int,
    thorough: bool,
    key_fits: bool,
    watch: Watch | None = None,
) -> list[Check]:
    """Return everything looked at, good or bad, in a fixed order.

    Args:
        home: the installation.
        config: its configuration.
        ledger: its ledger, open for reading.
        now_ms: the machine's clock.
        thorough: reads every page of the database.
        key_fits: whether the storage key is there and opens personal data.
        watch: told how many of the parts are looked at.
    """
    station, place, total = StationId(config.station), 0, 0

    def look() -> None:
        if watch is not None:
            watch(place, total)

    parts: Sequence[Callable[[], Iterable[Check]]] = (
        lambda: (_program(),),
        lambda: _place(home, ledger, thorough=thorough, look=look),
        lambda: (_folder(home), _disk(home, config), _clock(ledger, now_ms), _machine(home)),
        lambda: key_checks(home, ledger, station, key_fits=key_fits),
        lambda: row_checks(home, ledger, thorough=thorough, key_fits=key_fits, look=look),
        lambda: pad_checks(home, ledger) if key_fits else (),
        lambda: head_checks(home, ledger, now_ms=now_ms, thorough=thorough),
        lambda: act_checks(ledger, station),
        lambda: (_attachments(home, ledger, station, thorough=thorough, key_fits=key_fits, look=look),),
        lambda: (_backup(home, config, now_ms),),
    )
    total = len(parts)
    checks: list[Check] = []
    for part in parts:
        look()
        checks += part()
        place += 1
    return checks


def _program() -> Check:
    damaged = damaged_files()
    if damaged:
        named = "、".join(damaged[:NAMED_MAX])
        return found("program", "error", "doctor.program_damaged", count=len(damaged), files=named)
    return found("program", "ok", "doctor.program", version=version())


def _place(home: Home, ledger: Ledger, *, thorough: bool, look: Look) -> Iterator[Check]:
    if home.database_url() is None:
        yield _sqlite()
        yield from _database(home, thorough=thorough, look=look)
        return
    # Its driver is installed only where a ledger lies in PostgreSQL.
    from stations.checkup.doctorpg import postgres_checks

    yield from postgres_checks(home, ledger.store, thorough=thorough)


def _sqlite() -> Check:
    held = sqlite3.sqlite_version
    if sqlite3.sqlite_version_info < SQLITE_MIN:
        return found("sqlite", "error", "doctor.sqlite_old", version=held)
    if sqlite3.sqlite_version_info < SQLITE_WITHOUT_RESET_RACE:
        # The race needs several writing connections; the store has one. Worth knowing, no reason to stop.
        return found("sqlite", "ok", "doctor.sqlite_single_writer", version=held)
    return found("sqlite", "ok", "doctor.sqlite", version=held)


def _database(home: Home, *, thorough: bool, look: Look) -> Iterator[Check]:
    connection = sqlite3.connect(file_uri(home.database_path, mode="ro"), uri=True)
    try:
        mode = str(connection.execute("PRAGMA journal_mode").fetchone()[0])
        # A copy made by a backup gets its journal back with the first command that writes.
        level: Level = "ok" if mode == "wal" or home.restored else "error"
        yield found("pragmas", level, "doctor.pragmas", journal=mode)
        if thorough:
            connection.set_progress_handler(look, _STEPS_BETWEEN_LOOKS)
            answer = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
            good = answer == "ok"
            yield found(
                "pages", "ok" if good else "error", "doctor.pages" if good else "doctor.pages_damaged"
            )
    except sqlite3.DatabaseError:
        # Who stops it interrupts the statement, too, and is asked again: that is no damage.
        look()
        yield found("pages", "error", "doctor.pages_damaged")
    finally:
        connection.close()


def _folder(home: Home) -> Check:
    """Whether acts can be written: systems turn a disk with faults read-only without a word."""
    places = (home.path, home.sentinel_dir, *(() if home.database_url() else (home.database_path,)))
    closed = next((path for path in places if path.exists() and not os.access(path, os.W_OK)), None)
    if closed is None:
        return found("folder", "ok", "doctor.folder")
    return found("folder", "error", "doctor.folder_read_only", path=str(closed))


def _disk(home: Home, config: StationConfig) -> Check:
    free = platform.disk_free_bytes(home.path) // _MIB
    low = free < config.disk_warn_mb
    return found(
        "disk", "warning" if low else "ok", "doctor.disk_low" if low else "doctor.disk", free_mb=free
    )


def _clock(ledger: Ledger, now_ms: int) -> Check:
    doubt = clock_doubt(ledger, now_ms)
    if doubt is not None:
        return found("clock", "error", doubt.code, **doubt.params)
    return found("clock", "ok", "doctor.clock")


def _machine(home: Home) -> Check:
    if home.restored:
        return found("machine", "warning", "doctor.restored")
    if not home.same_machine():
        return found("machine", "warning", "doctor.other_machine")
    return found("machine", "ok", "doctor.machine")


def _attachments(
    home: Home, ledger: Ledger, station: StationId, *, thorough: bool, key_fits: bool, look: Look
) -> Check:
    """Look for photos and scans of own cases that cannot be read; each is read only when asked for."""
    if not station or not key_fits:
        # Without the storage key none can be read, which is told already.
        return found("attachments", "ok", "doctor.attachments_unseen")
    lost = lost_files(ledger, Attachments(home, os.urandom), station, thorough=thorough, look=look)
    if not lost:
        done_at_ms = round_of(home, os.urandom).last_done_at_ms
        if thorough or not done_at_ms:
            return found(
                "attachments", "ok", "doctor.attachments" if thorough else "doctor.attachments_listed"
            )
        return found("attachments", "ok", "doctor.attachments_read", day=str(local_date(done_at_ms)))
    numbers = list(dict.fromkeys(one.number for one in lost))
    return found(
        "attachments",
        "warning",
        "doctor.attachments_lost",
        count=len(lost),
        above=sum(one.above for one in lost),
        numbers="、".join(numbers[:NAMED_MAX]),
    )


def _backup(home: Home, config: StationConfig, now_ms: int) -> Check:
    moment = last_backup_ms(home)
    if moment is None:
        return found("backup", "warning", "doctor.backup_never")
    days = max(0, now_ms - moment) // DAY_MS
    old = days >= config.backup_warn_days
    return found(
        "backup", "warning" if old else "ok", "doctor.backup_old" if old else "doctor.backup", days=days
    )
