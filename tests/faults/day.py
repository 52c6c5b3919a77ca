"""A day's work through the real write path: scripts of cases, worked in turns, repeatable from a seed.

A day can be worked on after any crash, by another process as well: each case carries the number of its script
in its opening act, and each step of a script is one act of the case.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from ledger.cases.guards import token_hash
from ledger.facade import Command, Ledger
from ledger.facade.base.tables import CASES
from ledger.facade.peering.between import merge
from ledger.types import ActId, CaseId, Facts, LogId, StationId
from tests.faults.office import COUNTY, TOWN, VILLAGE, signer

HYGIENE, PLANNING, PROOF = "990100300003", "990101200012", "990104200042"
ACTIVE_CASES_MAX = 4
CHECKPOINT_EVERY_ACTS = 7
MERGE_EVERY_ACTS = 5
SURNAMES = "王李张刘陈杨赵黄周吴"
GIVEN = ("伟", "芳", "秀英", "敏", "静", "丽", "强", "磊", "军", "洋")


@dataclass(frozen=True)
class Confirmed:
    """What the write path has promised: this act, at this place, in these bytes."""

    act_id: bytes
    log: str
    seq: int
    frame_hash: bytes

    def line(self) -> str:
        """Return the form in which it goes through a pipe."""
        return f"{self.act_id.hex()} {self.log} {self.seq} {self.frame_hash.hex()}"

    @classmethod
    def parse(cls, line: str) -> Confirmed:
        """Return what a line tells."""
        act, log, seq, frame = line.split()
        return cls(bytes.fromhex(act), log, int(seq), bytes.fromhex(frame))


@dataclass
class Run:
    """One case on its way through its script; ``done`` holds the ids of its acts so far."""

    tag: str
    script: Sequence[Step]
    case_id: CaseId | None = None
    done: list[ActId] = field(default_factory=list)

    @property
    def over(self) -> bool:
        """Whether nothing is left to do."""
        return len(self.done) >= len(self.script)


@dataclass(frozen=True)
class Step:
    """One action of a script; ``facts`` may look at the run to name an earlier act."""

    action: str
    station: StationId
    who: str
    facts: Facts | Callable[[Run], Facts] = field(default_factory=dict)
    personal: bool = False


def token_of(tag: str) -> bytes:
    """Return the rating token of a case."""
    return f"token {tag}".encode()


def opening(item: str, **more: object) -> Callable[[Run], Facts]:
    """Return the facts of an opening act, with the script's number and a token known beforehand."""

    def facts(run: Run) -> Facts:
        return {
            "item": item,
            "external_no": run.tag,
            "token_hash": token_hash(token_of(run.tag)),
            **more,  # type: ignore[dict-item]
        }

    return facts


def target(index: int) -> Callable[[Run], Facts]:
    """Return the facts of a countersignature under the act of an earlier step."""
    return lambda run: {"target": run.done[index]}


def rating(run: Run) -> Facts:
    """Return the facts of a rating by the holder of the token."""
    return {"level": "satisfied", "token": token_of(run.tag), "channel": "counter"}


DELIVERY: Facts = {"method": "counter", "receiver": "applicant", "proof": "signature"}
BACK: Facts = {"materials": ["m03"], "proof": "signature"}
SUSPENSION: Facts = {"ground": "appraisal", "expected_days": 10, "applicant_told": True}
PERMIT: Sequence[Step] = (
    Step("receive", TOWN, "t1", opening(HYGIENE, materials=["m01", "m03"], originals=["m03"]), True),
    Step("request_correction", TOWN, "t1", {"missing": ["m04"], "due": "2026-06-30", "told_by": "paper"}),
    Step("supply", TOWN, "t2", {"materials": ["m04"]}, True),
    Step("accept", TOWN, "t2", {}),
    Step("hand_over", TOWN, "t1", {"to": COUNTY, "manifest": ["m01", "m03", "m04"], "method": "in_person"}),
    Step("take_over", COUNTY, "c1", {"manifest_complete": True}),
    Step("start_review", COUNTY, "c1", {}),
    Step("suspend", COUNTY, "c1", SUSPENSION, True),
    Step("countersign", COUNTY, "c3", target(7)),
    Step("resume", COUNTY, "c1", {"outcome": "ok"}),
    Step("decide", COUNTY, "c2", {"result": "grant", "document_no": "演卫许〔2026〕1号"}),
    Step("issue", COUNTY, "c2", {"certificate_no": "演卫证字0001"}),
    Step("deliver", COUNTY, "c1", DELIVERY, True),
    Step("rate", COUNTY, "c1", rating),
    Step("return_originals", COUNTY, "c1", BACK),
    Step("close", COUNTY, "c1", {}),
    Step("archive", COUNTY, "c4", {"period": "10"}),
)
PLAN: Sequence[Step] = (
    Step("receive", VILLAGE, "v1", opening(PLANNING, materials=["m01", "m02", "m03"]), True),
    Step("hand_over", VILLAGE, "v1", {"to": TOWN, "method": "courier"}),
    Step("take_over", TOWN, "t1", {"manifest_complete": True}),
    Step("accept", TOWN, "t1", {}),
    Step("check_on_site", TOWN, "t1", {"outcome": "pass", "checked_on": "2026-03-02"}, True),
    Step("countersign", TOWN, "t2", target(4)),
    Step("decide", TOWN, "t3", {"result": "grant"}),
    Step("issue", TOWN, "t3", {"certificate_no": "乡字第0002号"}),
    Step("deliver", TOWN, "t1", DELIVERY),
    Step("rate", VILLAGE, "v2", rating),
    Step("close", TOWN, "t1", {}),
)
INSTANT: Sequence[Step] = (
    Step(
        "receive",
        VILLAGE,
        "v1",
        opening(PROOF, materials=["m01", "m02"], proof_kind="collective_member"),
        True,
    ),
    Step("accept", VILLAGE, "v1", {}),
    Step("decide", VILLAGE, "v1", {"result": "grant"}),
    Step("issue", VILLAGE, "v1", {"certificate_no": "村证0003"}),
    Step("deliver", VILLAGE, "v2", DELIVERY),
    Step("rate", VILLAGE, "v2", rating),
    Step("close", VILLAGE, "v1", {}),
)
MISTAKE: Sequence[Step] = (
    Step("receive", VILLAGE, "v1", opening(PLANNING, materials=["m01"]), True),
    Step("void", VILLAGE, "v1", {"reason": "wrong_item"}),
    Step("countersign", VILLAGE, "v2", target(1)),
)
WITHDRAWN: Sequence[Step] = (
    Step("receive", TOWN, "t1", opening(HYGIENE, materials=["m01"]), True),
    Step("note", TOWN, "t1", {"text_code": "asked"}, True),
    Step("request_withdrawal", TOWN, "t1", {"proof": "signature"}),
    Step("withdraw", TOWN, "t2", {"proof": "signature"}),
    Step("close", TOWN, "t1", {}),
)
WHOLE_DAY = (PERMIT, PLAN, INSTANT, MISTAKE, WITHDRAWN, INSTANT, PERMIT, PLAN, MISTAKE)
SHORT_DAY = (INSTANT, MISTAKE, PLAN[:3])


class Day:
    """Works scripts in turns.

    Args:
        seed: which case goes on next, and the people's names.
        scripts: the cases of the day.
    """

    def __init__(self, seed: str, scripts: Sequence[Sequence[Step]] = WHOLE_DAY) -> None:
        self.rng = random.Random(f"day {seed}")
        self.runs = [Run(f"{seed}-{index}", script) for index, script in enumerate(scripts)]
        self.confirmed: list[Confirmed] = []

    @property
    def over(self) -> bool:
        """Whether every case is through."""
        return all(run.over for run in self.runs)

    def work(self, ledger: Ledger) -> Confirmed:
        """Do the next action of some open case; what comes back was promised to the clerk."""
        run = self.rng.choice([run for run in self.runs if not run.over][:ACTIVE_CASES_MAX])
        step = run.script[len(run.done)]
        command = Command(
            action=step.action,
            station=step.station,
            case=run.case_id,
            facts=step.facts(run) if callable(step.facts) else dict(step.facts),
            personal=self.person(run.tag) if step.personal else None,
        )
        performed = ledger.perform(command, signer(step.who))
        run.case_id = performed.case_id
        run.done.append(performed.act_id)
        # The promise is noted before anything else can fail.
        note = Confirmed(performed.act_id, performed.log_id.hex(), performed.seq, b"")
        self.confirmed.append(note)
        with ledger.store.read() as tx:
            frame = tx.frame(note.log, note.seq) or b""
        self.confirmed[-1] = Confirmed(note.act_id, note.log, note.seq, sha256(frame).digest())
        return self.confirmed[-1]

    def checkpoint(self, ledger: Ledger) -> None:
        """Sign the head of the log that was written last, now and then; at the county merge as well."""
        if len(self.confirmed) % CHECKPOINT_EVERY_ACTS == 0:
            ledger.checkpoint(LogId(bytes.fromhex(self.confirmed[-1].log)))
        if len(self.confirmed) % MERGE_EVERY_ACTS == 0 and ledger.parts.merge_log.log is not None:
            merge(ledger)

    def resume(self, ledger: Ledger) -> None:
        """Find out from the ledger how far each case has come: the last action may be in or not."""
        with ledger.store.read() as tx:
            case_ids = [CaseId(row[0]) for row in tx.select(CASES, {}) if isinstance(row[0], bytes)]
        numbers: dict[str, CaseId] = {}
        for case_id in case_ids:
            numbers[str(ledger.state(case_id)[0].steps[0].act.facts["external_no"])] = case_id
        for run in self.runs:
            run.case_id, run.done = numbers.get(run.tag), []
            if run.case_id is not None:
                run.done = [step.act.act_id for step in ledger.state(run.case_id)[0].steps]

    def person(self, tag: str) -> Facts:
        """Return a made-up applicant."""
        rng = random.Random(tag)
        name = rng.choice(SURNAMES) + rng.choice(GIVEN)
        return {"applicant": {"name": name, "phone": f"0990{rng.randrange(10**7):07d}"}, "text": "电话已核对"}


class Days:
    """One day after the other, for as long as the machine lets it work; promises of all days together.

    Args:
        seed: names the days.
    """

    def __init__(self, seed: str) -> None:
        self.seed = seed
        self.count = 0
        self.day = Day(f"{seed}.0")
        self.past: list[Confirmed] = []

    @property
    def confirmed(self) -> list[Confirmed]:
        """Everything promised so far."""
        return [*self.past, *self.day.confirmed]

    def work_on(self, ledger: Ledger) -> None:
        """Work until something stops it."""
        self.day.resume(ledger)
        while True:
            if self.day.over:
                self.past += self.day.confirmed
                self.count += 1
                self.day = Day(f"{self.seed}.{self.count}")
            self.day.work(ledger)
            self.day.checkpoint(ledger)
