"""What this station gives to others: whole logs in packages, single frames of cases in excerpts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ledger.errors import BanjianError, DataError, EncodingError, StoreError
from ledger.facade.base.vault import CaseKey, Vault
from ledger.facade.cases.casebook import CaseBook
from ledger.facade.cases.erased import erased_among
from ledger.facade.logs.bodies import Place, bodies_at, by_log, place_in
from ledger.facade.logs.histories import Branch, history_hash
from ledger.facade.logs.ownlog import stored_nodes
from ledger.facade.logs.placing import frame_at
from ledger.facade.logs.rotten import (
    CHANGED_ENTRY,
    PERSONAL,
    UNFOUNDED,
    Rotten,
    broken_entry,
    first_rotten,
    next_link,
)
from ledger.facade.logs.stretch import (
    AIM_BYTES,
    STRETCH_LIMIT,
    checkpoint_between,
    fitted,
    furthest_checkpoint,
)
from ledger.formats.act import Act, case_of
from ledger.formats.checkpoint import read_checkpoint
from ledger.formats.entry import decode_entry, entry_hash
from ledger.formats.frame import split_frame
from ledger.formats.genesis import LogGenesis
from ledger.formats.merkle import Tree, leaf_hash
from ledger.formats.packageform import PackageContent
from ledger.formats.writing import split_act
from ledger.limits import PACKAGE_ENTRIES_MAX
from ledger.store import schema
from ledger.store.contract import ReadTx
from ledger.store.tables import Cell, OneOf, Row
from ledger.types import CaseId

HASH_BYTES = 32


class Outgoing:
    """Reads packages out of a store.

    Args:
        vault: opens the personal bodies that the receiver may have.
        book: tells of which cases nobody is given any.
    """

    def __init__(self, vault: Vault, book: CaseBook) -> None:
        self._vault = vault
        self._book = book

    def package(
        self,
        tx: ReadTx,
        genesis: LogGenesis,
        *,
        after: int,
        personal: bool = True,
        rotten: list[Rotten] | None = None,
        most: int = AIM_BYTES,
    ) -> PackageContent | None:
        """Return the next package of a log; None when no checkpoint covers anything more that is sound.

        It reaches the furthest checkpoint within some bytes, else the nearest one, and ends before a record
        that changed on this disk.

        Args:
            tx: a consistent view.
            genesis: which log.
            after: entries that the receiver holds.
            personal: give the personal bodies too, as far as they are here.
            rotten: takes the records that changed on this disk.
            most: bytes of records that it should hold.

        Raises:
            StoreError: ``log.checkpoint_gap`` when checkpoints lie too many entries apart for one package,
                ``log.stretch_limit`` when they lie too many bytes apart.
        """
        name, found = genesis.log_id().hex(), [] if rotten is None else rotten
        frames = [frame for _, frame in tx.frames(name, after + 1, after + PACKAGE_ENTRIES_MAX)]
        end = furthest_checkpoint(tx, name, frames, after, most=most)
        while end is not None:
            if len(frames) < end[0] - after:
                # Records are gone from this disk: of this log nothing more is given, of others everything.
                found.append(Rotten(name, after + len(frames) + 1, UNFOUNDED))
                return None
            content = self._package(
                tx, genesis, end,
                after=after, frames=frames[: end[0] - after], personal=personal, closed=found,
            )  # fmt: skip
            bad = first_rotten(content) or self._rotten_entry(tx, genesis, content)
            if bad is not None:
                found.append(bad)
                end = checkpoint_between(tx, name, after, bad.seq - 1)
                continue
            fits = fitted(content)
            if fits is not None:
                return fits
            end = _nearer(tx, content, name)
        return None

    def _package(
        self,
        tx: ReadTx,
        genesis: LogGenesis,
        end: tuple[int, bytes],
        *,
        after: int,
        frames: Sequence[bytes],
        personal: bool,
        closed: list[Rotten],
    ) -> PackageContent:
        name = genesis.log_id().hex()
        size, note = end
        places = [Place(name, seq) for seq in range(after + 1, size + 1)]
        facts, people = self.bodies(tx, places, frames, personal=personal, closed=closed)
        return PackageContent(
            log_id=genesis.log_id(),
            first_seq=after + 1,
            previous=_previous(tx, genesis, after, frames[0]),
            frames=tuple(frames),
            facts=facts,
            personal=people,
            checkpoint=note,
            receipts=_receipts(tx, name, size),
        )

    def _rotten_entry(self, tx: ReadTx, genesis: LogGenesis, content: PackageContent) -> Rotten | None:
        """Return a record whose entry changed, so that the whole would not reach the signed root.

        What stands before the package may have changed as well: the receiver has it, and it is not asked for.
        """
        name, after = content.log_id.hex(), content.first_seq - 1
        tree = _tree_before(tx, genesis, after)
        entries = [split_act(frame).parts.entry_raw for frame in content.frames]
        if tree is not None:
            tree.extend(map(leaf_hash, entries))
            if tree.root() == read_checkpoint(content.checkpoint).root:
                return None
        seq = broken_entry(entries, content.first_seq, next_link(tx, name, content.last_seq))
        return None if seq is None else Rotten(name, seq, CHANGED_ENTRY)

    def branch_package(
        self,
        tx: ReadTx,
        genesis: LogGenesis,
        branch: Branch,
        *,
        after: int,
        rotten: list[Rotten] | None = None,
        most: int = AIM_BYTES,
    ) -> PackageContent | None:
        """Return the next package of a divergent history; None at its end, or where it is rotten here.

        Args:
            tx: a consistent view.
            genesis: of the log that forked.
            branch: the divergent history.
            after: size of the log up to which the receiver holds it, at least to where it diverges.
            rotten: takes the records that changed on this disk.
            most: bytes of records that it should hold.

        Raises:
            StoreError: as ``package``.
        """
        common, found = branch.common, [] if rotten is None else rotten
        held = max(after, common)
        first = held - common + 1
        frames = [frame for _, frame in tx.frames(branch.name, first, first + PACKAGE_ENTRIES_MAX - 1)]
        end = furthest_checkpoint(tx, branch.name, frames, held, most=most)
        while end is not None:
            size, note = end
            places = [Place(branch.name, seq) for seq in range(first, size - common + 1)]
            taken = frames[: len(places)]
            if len(taken) < len(places):
                found.append(Rotten(branch.name, first + len(taken), UNFOUNDED))
                return None
            facts, people = self.bodies(tx, places, taken, personal=True, closed=found)
            content = PackageContent(
                log_id=genesis.log_id(),
                first_seq=held + 1,
                previous=history_hash(tx, branch.log, branch, held) if held else genesis.genesis_hash(),
                frames=tuple(taken),
                facts=facts,
                personal=people,
                checkpoint=note,
            )
            bad = first_rotten(content)
            if bad is not None:
                found.append(bad)
                return None
            fits = fitted(content)
            if fits is not None:
                return fits
            end = _nearer(tx, content, branch.name)
        return None

    def bodies(
        self,
        tx: ReadTx,
        places: Sequence[Place],
        frames: Sequence[bytes],
        *,
        personal: bool,
        closed: list[Rotten] | None = None,
    ) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
        """Return facts and personal bodies in clear of some frames; empty where there is none to give.

        ``closed`` takes the records whose personal body is here and is not opened by its key.
        """
        acts = [_act(frame) for frame in frames]
        homes, rows = self._homes(tx, places, acts)
        keys = self._keys(tx, acts) if personal else {}
        facts: list[bytes] = []
        people: list[bytes] = []
        for place, asked, act in zip(homes, places, acts, strict=True):
            row = rows.get(place)
            facts.append(row[2] if row is not None and isinstance(row[2], bytes) else b"")
            opened = b"" if row is None or act is None else _open(row, act, keys)
            people.append(opened or b"")
            if opened is None and closed is not None:
                closed.append(Rotten(*asked, PERSONAL))
        return tuple(facts), tuple(people)

    def opens(self, tx: ReadTx, place: Place) -> bool:
        """Return whether the personal body of a record, as far as it is here, is opened by its key."""
        frame, closed = frame_at(tx, place), list[Rotten]()
        if frame is not None:
            self.bodies(tx, [place], [frame], personal=True, closed=closed)
        return not closed

    def _homes(
        self, tx: ReadTx, places: Sequence[Place], acts: Sequence[Act | None]
    ) -> tuple[list[Place], dict[tuple[Cell, Cell], Row]]:
        """Return where the bodies of acts stand (an act that stands twice has one home), and their rows."""
        rows = bodies_at(tx, by_log(places))
        elsewhere = {
            index: act
            for index, (place, act) in enumerate(zip(places, acts, strict=True))
            if act is not None and place not in rows
        }
        homes = list(places)
        if elsewhere:
            cases = tuple({case_of(act): None for act in elsewhere.values()})
            found = {row[1]: place_in(row) for row in tx.select(schema.ACTS, {"case_id": OneOf(cases)})}
            for index, act in elsewhere.items():
                homes[index] = found.get(act.act_id, places[index])
            rows |= bodies_at(tx, by_log(homes[index] for index in elsewhere))
        return homes, rows

    def _keys(self, tx: ReadTx, acts: Iterable[Act | None]) -> Mapping[CaseId, CaseKey]:
        cases = tuple(
            dict.fromkeys(case_of(act) for act in acts if act is not None and act.header.personal_len)
        )
        if not cases:
            return {}
        # What was erased would come back with whoever lost his copy of it.
        erased = erased_among(tx, self._book, cases)
        return {
            CaseId(case_id): self._vault.unwrap(CaseId(case_id), wrapped)
            for case_id, wrapped in tx.select(schema.CASE_KEYS, {"case_id": OneOf(cases)})
            if isinstance(case_id, bytes) and isinstance(wrapped, bytes) and case_id not in erased
        }


def _nearer(tx: ReadTx, content: PackageContent, name: str) -> tuple[int, bytes]:
    """Return size and note of a checkpoint before the end of a package that is too large."""
    after = content.first_seq - 1
    found = checkpoint_between(tx, name, after, content.last_seq - 1)
    if found is None:
        raise StoreError(STRETCH_LIMIT, log=name, seq=content.first_seq, last=content.last_seq)
    return found


def _previous(tx: ReadTx, genesis: LogGenesis, after: int, first: bytes) -> bytes:
    """Return what the first entry of a package follows: as it is stored, else as that entry says."""
    if not after:
        return genesis.genesis_hash()
    if _tree_before(tx, genesis, after) is not None:
        return _entry_hash_at(tx, genesis.log_id().hex(), after)
    try:
        return decode_entry(split_frame(first).entry_raw).previous
    except BanjianError:
        return bytes(HASH_BYTES)


def _tree_before(tx: ReadTx, genesis: LogGenesis, size: int) -> Tree | None:
    """Return the tree of the first entries of a log; None where a record of its edge changed or is gone."""
    name = genesis.log_id().hex()
    try:
        tree = Tree.load(size, stored_nodes(tx, name, genesis.kind))
        row = tx.get(schema.CHECKPOINTS, (name, size))
        if row is not None and isinstance(row[2], bytes) and read_checkpoint(row[2]).root != tree.root():
            return None
        if size:
            _entry_hash_at(tx, name, size)
    except EncodingError:
        return None
    except StoreError as error:
        if error.code != UNFOUNDED:
            raise
        return None
    return tree


def _entry_hash_at(tx: ReadTx, name: str, seq: int) -> bytes:
    before = tx.frame(name, seq)
    if before is None:
        raise StoreError(UNFOUNDED, log=name)
    return entry_hash(split_frame(before).entry_raw)


def _receipts(tx: ReadTx, name: str, size: int) -> tuple[str, ...]:
    rows = tx.select(schema.RECEIPTS, {"log": name, "size": size})
    return tuple(row[3].decode("utf-8") for row in rows if isinstance(row[3], bytes))


def _act(frame: bytes) -> Act | None:
    try:
        return split_act(frame).act
    except BanjianError:
        return None


def _open(row: Row, act: Act, keys: Mapping[CaseId, CaseKey]) -> bytes | None:
    """Return a personal body in clear: empty where there is none to give, None where its key does not fit."""
    key, nonce, sealed = keys.get(case_of(act)), row[3], row[4]
    if key is None or not (isinstance(nonce, bytes) and isinstance(sealed, bytes)):
        return b""
    try:
        return key.open(sealed, act_id=act.act_id, nonce=nonce)
    except DataError:
        return None
