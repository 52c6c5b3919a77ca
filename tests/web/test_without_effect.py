"""Pages tell of acts that count for nothing and of numbers given twice until somebody has looked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.facade import Ledger
from ledger.facade.base.types import SignedAct
from ledger.facade.cases.signing import sign_bodies
from ledger.facade.logs.ownlog import OwnLog
from ledger.facade.peering.between import exchange_of
from ledger.formats.body import new_body
from ledger.formats.genesis import LogGenesis
from ledger.formats.keys import Ed25519Signer
from ledger.formats.package import encode_package
from ledger.formats.packageform import PackageContent
from ledger.registry import actions as registry_actions
from ledger.types import CaseId, Facts
from stations.config import StationConfig
from sync.core.framing import PACKAGE, Section
from sync.core.ingest import PreparedPackage, prepare
from tests.facade.counter import (
    COUNTY,
    FELLING,
    TOWNSHIP,
    VILLAGE,
    Dice,
    FakeClock,
    found_county,
    receive,
    signer,
)
from tests.web.counterdesk import Counter, keys, serving

SHOWN = "act.other_station"


def signed(ledger: Ledger, action: str, facts: Facts, number: int, **other: object) -> SignedAct:
    """Return an act of the village's second clerk."""
    fields: dict[str, object] = {"station": VILLAGE, "personal": b"", "case_id": CaseId(b""), "parents": ()}
    return sign_bodies(
        ledger_id=ledger.ledger_id, action=action, registry_size=ledger.knowledge.registry.size,
        catalogue_version=ledger.knowledge.catalogue.size, occurred_at_ms=ledger.clock.now_ms(),
        facts=new_body(facts, number.to_bytes(16, "big")), signer=signer("V2"), **(fields | other),  # type: ignore[arg-type]
    )  # fmt: skip


def bring(folder: Path, clock: FakeClock) -> str:
    """Let the county receive a case, and take a log of the village in that copies its number."""
    with Ledger.open(folder, clock=clock, randomness=Dice(), write=True, station=COUNTY) as ledger:
        number = receive(ledger).number
        key = Ed25519Signer.from_seed(bytes(32))
        genesis = LogGenesis(
            ledger_id=ledger.ledger_id, kind="station", station=VILLAGE, log_public_key=key.public_key,
            reason="first", nonce=bytes(16), parent_log=b"", parent_size=0, parent_root=b"",
        )  # fmt: skip
        opening: Facts = {
            "item": FELLING, "number": number, "token_hash": bytes(32), "materials": [],
            "applicant_kind": "person", "channel": "counter",
        }  # fmt: skip
        acts = [
            signed(ledger, "open_log", registry_actions.open_log(genesis=genesis.pack()), 1),
            signed(ledger, "receive", opening, 2),
            signed(ledger, "receive", {**opening, "number": "X1"}, 3, station=TOWNSHIP),
        ]
        log, frames = OwnLog(genesis, key), []
        for one in acts:
            entry = log.next_entry(one.raw, one.sig, one.act_id, clock=clock, county_seen=b"")
            log.adopt(entry)
            frames.append(entry.frame)
        content = PackageContent(
            log_id=log.log_id, first_seq=1, previous=genesis.genesis_hash(), frames=tuple(frames),
            facts=tuple(one.facts for one in acts), personal=(b"",) * 3, checkpoint=log.sign_head(),
        )  # fmt: skip
        exchange = exchange_of(ledger)
        section = Section(PACKAGE, encode_package(content))
        prepared = prepare(section, ledger_id=ledger.ledger_id, public_key=exchange.public_key)
        assert isinstance(prepared, PreparedPackage)
        exchange.receiving.take_package(
            prepared.content, prepared.records, allowed=lambda _: True, now_ms=clock.now_ms()
        )
        exchange.peers.note_refused(VILLAGE, [("package.pins", "")], now_ms=clock.now_ms())
        exchange.stretches.note(log.name, 9, now_ms=clock.now_ms())
    return number


@pytest.fixture
def counter(tmp_path: Path) -> Iterator[tuple[Counter, str]]:
    folder, clock = tmp_path / "county", FakeClock()
    found_county(folder, clock)
    keys(folder)
    number = bring(folder, clock)
    with serving(folder, clock=clock, config=StationConfig(station=COUNTY)) as one:
        yield one, number


def test_pages_tell_station_person_and_both_cases(counter: tuple[Counter, str]) -> None:
    desk, number = counter[0].desk("C2"), counter[1]
    safe = desk.get("/safe").text
    assert SHOWN in safe and f"{VILLAGE}（工号 V2）" in safe and "audit.number_repeated" in safe
    conflicts = desk.get("/conflicts").text
    assert "同一个编号给了几个办件" in conflicts and conflicts.count(number) >= 2
    row = desk.get("/board").text.partition(f"<small>{VILLAGE}</small>")[2].partition("</tr>")[0]
    assert "不生效、重号或" in row and "package.pins" in row
    assert "有一段记录太大" in row
    form = desk.get("/safe")
    seen = desk.post("/safe/seen", {"once": form.field("once"), "sure": "1"})
    assert seen.status == 200
    assert SHOWN not in desk.get("/safe").text
    assert "同一个编号给了几个办件" not in desk.get("/conflicts").text


def test_the_interface_tells_the_board_and_the_numbers_as_the_pages_do(
    counter: tuple[Counter, str],
) -> None:
    desk, number = counter[0].desk("C2"), counter[1]
    stations = {one["station"]: one for one in json.loads(desk.get("/api/v1/board").raw)["stations"]}
    assert {name: one["skipped"] for name, one in stations.items() if one["skipped"]} == {VILLAGE: True}
    assert stations[VILLAGE]["grade"] == "bad" and stations[VILLAGE]["without_effect"] == 2
    told = json.loads(desk.get("/api/v1/conflicts").raw)
    assert [{line["number"] for line in same} for same in told["repeated"]] == [{number}]
    assert told["repeated_more"] == [0]
    described = json.loads(desk.get("/api/v1/openapi.json").raw)["components"]["schemas"]["BoardStation"]
    assert described["properties"]["skipped"] == {"type": "boolean"} and "skipped" in described["required"]
