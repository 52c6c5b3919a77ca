"""Attachments are read again while the server runs, a few at a time: what a disk took is told within days.

Nothing else looks at a photo that nobody asks for. A round goes through all that is said to lie here, in the
order of the hashes, so that what was read longest ago comes next; it goes on where it was when the process
ended, and a new one begins after a week. What cannot be read counts as missing from then on: the page of what
is safe tells it, and stations below are asked for theirs again.
"""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import asdict, dataclass, replace

from ledger.errors import BanjianError, StoreError
from ledger.facade import Home
from ledger.facade.base.clock import Clock, Randomness
from ledger.facade.peering.attached import Attached, Named
from ledger.lawtime import DAY_MS
from stations.kept.attachments import Attachments
from stations.kept.lostfiles import is_readable
from stations.kept.sealed import SealedFolder
from stations.serving.carriage import ask
from stations.serving.ledgerthread import LedgerThread

FOLDER, NAME = "reading", "attachments"
ROUND_MS = 7 * DAY_MS
EVERY_S = 60.0
FILES_MAX = 8
BYTES_MAX = 32 << 20
"""Bytes after which a turn reads no further attachment: 32 MiB a minute leave any disk to the counter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """How far the round is.

    Attributes:
        after: hash, in hexadecimal digits, of what was read last; "" before the first.
        begun_at_ms: when this round began; 0 before the first.
        done_at_ms: when it was through; 0 while it goes on.
        read: how many were read in it.
        damaged: how many of them could not be.
        total: how many there are to read in it, as far as is known.
        last_done_at_ms: when a round was through last; 0 for never.
    """

    after: str = ""
    begun_at_ms: int = 0
    done_at_ms: int = 0
    read: int = 0
    damaged: int = 0
    total: int = 0
    last_done_at_ms: int = 0


class Rereading:
    """Reads the attachments of one installation again and again.

    Args:
        thread: owns the ledger.
        home: where the attachments lie.
        clock: for rounds.
        log: the installation's own; takes what keeps a turn from being taken.
    """

    def __init__(
        self, thread: LedgerThread, home: Home, *, clock: Clock, randomness: Randomness, log: logging.Logger
    ) -> None:
        self._thread = thread
        self._log = log
        self._clock = clock
        self._store = Attachments(home, randomness)
        self._kept = SealedFolder(home, FOLDER, randomness)

    async def run(self) -> None:
        """Take a turn each minute, until cancelled."""
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                await self.turn()
            except BanjianError as error:
                # A full disk or a busy ledger: the next turn reads the same again.
                self._log.info(error.code, extra={"code": error.code})
            except Exception:  # noqa: BLE001 - an outermost loop: a fault is told, and does not end the reading
                self._log.exception("reading")

    async def turn(self) -> Round:
        """Read the next few, unless a round was begun less than a week ago and is through.

        Raises:
            StoreError: ``store.*`` when how far it is cannot be kept.
        """
        now_ms = self._clock.now_ms()
        known = await asyncio.to_thread(lambda: last_round(self._kept))
        if known.done_at_ms or not known.begun_at_ms:
            if known.begun_at_ms and 0 <= now_ms - known.begun_at_ms < ROUND_MS:
                return known
            known = Round(begun_at_ms=now_ms, last_done_at_ms=known.last_done_at_ms)

        after = bytes.fromhex(known.after)
        waiting = await ask(self._thread, lambda attached: attached.held_after(after, FILES_MAX))
        if not waiting:
            known = replace(known, done_at_ms=now_ms, last_done_at_ms=now_ms)
        else:
            read, damaged = await asyncio.to_thread(lambda: self._read(waiting))

            def note(attached: Attached) -> int:
                attached.mark(damaged, held=False)
                return attached.held_count()

            lost = known.damaged + len(damaged)
            known = replace(
                known,
                after=read[-1].hex(),
                read=known.read + len(read),
                damaged=lost,
                total=lost + await ask(self._thread, note),
            )
        await asyncio.to_thread(lambda: _keep(self._kept, known))
        return known

    def _read(self, waiting: list[Named]) -> tuple[list[bytes], list[bytes]]:
        """Return the hashes that were read, at least one, and those of them that could not be."""
        read: list[bytes] = []
        damaged: list[bytes] = []
        left = BYTES_MAX
        for content, size in {one.hash: one.size for one in waiting}.items():
            if read and left < size:
                break
            left -= size
            read.append(content)
            if not is_readable(self._store, content):
                damaged.append(content)
        return read, damaged


def round_of(home: Home, randomness: Randomness) -> Round:
    """Return how far the reading of an installation's attachments is."""
    return last_round(SealedFolder(home, FOLDER, randomness))


def last_round(kept: SealedFolder) -> Round:
    """Return how far the round is as it was kept; a file that cannot be read is as good as none."""
    try:
        raw = kept.read(NAME)
        return Round() if raw is None else Round(**json.loads(raw))
    except (StoreError, ValueError, TypeError):
        return Round()


def _keep(kept: SealedFolder, known: Round) -> None:
    kept.keep(NAME, json.dumps(asdict(known)).encode("ascii"))
