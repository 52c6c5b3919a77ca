"""A station that goes on working while it is audited is not accused of what it writes meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from audit.checking import verify
from audit.checking.verify import verify_ledger
from audit.reading.findings import Finding
from audit.reading.openings import Branch, Opening
from audit.reading.source import Source
from ledger.facade import Ledger
from tests.audit.ledgers import receive


def test_a_checkpoint_that_is_signed_while_the_audit_looks_is_no_cut_end(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look, done = verify.read_openings, list[str]()

    with Ledger.open(copy, write=True) as ledger:

        def slow(source: Source, *rest: object) -> tuple[list[Opening], list[Branch]]:
            seen = look(source, *rest)  # type: ignore[arg-type]
            receive(ledger, 99)
            done.extend(ledger.checkpoint(log.log_id) for log in ledger.logs() if log.own and not log.doubt)
            return seen

        monkeypatch.setattr(verify, "read_openings", slow)
        errors: list[Finding] = [one for one in verify_ledger(copy).findings if one.severity == "error"]
    assert done and errors == []
