"""What an act costs on the wire: a day of counter work with realistic text, packed and compressed."""

from __future__ import annotations

from random import Random

from backports import zstd

from ledger.formats.act import ActHeader, case_of, new_act
from ledger.formats.body import facts_hash, new_body, personal_hash
from ledger.formats.checkpoint import Checkpoint, log_origin, sign_checkpoint
from ledger.formats.entry import Entry, entry_hash, sig_hash
from ledger.formats.frame import encode_frame
from ledger.formats.merkle import Tree, leaf_hash
from ledger.formats.package import check_package, decode_package, encode_package
from ledger.formats.packageform import PackageContent
from ledger.limits import PACKAGE_ENTRIES_MAX
from ledger.types import ActId, CaseId, Facts
from tests.vectors.world import CLERK, LEDGER_ID, TOWN, VILLAGE, new_log, seed

ACT_BYTES_AIM = 180
"""Bytes an act after zstd level 3; 64 of them are the signature and 16 for each body are salt."""
SURNAMES, GIVEN = "王李张刘陈杨黄赵周吴徐孙马朱胡郭何", "伟芳娜秀英敏静丽强磊军洋勇艳杰娟涛明超兰霞平刚桂"
ROADS = ("解放路", "人民路", "建设村", "东风组", "胜利街", "和平里", "光明小区")


class Day:
    """Acts of one counter on one day, in order, as its log stores them."""

    def __init__(self) -> None:
        self.random = Random(20260105)
        self.log = new_log("busy", "station", VILLAGE)
        self.facts: list[bytes] = []
        self.personal: list[bytes] = []
        self.now_ms = 1_767_574_800_000
        self.open_cases: list[list[ActId | CaseId]] = []

    def put(
        self, action: str, facts: Facts, personal: Facts | None, case: list[ActId | CaseId] | None
    ) -> None:
        """Sign an act and log it; an opening act begins a case."""
        log, number = self.log, len(self.log.frames) + 1
        self.now_ms += self.random.randint(20_000, 900_000)
        facts_raw = new_body(facts, self.random.randbytes(16))
        personal_raw = b"" if personal is None else new_body(personal, self.random.randbytes(16))
        header = ActHeader(
            ledger_id=LEDGER_ID, case_id=CaseId(bytes(case[0])) if case else CaseId(b""),
            parents=(ActId(bytes(case[1])),) if case else (), action=action, actor=CLERK.key_id,
            station=VILLAGE, registry_size=120, catalogue_version=3510,
            occurred_at_ms=self.now_ms - self.random.randint(500, 60_000), facts_hash=facts_hash(facts_raw),
            facts_len=len(facts_raw), personal_hash=personal_hash(personal_raw),
            personal_len=len(personal_raw), attachments=(),
        )  # fmt: skip
        act = new_act(header, CLERK)
        entry = Entry(
            log_id=log.log_id, seq=number, previous=log.previous, act_id=act.act_id,
            sig_hash=sig_hash(act.sig), recorded_at_ms=self.now_ms, boot_id=seed("boot")[:16],
            monotonic_ms=self.now_ms - 1_767_570_000_000, county_seen=seed("seen"),
        ).pack()  # fmt: skip
        log.frames.append(encode_frame(act.raw, act.sig, entry))
        log.entries.append(entry)
        self.facts.append(facts_raw)
        self.personal.append(personal_raw)
        if case is None:
            self.open_cases.append([case_of(act), act.act_id])
        else:
            case[1] = act.act_id

    def person(self) -> Facts:
        """Return a made-up applicant."""
        pick = self.random
        born = f"{pick.randint(1940, 2006)}{pick.randint(1, 12):02}{pick.randint(1, 28):02}"
        return {
            "name": pick.choice(SURNAMES) + pick.choice(GIVEN) + pick.choice(GIVEN),
            "id_kind": "resident",
            "id_no": f"990121{born}{pick.randint(0, 9999):04}",
            "phone": f"1{pick.choice('3578')}{pick.randint(0, 999_999_999):09}",
            "address": f"白水镇{pick.choice(ROADS)}{pick.randint(1, 300)}号",
        }

    def work(self) -> None:
        """Receive a case, or take a step of an open one."""
        pick = self.random
        if pick.random() < 0.3 or not self.open_cases:
            item = f"0001{pick.randint(10_000, 99_999)}000"
            facts: Facts = {"item": item, "channel": "counter", "applicant_kind": "person",
                            "materials": ["01", "02", "03"]}  # fmt: skip
            self.put("receive", facts, {"applicant": self.person()}, None)
            return
        case = pick.choice(self.open_cases)
        steps: list[tuple[str, Facts, Facts | None]] = [
            ("accept", {"commitments": []}, None),
            ("hand_over", {"to": TOWN, "method": "electronic"}, None),
            ("note", {"note_code": "called"}, {"text": "已电话告知申请人，三日内补交材料。"}),
            ("deliver", {"method": "counter", "proof": "signature", "receiver": "self"},
             {"receiver": self.person()["name"], "relation": "本人"}),
        ]  # fmt: skip
        action, facts, personal = pick.choice(steps)
        self.put(action, facts, personal, case)


def test_an_act_costs_at_most_180_bytes_on_the_wire() -> None:
    day = Day()
    day.put("open_log", {"genesis": day.log.genesis.pack()}, None, None)
    day.open_cases.clear()
    while len(day.log.frames) < PACKAGE_ENTRIES_MAX:
        day.work()
    log, tree = day.log, Tree()
    tree.extend(map(leaf_hash, log.entries))
    head = Checkpoint(origin=log_origin(log.log_id), size=tree.size, root=tree.root())
    content = PackageContent(
        log_id=log.log_id, first_seq=1, previous=log.genesis.genesis_hash(), frames=tuple(log.frames),
        facts=tuple(day.facts), personal=tuple(day.personal), checkpoint=sign_checkpoint(head, log.signer),
    )  # fmt: skip
    assert entry_hash(log.entries[-1]) == log.previous
    raw = encode_package(content)
    found = decode_package(raw)
    assert found == content
    check_package(found, tree=Tree(), public_key=log.genesis.log_public_key)
    act_bytes = len(zstd.compress(raw, 3)) / PACKAGE_ENTRIES_MAX
    assert 64 + 16 < act_bytes <= ACT_BYTES_AIM
