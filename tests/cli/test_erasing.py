"""What a command erases goes out of the lists beside the ledger; no neighbour is opened."""

from __future__ import annotations

import json
import os
from pathlib import Path

from ledger.facade import Home
from stations.cli.counterday.demo import TOWNSHIP, VILLAGE
from stations.config import write_config
from stations.kept import platformlist
from stations.kept.platformlist import KeptList, keep_list, load_list
from stations.kept.sealed import SealedFolder
from stations.province.exported import ExportRow
from tests.cli.conftest import ITEM, Terminal

SIBLING = "990121001299-00"


def test_a_command_that_erases_takes_the_person_out_of_a_list_that_was_read_before(county: Terminal) -> None:
    assert county.folder is not None
    lists = SealedFolder(Home(Path(county.folder)), platformlist.FOLDER, os.urandom)
    rows = [
        ExportRow(row=no, external_no=f"P{no}", item=ITEM, applicant=name)
        for no, name in enumerate(("吴老根", "吴老根", "郑别人"), start=1)
    ]
    keep_list(lists, VILLAGE, KeptList(at_ms=1, by="V001", file="导出.xlsx", rows=rows))
    receive = ("receive", ITEM, "--as", "V001", "--name", "吴老根", "--materials", "all", "--json")
    numbers = [str(county.ok(*receive).json["number"]) for _ in range(2)]
    for number in numbers:
        county.ok("erase", number, "--ground", "applicant_request", "--yes", "--as", "R001")
    kept = load_list(lists, VILLAGE)
    assert kept is not None
    assert [(row.applicant, row.erased) for row in kept.rows] == [("", True), ("", True), ("郑别人", False)]
    assert not kept.may_mean


def test_a_village_opens_no_log_of_its_neighbour(county: Terminal) -> None:
    assert county.folder is not None
    add = ("--name", "西门村便民服务站", "--level", "village", "--upstream", TOWNSHIP, "--as", "R001")
    county.ok("station", "add", SIBLING, *add)
    (county.folder / "banjian.toml").unlink(missing_ok=True)
    write_config(county.folder, station=VILLAGE)
    refused = county.run("station", "open", SIBLING, "--as", "R001")
    assert refused.code == 1 and "[log.not_below]" in refused.err
    assert f"banjian invite {SIBLING}" in refused.err.replace("\n", "")
    listed = [json.loads(line) for line in county.ok("station", "list", "--json").out.splitlines()]
    opened = {one["station"] for one in listed if one["kept_here"]}
    assert VILLAGE in opened and SIBLING not in opened
