"""The planted bugs: each a patch of one place in shipped code that somebody could have written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ledger.errors import DataError
from ledger.facade.logs import doubt
from ledger.facade.logs.heldstates import BranchState
from ledger.facade.opened import parts
from ledger.facade.peering import exchange, receiving
from ledger.facade.peering.exchange import Exchange
from ledger.facade.peering.held import Held
from ledger.facade.peering.receiving import Receiving
from ledger.facade.transfer.feeds import FeedPlace, Feeds
from ledger.formats.package import CheckedPackage
from ledger.known import verified
from ledger.known.verified import VerifiedRecord
from ledger.store import schema
from sync.core.requester import Requester
from sync.core.responder import Responder

SETTINGS: dict[str, str] = {}
"""SQLite settings made behind the store's back, for what runs on a simulated disk."""


def no_new_log_after_regression() -> None:
    """A rolled-back installation goes on in the log that others know further."""

    def no_doubt(*_: object, **__: object) -> str:
        return ""

    def keep(self: Exchange, log_id: bytes, code: str) -> None:
        """Nothing."""

    doubt.find_doubt = parts.find_doubt = no_doubt  # type: ignore[assignment]
    Exchange.give_up = keep  # type: ignore[assignment,method-assign]


def divergent_tail_dropped() -> None:
    """The history that came second is thrown away."""

    def drop(self: Receiving, *_: object, **__: object) -> None:
        return None

    Receiving.take_branch = drop  # type: ignore[method-assign]


def height_only() -> None:
    """Two logs of one length are taken for the same log."""

    def none(self: Responder, *_: object) -> list[Any]:
        return []

    Responder._forks = none  # type: ignore[method-assign]


def remembered_cursor() -> None:
    """Where a subordinate says that it is in the feed is believed without looking at the chain."""

    def believe(self: Feeds, tx: object, audience: object, held: FeedPlace) -> FeedPlace:
        return held

    Feeds.confirm = believe  # type: ignore[method-assign,assignment]
    exchange.follow = lambda start, items: True  # type: ignore[attr-defined]


def cursor_before_content() -> None:
    """The feed counts as taken when its answer begins, not when it has ended."""
    answered = Requester.answered

    def too_early(self: Requester, answer: Any) -> None:
        answered(self, answer)
        self._exchange.take_feed_place(self._upstream, answer.feed_end)

    Requester.answered = too_early  # type: ignore[method-assign]


def receipt_before_commit() -> None:
    """The receipt is written before the entries that it speaks of."""
    take = Receiving.take_package

    def too_early(self: Receiving, content: Any, records: Any, **other: Any) -> Any:
        receipt, name = self.receipts.line(content.checkpoint, other["now_ms"]), content.log_id.hex()
        if receipt:
            row = (name, content.last_seq, receipt.split(" ")[1], receipt.encode())
            with self._store.write() as tx:
                tx.insert_missing(schema.RECEIPTS, [row])
        return take(self, content, records, **other)

    Receiving.take_package = too_early  # type: ignore[method-assign]


def synchronous_normal() -> None:
    """Transactions are not on the disk when they are confirmed."""
    SETTINGS["synchronous"] = "NORMAL"


def hidden_fork() -> None:
    """Nobody tells anybody of a divergent history."""

    def none(self: Held, *_: object) -> list[BranchState]:
        return []

    Held.branches = none  # type: ignore[method-assign]


def signature_unchecked() -> None:
    """Whatever a signed root covers is believed to be signed by its author."""

    def fine(record: VerifiedRecord) -> VerifiedRecord:
        return record

    verified._unsigned = fine


def scope_left_out() -> None:
    """Every subordinate is given every case."""

    def everybody(self: Feeds, *_: object) -> set[Any]:
        return set(self.below.values())

    Feeds._concerned = everybody  # type: ignore[method-assign]


def root_not_compared() -> None:
    """Entries of a package are stored though they do not reach its signed root."""
    check = receiving.check_package

    def careless(content: Any, *, tree: Any, public_key: bytes, **known: Any) -> CheckedPackage:
        try:
            return check(content, tree=tree, public_key=public_key, **known)
        except DataError as error:
            if error.code != "package.root":
                raise
            from ledger.formats.checkpoint import read_checkpoint
            from ledger.formats.frame import split_frame
            from ledger.formats.merkle import leaf_hash

            grown = tree.copy()
            nodes = [
                node
                for frame in content.frames
                for node in grown.append(leaf_hash(split_frame(frame).entry_raw))
            ]
            return CheckedPackage(
                tree=grown, nodes=tuple(nodes), checkpoint=read_checkpoint(content.checkpoint)
            )

    receiving.check_package = careless  # type: ignore[assignment]


def awaiting_never_refolded() -> None:
    """A case that came before the registry that it cites stays as it was folded first."""

    from ledger.facade.peering import receiving

    def careless(store: Any, view: object, *, book: object, fold: Any) -> None:
        with store.read() as tx:
            fold.follow(tx)

    receiving.learn_county = careless


def end_of_sealed_log_kept_back() -> None:
    """Entries behind the last checkpoint of a log that is given up never leave the machine."""
    from ledger.facade.logs.ownlog import OwnLog

    def none(self: OwnLog) -> bytes:
        return b""

    OwnLog.sign_last = none  # type: ignore[method-assign]


def county_rollback_not_noticed() -> None:
    """What stations below say that they have seen of the own logs is not looked at."""
    from ledger.facade.peering.seenbelow import SeenBelow

    def nothing(self: SeenBelow, *_: object) -> list[Any]:
        return []

    SeenBelow.wanted = nothing  # type: ignore[method-assign]
    SeenBelow.in_doubt = nothing  # type: ignore[method-assign,assignment]


def any_proof_believed() -> None:
    """A checkpoint that is given as proof counts whoever signed it."""
    from ledger.facade.peering import seenbelow
    from ledger.formats.checkpoint import read_checkpoint

    def careless(raw: bytes, *_: object) -> Any:
        return read_checkpoint(raw)

    seenbelow.open_checkpoint = careless  # type: ignore[assignment]


BUGS: Sequence[Callable[[], None]] = (
    no_new_log_after_regression, divergent_tail_dropped, height_only, remembered_cursor,
    cursor_before_content, receipt_before_commit, synchronous_normal, hidden_fork, signature_unchecked,
    scope_left_out, root_not_compared, awaiting_never_refolded, end_of_sealed_log_kept_back,
    county_rollback_not_noticed, any_proof_believed,
)  # fmt: skip
