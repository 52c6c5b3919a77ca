"""Taking in an application: who brought it, and the number that the citizen's paper already carries."""

from __future__ import annotations

import pytest

from tests.cli.conftest import ITEM, Terminal

_RECEIVE = ("receive", ITEM, "--as", "V001", "--materials", "all", "--no-slip")


@pytest.mark.parametrize("name", ["", "　 ", "\u200b"])
def test_a_receipt_without_an_applicant_is_refused_and_nothing_is_signed(county: Terminal, name: str) -> None:
    refused = county.run(*_RECEIVE, "--name", name)
    assert refused.code == 1 and "[identity.no_name]" in refused.err and "→" in refused.err
    assert county.ok("worklist", "--json").lines == []
