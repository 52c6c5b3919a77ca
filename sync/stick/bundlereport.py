"""What became of one part of a bundle: how much of it was taken, and why the rest was not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

from ledger.errors import BanjianError
from ledger.formats.bundle import BundleHeader, Manifest
from ledger.types import NO_LOG, LogId

TOO_EARLY = frozenset(("package.gap", "sync.branch_gap", "bundle.registry_behind", "attach.unnamed"))
"""Codes of what can be taken once something else has come."""


_E = TypeVar("_E", bound=BanjianError)


def without_frames(error: _E) -> _E:
    """Return an error without the calls that it came through: as long as it is kept, they keep what was read.

    A section that is refused may be 32 MiB long, and a part holds thousands.
    """
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotTaken:
    """A section that was not taken, and why."""

    error: BanjianError
    log_id: LogId = NO_LOG
    first_seq: int = 0

    def __post_init__(self) -> None:
        """Keep the reason alone."""
        without_frames(self.error)

    @property
    def code(self) -> str:
        """Code of the reason."""
        return self.error.code

    @property
    def too_early(self) -> bool:
        """Whether it can be taken once something else has come."""
        return self.code in TOO_EARLY


@dataclass(slots=True, kw_only=True)
class PartReport:
    """What became of one part.

    Attributes:
        listed: sections that it holds.
        read: sections that were whole.
        new: records that were new here.
        receipts: cosignatures that were new here.
        is_attachments: whether it holds attachments and nothing else.
        attachments: chunks of each attachment that were taken, by its hash.
        not_taken: what was not taken.
        sealed: own logs that were given up, and why.
        torn: whether its end is missing.
    """

    header: BundleHeader
    manifest: Manifest
    listed: int
    is_attachments: bool = False
    read: int = 0
    new: int = 0
    receipts: int = 0
    attachments: dict[bytes, int] = field(default_factory=dict)
    not_taken: list[NotTaken] = field(default_factory=list)
    sealed: list[tuple[LogId, str]] = field(default_factory=list)
    torn: bool = False

    @property
    def too_early(self) -> bool:
        """Whether reading it again after other parts may bring more."""
        return any(one.too_early for one in self.not_taken)
