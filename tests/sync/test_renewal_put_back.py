"""A county that serves again from a backup renews certificates, and gives them no new beginning."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from ledger.facade import Home
from ledger.facade.base.home import RESTORED_MARKER
from sync.certs.credentials import calling_context, read_own_leaf
from sync.line.renewal import renew
from tests.sync.test_over_tls import Serving, certified
from tests.sync.world import COUNTY, TOWN, World

YEAR_MS = 365 * 86_400_000


@pytest.mark.parametrize(("put_back", "slow_ms"), [(False, 0), (True, 0), (True, YEAR_MS)])
def test_a_renewal_begins_anew_only_where_the_registry_is_whole(
    tmp_path: Path, put_back: bool, slow_ms: int
) -> None:
    """What a registrar ended may lie behind the end of the backup: it must find what was given meanwhile.

    And no more than that: what began behind that end stays behind it, whatever the clock says by now.
    """
    world = World.after(certified(TOWN), tmp_path)
    world.settle(TOWN)
    home, number = Home(world[TOWN].path), world.genesis.ledger_id()
    before = read_own_leaf(home, number)
    if put_back:
        (world[COUNTY].path / RESTORED_MARKER).touch()
    world[COUNTY].clock.time_ms -= slow_ms

    async def story() -> None:
        async with Serving(world[COUNTY], listen=True) as county:
            context = calling_context(home, number)
            await renew(
                home, ledger_id=number, addresses=[county.address], context=context, randomness=os.urandom
            )

    asyncio.run(story())
    after = read_own_leaf(home, number)
    assert after.public_key != before.public_key
    assert (after.not_before_ms == before.not_before_ms) is put_back
    world.close()
