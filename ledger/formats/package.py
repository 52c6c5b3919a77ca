"""Package: consecutive entries of one log, ending at a checkpoint that it carries.

What the receiver can compute is left out on the wire and filled in again: positions, predecessors, act ids,
hashes of bodies and signatures, parents inside the package. One array for each field over all entries,
because like stands beside like and compresses. Filled in wrongly, the entries do not reach the signed root.

Source: docs/protocol.md, "Package".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ledger.errors import DataError, EncodingError
from ledger.formats.checkpoint import log_origin, open_checkpoint, read_checkpoint
from ledger.formats.frame import Frame, split_frame
from ledger.formats.merkle import Node, Tree, leaf_hash
from ledger.formats.packageform import PackageContent
from ledger.formats.reading import read_package
from ledger.formats.writing import write_package
from ledger.limits import PACKAGE_ENTRIES_MAX


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedPackage:
    """A package whose entries reach the signed root."""

    content: PackageContent
    tree: Tree
    nodes: tuple[Node, ...]


def encode_package(content: PackageContent) -> bytes:
    """Return the bytes of a package.

    Raises:
        EncodingError: ``package.count`` without entries or with more than 256, or when the lists differ in
            length; ``package.limit`` beyond 32 MiB; ``frame.field`` for a frame that is no triple.
        DataError: ``package.checkpoint`` when the checkpoint is not that of the last entry.
    """
    _check_shape(content)
    return write_package(content)


def decode_package(raw: bytes) -> PackageContent:
    """Return the content of a package; nothing of it is proven before ``check_package``.

    Raises:
        EncodingError: ``encoding.*``, ``package.version``, ``package.limit``, ``package.count``,
            ``package.field`` with the name of the first wrong part.
        DataError: ``package.checkpoint`` when the checkpoint is not that of the last entry.
    """
    content, _ = decode_parsed(raw)
    return content


def decode_parsed(raw: bytes) -> tuple[PackageContent, tuple[Frame | None, ...]]:
    """Return the content of a package as ``decode_package`` does, and its frames as they were put together.

    A frame that was put together out of columns is well-formed, and pins the bodies that the package holds
    for it; None stands for one that the package carries as it is.

    Raises:
        EncodingError: as ``decode_package``.
        DataError: as ``decode_package``.
    """
    content, parsed = read_package(raw)
    _check_shape(content)
    return content, parsed


def check_package(
    content: PackageContent, *, tree: Tree, public_key: bytes, entries: Iterable[bytes] | None = None
) -> CheckedPackage:
    """Check that a package continues a log and reaches its signed root; nothing may be stored before.

    Args:
        content: decoded package.
        tree: the log's tree at ``first_seq - 1`` leaves; it is not changed.
        public_key: the log's key, from its genesis.
        entries: the entries of its frames, if the caller has taken the frames apart.

    Raises:
        DataError: ``package.gap`` when the tree has another size; ``checkpoint.origin``, ``note.unsigned``,
            ``note.signature`` for the checkpoint; ``package.root`` when the entries do not lead to it.
    """
    if tree.size != content.first_seq - 1:
        raise DataError("package.gap", log=content.log_id, size=tree.size, first=content.first_seq)
    checkpoint = open_checkpoint(content.checkpoint, log_origin(content.log_id), public_key)
    grown = tree.copy()
    if entries is None:
        entries = (split_frame(frame).entry_raw for frame in content.frames)
    nodes = grown.extend(map(leaf_hash, entries))
    if grown.size != checkpoint.size or grown.root() != checkpoint.root:
        raise DataError("package.root", log=content.log_id, size=checkpoint.size)
    return CheckedPackage(content=content, tree=grown, nodes=tuple(nodes))


def _check_shape(content: PackageContent) -> None:
    count = len(content.frames)
    if not 1 <= count <= PACKAGE_ENTRIES_MAX or not len(content.facts) == len(content.personal) == count:
        raise EncodingError("package.count", count=count, limit=PACKAGE_ENTRIES_MAX)
    checkpoint = read_checkpoint(content.checkpoint)
    if checkpoint.origin != log_origin(content.log_id) or checkpoint.size != content.last_seq:
        raise DataError("package.checkpoint", log=content.log_id, size=checkpoint.size)
