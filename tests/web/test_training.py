"""The ten tasks of a training ledger are ticked by acts in the ledger, by nothing else."""

from __future__ import annotations

import os
from pathlib import Path

from ledger.facade import Command, Home, Ledger
from ledger.facade.base.clock import SystemClock
from ledger.formats.envelope import open_key
from ledger.formats.keys import Ed25519Signer
from ledger.types import CaseId, Facts, StationId
from stations.office.training import CLERK_NO, TASKS, TOWNSHIP, VILLAGE, found_training, tasks

ALLOWANCE = "990102800028"
"""高龄津贴申领: three papers, received in the village, accepted and decided in the township."""
SECRET = "a long passphrase"


def test_each_task_is_ticked_by_the_act_that_does_it(tmp_path: Path) -> None:
    home = Home(tmp_path / "practice")
    found_training(home, name="赵学员", passphrase=SECRET, clock=SystemClock(), randomness=os.urandom)
    clerk = Ed25519Signer.from_seed(open_key((home.keys_dir / f"{CLERK_NO}.key").read_bytes(), SECRET).seed)
    with Ledger.open(home, write=True) as ledger:
        seen: list[str] = []

        def act(action: str, where: StationId, case: CaseId | None = None, **facts: object) -> CaseId:
            """Act, and note which task that ticked."""
            before = {task.code for task in tasks(ledger, clerk.key_id) if task.done}
            given: Facts = dict(facts)  # type: ignore[arg-type]
            personal = {"applicant": {"name": "吴老根"}} if action == "receive" else None
            done = ledger.perform(
                Command(action=action, station=where, case=case, facts=given, personal=personal), clerk
            )
            seen.extend({task.code for task in tasks(ledger, clerk.key_id) if task.done} - before)
            return done.case_id

        opened = {"item": ALLOWANCE, "applicant_kind": "person", "channel": "counter"}
        assert [task.code for task in tasks(ledger, clerk.key_id)] == list(TASKS) and len(TASKS) == 10
        assert not any(task.done for task in tasks(ledger, clerk.key_id))
        whole = act("receive", VILLAGE, **opened, materials=["m01", "m02", "m03"])
        short = act("receive", VILLAGE, **opened, materials=["m01"])
        act("supply", VILLAGE, short, materials=["m02", "m03"])
        late = {"paper_no": "DM-0007", "reason": "power"}
        act("receive", VILLAGE, **opened, materials=["m01", "m02", "m03"], late_entry=late)
        act("note", VILLAGE, whole, text_code="other")
        act("hand_over", VILLAGE, whole, to=TOWNSHIP, method="in_person")
        act("take_over", TOWNSHIP, whole)
        act("accept", TOWNSHIP, whole)
        act("decide", TOWNSHIP, whole, result="grant")
        act("deliver", TOWNSHIP, whole, method="counter", receiver="applicant", proof="signature")
        assert seen == list(TASKS)
        assert all(task.done for task in tasks(ledger, clerk.key_id))
        other = next(held for held in ledger.knowledge.registry.keys() if held.kind == "registrar")  # noqa: SIM118
        assert not any(task.done for task in tasks(ledger, other.key_id))
        assert ledger.training
