"""Files that somebody uploaded and never signed for go after a month, unless a form still speaks of them."""

from __future__ import annotations

from ledger.facade import Ledger
from ledger.facade.peering.attached import named_among
from ledger.lawtime import DAY_MS
from stations.kept.attachments import Attachments
from stations.web.cases.attaching import GIVEN
from stations.web.drafts import Drafts
from stations.web.visit import Office

LEFT_MS = 31 * DAY_MS
"""A day longer than a form waits that came while its author was locked out."""


async def drop_left(office: Office) -> int:
    """Throw away what nobody signed for; returns how many files.

    A file goes only where all say so: itself, that no act took it; the ledger, that no act names it; drafts
    and waiting forms, that nobody goes on with it.
    """
    store, now_ms = Attachments(office.home, office.randomness), office.clock.now_ms()
    left = await office.access.aside(lambda: store.unsigned(now_ms - LEFT_MS))
    if not left:
        return 0
    drafts = Drafts(office.home, office.randomness)
    wanted = await office.access.aside(lambda: drafts.texts(GIVEN) | office.browsers.kept.texts(GIVEN))

    def work(ledger: Ledger) -> int:
        # On the thread that signs: nothing is signed between the look and the end.
        with ledger.reading() as (tx, _):
            named = named_among(tx, [bytes.fromhex(one.hash) for one in left])
        gone = [one for one in left if one.hash not in wanted and bytes.fromhex(one.hash) not in named]
        return sum(store.drop(one.hash) for one in gone)

    return await office.access.write(work)
