"""The page of newcomers, where a request waits from before the certificates of its station were ended."""

from __future__ import annotations

import os
import re
from pathlib import Path

from ledger.facade import Home, Ledger
from sync.joining.newcomer import begin
from tests.cli.conftest import Terminal
from tests.web.adminsite import PASSPHRASE, VILLAGE, Serving, Visitor, found


def test_a_request_from_before_the_end_is_approved_only_when_that_is_ticked(tmp_path: Path) -> None:
    with Serving(found(tmp_path / "county", village=False)) as site:
        registrar = Visitor(site.address)
        registrar.sign_in("R001")
        page = f"/stations/{VILLAGE}"
        typed = {"addresses": "https://10.1.1.5:8443", "days": "30", "role": "window"}
        invite = registrar.get(f"{registrar.post(f'{page}/invite', typed, page=page).path}/file").body
        lost = begin(
            Home(tmp_path / "lost"), invite, make_staff=lambda home, number: (), randomness=os.urandom
        )
        registrar.post("/joins", {}, files=[("request", "join.request", lost.raw)])
        before = registrar.get("/joins").text
        assert "作废该站点证书" not in before and 'name="anyway"' not in before
        office = Terminal(folder=site.home.path, passphrase=PASSPHRASE)
        office.ok("station", "end-certificates", VILLAGE, "--anyway", "--as", "R001")
        shown = registrar.get("/joins").text
        assert "作废该站点证书以前" in shown and 'name="anyway"' in shown and "待批准（作废证书以前" in shown
        (path,) = re.findall(r'action="(/joins/[0-9a-f]+/approve)"', shown)
        refused = registrar.post(path, {}, page="/joins")
        assert (refused.status, refused.code) == (409, "join.ended")
        assert "不批准" in refused.text and "勾选" in refused.text
        assert services(site.home) == 0
        assert registrar.post(path, {"anyway": "1"}, page="/joins").code == ""
        assert services(site.home) == 2
        assert "没有等批准的" in registrar.get("/joins").text


def services(home: Home) -> int:
    """Return how many service keys of the village are in force."""
    with Ledger.open(home, write=False) as ledger:
        registry = ledger.knowledge.registry
        return sum(len(registry.service_keys(VILLAGE, purpose)) for purpose in ("bundle", "receipt"))
