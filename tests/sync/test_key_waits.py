"""Which keys that a station asked for still wait, and what of it: nothing is said where nothing waits."""

from __future__ import annotations

from pathlib import Path

from ledger.facade import Ledger
from ledger.registry import actions as registry_actions
from ledger.types import StationId
from stations.cli.counterday.demo import VILLAGE
from tests.cli.conftest import Terminal
from tests.sync.conftest import Serve, banjian, folder_of
from tests.sync.test_join import NEW_VILLAGE, give_registry, invite, new_station


def joined(county: Terminal, serve: Serve, target: Path, station: str, *words: str) -> Terminal:
    """Let a station join at the county; returns its terminal. The request waits to be approved."""
    staff = words[-1:]
    file = invite(county, station, *words[:-1], address=serve(folder_of(county)))
    asked = banjian(target, "join", str(file), str(target), "--yes", *(f"--staff={one}" for one in staff))
    assert asked.returncode == 0, asked.stderr
    return Terminal(folder=target)


def why(county: Terminal, terminal: Terminal) -> dict[str, dict[str, object]]:
    """Return what `sync status` names as reasons once the registry of the county has come."""
    give_registry(folder_of(county), folder_of(terminal))
    return reasons(terminal)


def reasons(terminal: Terminal) -> dict[str, dict[str, object]]:
    """Return what `sync status` names as reasons, with their values."""
    return {one["code"]: one["params"] for one in terminal.ok("sync", "status", "--json").json["why"]}


def test_each_kind_of_key_that_waits_is_named_until_it_is_enrolled(
    county: Terminal, serve: Serve, tmp_path: Path
) -> None:
    station = joined(county, serve, tmp_path / "village", NEW_VILLAGE, *new_station(), "W305=西门甲")
    found = why(county, station)
    assert found["sync.keys_wait"]["purposes"] == ["bundle", "receipt"]
    assert found["sync.staff_waits"]["people"] == ["W305"]
    county.ok("join", "approve", NEW_VILLAGE, "--as", "R001")
    assert not why(county, station).keys() & {"sync.keys_wait", "sync.staff_waits"}


def test_before_the_registry_has_come_nothing_is_said_of_keys(
    county: Terminal, serve: Serve, tmp_path: Path
) -> None:
    """Approved or not: that is known by the registry alone, and the next step is to get it."""
    station = joined(county, serve, tmp_path / "village", NEW_VILLAGE, *new_station(), "W305=西门甲")
    county.ok("join", "approve", NEW_VILLAGE, "--as", "R001")
    assert reasons(station).keys() & {"sync.not_begun", "sync.keys_wait", "sync.staff_waits"} == {
        "sync.not_begun"
    }


def test_a_key_for_somebody_who_has_one_that_holds_leaves_no_lasting_warning(
    county: Terminal, serve: Serve, tmp_path: Path
) -> None:
    staff = county.ok("staff", "list", "--json").lines
    number = next(one["staff_no"] for one in staff if one["station"] == VILLAGE)
    station = joined(county, serve, tmp_path / "again", VILLAGE, f"{number}=某某")
    found = why(county, station)
    assert "sync.keys_wait" in found and "sync.staff_waits" not in found
    # The registrar cannot enrol a second key of one person; the services are.
    county.run("join", "approve", VILLAGE, "--as", "R001")
    give_registry(folder_of(county), folder_of(station))
    assert not why(county, station).keys() & {"sync.keys_wait", "sync.staff_waits"}


def test_who_joins_again_in_the_old_folder_is_told_that_sticks_and_receipts_go_on(
    county: Terminal, serve: Serve, tmp_path: Path
) -> None:
    folder = tmp_path / "village"
    station = joined(county, serve, folder, NEW_VILLAGE, *new_station(), "W305=西门甲")
    county.ok("join", "approve", NEW_VILLAGE, "--as", "R001")
    again = joined(county, serve, folder, NEW_VILLAGE, "W306=西门乙")
    found = why(county, again)
    assert "sync.keys_wait" not in found and found["sync.staff_waits"]["people"] == ["W306"]
    assert found["sync.new_keys_wait"]["purposes"] == ["bundle", "receipt"]
    told = station.ok("sync", "status")
    assert "照常" in told.out and "不能用 U 盘" not in told.out
    assert "go on" in station.ok("sync", "status", lang="en").out
    # One old key is retired, the other one holds.
    (registrar,) = (signer for path, signer in county.signers.items() if Path(path).stem == "R001")
    with Ledger.open(folder_of(county), write=True) as ledger:
        (old,) = ledger.knowledge.registry.service_keys(StationId(NEW_VILLAGE), "bundle")
        facts = registry_actions.retire_key(key_id=old.key_id, reason="retired", log_sizes=())
        ledger.register("retire_key", facts, registrar)
    found = why(county, again)
    assert found["sync.keys_wait"]["purposes"] == ["bundle"]
    assert found["sync.new_keys_wait"]["purposes"] == ["receipt"]
    county.ok("join", "approve", NEW_VILLAGE, "--as", "R001")
    assert not why(county, again).keys() & {"sync.keys_wait", "sync.new_keys_wait", "sync.staff_waits"}
