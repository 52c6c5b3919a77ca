"""Which keys that a station asked for still wait, and what of it: nothing is said where nothing waits."""

from __future__ import annotations

from pathlib import Path

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
