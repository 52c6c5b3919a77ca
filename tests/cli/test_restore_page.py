"""The commands of docs/storage.md by which a county comes back from a backup, pasted into a shell."""

from __future__ import annotations

import json
import shutil
import socket
from pathlib import Path

import pytest

from audit.checking.verify import verify_ledger
from ledger.formats.genesis import ledger_id
from tests.cli.pasting import ROOT, commands, paste

TOWN, VILLAGE = "990121001000-00", "990121001201-00"
PORT = "127.0.0.1:18443"
"""Where the page's county listens; each test takes another port, for several may run at once."""

BEFORE = f"""
banjian county create county --name 溪山县政务服务中心 --code 990121 --registrar-name 李登记
mkdir safe
cp county/roots/root-1.key county/secrets/storage.key safe/
banjian invite station {TOWN} --name 城关镇便民服务中心 --level township \
  --address https://{PORT} --out town.invite --dir county
cp county/secrets/ca.key safe/
banjian serve county --listen {PORT} & COUNTY=$!; sleep 3
banjian join town.invite town --yes --staff T001=王城关
banjian join approve --all --as R001 --dir county
banjian sync now --dir town
banjian backup --to backup --dir county
"""
LOST_WEEK = f"""
banjian staff add T002 --name 周备份后 --at {TOWN} --role window --dir county --as R001
cp county/keys/T002.key town/keys/
banjian sync now --dir town
banjian receive 城乡居民医保 --name 欧阳小莲 --materials all --as T002 --dir town
banjian station add {VILLAGE} --name 东门村便民服务站 --level village --upstream {TOWN} --dir county --as R001
banjian sync now --dir town
kill $COUNTY; wait
mv county burnt
"""
AFTER = f"""
banjian worklist --all --json --dir county > county.json
banjian registry log --json --dir county > registry.json
banjian receive 城乡居民医保 --name 石小林 --materials all --as T001 --dir town
banjian serve county --listen {PORT} & COUNTY=$!; sleep 3
banjian sync now --dir town
banjian sync status --json --dir town > town.json
kill $COUNTY; wait
banjian doctor --json --dir county > doctor.json
"""


@pytest.fixture(scope="module")
def port() -> str:
    """An address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


@pytest.fixture(scope="module")
def burnt(tmp_path_factory: pytest.TempPathFactory, port: str) -> Path:
    """A folder with a township, a safe, a backup, and a county that burnt a week after it."""
    folder = tmp_path_factory.mktemp("burnt")
    paste(folder, (BEFORE + LOST_WEEK).replace(PORT, port), fork=True)
    return folder


@pytest.fixture
def lost(burnt: Path, tmp_path: Path) -> Path:
    """A copy of it, to be spoilt."""
    return shutil.copytree(burnt, tmp_path / "lost")


def test_a_county_comes_back_by_the_page(lost: Path, port: str) -> None:
    paste(lost, ("\n".join(commands("docs/storage.md")) + AFTER).replace(PORT, port), fork=True)
    (case,) = [json.loads(line) for line in (lost / "county.json").read_text("utf-8").splitlines()]
    assert case["number"] and case["status"] == "received"
    acts = [json.loads(line) for line in (lost / "registry.json").read_text("utf-8").splitlines()]
    assert [one["action"] for one in acts if one["effective"]].count("enrol_station") == 3
    town = json.loads((lost / "town.json").read_text("utf-8"))
    (county,) = town["levels"]
    assert (county["waiting"], town["findings"]) == (0, [])
    checks = {one["check"]: one for one in json.loads((lost / "doctor.json").read_text("utf-8"))["checks"]}
    assert checks["receipt_key"]["code"] == "doctor.receipt_key"
    assert verify_ledger(lost / "county").ok and verify_ledger(lost / "town").ok


def test_logs_are_not_opened_before_the_township_has_synced(lost: Path, port: str) -> None:
    restore, _, reopen, _ = commands("docs/storage.md")
    first = reopen.splitlines()[0]
    script = f"{restore}\n! {first} 2> refused\n{first} --anyway\nkill $COUNTY; wait\n"
    said = paste(lost, script.replace(PORT, port), fork=True)
    refused = (lost / "refused").read_text("utf-8")
    assert "[county.stations_behind]" in refused and TOWN in refused and said


def test_without_the_key_of_its_ca_a_restored_county_does_not_listen(lost: Path, port: str) -> None:
    restore = commands("docs/storage.md")[0].replace(" safe/ca.key", "")
    served = f"banjian serve county --listen {PORT}"
    assert served in restore
    paste(lost, restore.partition(served)[0] + f"! {served.replace(PORT, port)} 2> refused\n", fork=True)
    assert "[pki.ca_key]" in (lost / "refused").read_text("utf-8")


RESCUE = f"""
banjian county rescue county --station-dir town --ca-key safe/ca.key --ledger-id NUMBER
banjian serve county --listen {PORT} & COUNTY=$!; sleep 3
"""


def test_a_county_without_any_backup_is_filled_by_its_stations(lost: Path, port: str) -> None:
    """Processes and commands of the page: nothing but the safe and what the township holds."""
    shutil.rmtree(lost / "backup")
    page = (ROOT / "docs" / "storage.md").read_text(encoding="utf-8")
    assert all(line in page for line in RESCUE.strip().splitlines())
    sync, reopen, after = commands("docs/storage.md")[1:]
    number = ledger_id((lost / "town" / "ledger.genesis").read_bytes()).hex()
    first = reopen.splitlines()[0]
    wrong = RESCUE.strip().splitlines()[0].replace("rescue county", "rescue other")
    wrong = wrong.replace("ca.key", "root-1.key")
    script = f"! {wrong} 2> key\n{RESCUE}! {first} 2> early\n"
    script += "mkdir -p county/keys\ncp burnt/keys/R001.key county/keys/\n"
    script += "\n".join((sync, reopen, after)) + AFTER
    paste(lost, script.replace(PORT, port).replace("NUMBER", number), fork=True)
    assert "[restore.ca_key]" in (lost / "key").read_text("utf-8") and not (lost / "other").exists()
    assert "[log.not_first]" in (lost / "early").read_text("utf-8")
    (case,) = [json.loads(line) for line in (lost / "county.json").read_text("utf-8").splitlines()]
    assert case["number"] and case["status"] == "received"
    acts = [json.loads(line) for line in (lost / "registry.json").read_text("utf-8").splitlines()]
    assert [one["action"] for one in acts if one["effective"]].count("enrol_station") == 3
    (county,) = json.loads((lost / "town.json").read_text("utf-8"))["levels"]
    assert county["waiting"] == 0
    assert verify_ledger(lost / "county").ok and verify_ledger(lost / "town").ok
