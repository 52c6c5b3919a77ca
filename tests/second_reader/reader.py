"""A second verifier of ledger files, written from ``docs/protocol.md`` alone.

``python reader.py PATH [--trust LEDGER_ID_HEX] [--storage-key FILE]`` prints one JSON object: ``ok``,
``records``, ``errors``, ``warnings`` and ``notices`` (each with ``code`` and ``where``), as the page gives
severities. It exits with 0 if there are no
errors, with 1 if there are, and with 2 if the file cannot be read as a ledger at all.
"""

import argparse
import hashlib
import hmac
import json
import re
import sqlite3
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import reader_formats as f
import reader_grants as grants
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from reader_formats import Act, Entry, LogGenesis, Refused
from reader_merge import check_merge_logs, check_named, check_seen
from reader_registry import TABLE as REGISTRY_TABLE
from reader_registry import Registry
from reader_sync import Proofs, base_of, place_rank

LOG_ID = re.compile(r"[0-9a-f]{32}")
COLUMNS = {
    "stored_events": ("originator_id:str", "originator_version:int", "topic:str", "state:bytes"),
    "acts": ("case_id:bytes", "act_id:bytes", "log:str", "seq:int", "action:str"),
    "bodies": ("log:str", "seq:int", "facts:bytes|None", "nonce:bytes|None", "personal:bytes|None"),
    "case_keys": ("case_id:bytes", "wrapped:bytes"),
    "logs": ("log:str", "kind:str", "station:str", "genesis:bytes", "own:int", "state:str|None"),
    "heads": ("log:str", "size:int", "entry_hash:bytes", "recorded_at_ms:int"),
    "tree": ("log:str", "level:int", "index:int", "hash:bytes"),
    "checkpoints": ("log:str", "size:int", "note:bytes"),
    "receipts": ("log:str", "size:int", "name:str", "line:bytes"),
    "sparse": ("log:str", "seq:int", "act_id:bytes", "frame:bytes", "size:int"),
    "sparse_notes": ("log:str", "size:int", "note:bytes"),
    "sparse_nodes": ("log:str", "size:int", "low:int", "high:int", "hash:bytes"),
    "county_checkpoints": (
        "number:int",
        "log:str",
        "size:int",
        "note:bytes",
        "received_at_ms:int",
        "state:str",
    ),
}


class Unreadable(Exception):
    """The file is no ledger."""


@dataclass
class Slot:
    """One position of a log: what could be decoded of its frame."""

    seq: int
    topic: str = ""
    act: Act | None = None
    signature: bytes = b""
    entry: Entry | None = None
    leaf: bytes | None = None
    refused: Refused | None = None
    further: Refused | None = None
    astray: bool = False


@dataclass
class Log:
    """One log as it is found, or a branch: what stands in it and how many entries it shares before that."""

    name: str
    common: int = 0
    slots: list[Slot] = field(default_factory=list)
    genesis: LogGenesis | None = None
    tree: f.Tree = field(default_factory=f.Tree)
    whole: bool = True
    known: int = 0
    parent: "Log | None" = None

    @property
    def kind(self) -> str:
        """The kind that the genesis says."""
        return self.genesis.kind if self.genesis else ""

    @property
    def end(self) -> int:
        """Entries of the history up to the last one here."""
        return self.common + self.slots[-1].seq


def _is_one_of(value: object, kinds: str) -> bool:
    return ("None" if value is None else type(value).__name__) in kinds.split("|")


def read_slot(seq: int, state: bytes, topic: str = "") -> Slot:
    """Decode a frame as far as possible, in the order of its checks."""
    slot = Slot(seq, topic)
    try:
        raw_act, slot.signature, slot.leaf = f.split_frame(state)
    except Refused as refused:
        slot.refused = refused
        return slot
    try:
        slot.entry = f.decode_entry(slot.leaf)
    except Refused as refused:
        # What such an entry pins nobody knows: of the act nothing more is said.
        slot.refused = refused
        return slot
    try:
        f.check_pins(slot.entry, raw_act, slot.signature)
    except Refused as refused:
        slot.refused = refused
    try:
        slot.act = f.decode_act(raw_act)
    except Refused as refused:
        slot.refused, slot.further = slot.refused or refused, refused if slot.refused else None
    return slot


def slot_at(log: Log, seq: int) -> Slot | None:
    """Return a position of a history; before a branch begins, that of the history that it leaves."""
    at: Log | None = log
    while at is not None and seq <= at.common:
        at = at.parent
    slots = [] if at is None else [slot for slot in at.slots if slot.seq == seq - at.common]
    return slots[0] if slots else None


def _fits(after: f.LogGenesis, before: f.LogGenesis | None) -> bool:
    """Tell whether a log can continue another one: of the same ledger, kind and station."""
    if before is None:
        return True
    known = (before.ledger_id, before.kind, before.station)
    return (after.ledger_id, after.kind, after.station) == known


def tree_of(leaves: list[bytes | None]) -> f.Tree:
    """Return the tree over some leaves."""
    tree = f.Tree()
    for leaf in leaves:
        tree.append(leaf or b"")
    return tree


def chain_of(held: list[Log], founds: Callable[[Log], bytes]) -> list[Log]:
    """Return the logs of one kind that continue each other, oldest first.

    ``founds`` is empty for a log whose first entry carries no genesis of a ledger.
    """
    logs = {
        bytes.fromhex(log.name): (log, log.genesis)
        for log in sorted(held, key=lambda log: log.name)
        if log.genesis
    }
    continued = {
        genesis.parent_log
        for _, genesis in logs.values()
        if genesis.parent_log in logs and _fits(genesis, logs[genesis.parent_log][1])
    }
    starts = [
        (
            not founds(log),
            genesis.parent_log != b"",
            bytes.fromhex(log.name) not in continued,
            log.name,
            log,
        )
        for log, genesis in logs.values()
        if genesis.parent_log not in logs
    ]
    chain = [min(starts, key=lambda start: start[:4])[4]] if starts else []
    while chain:
        parent = bytes.fromhex(chain[-1].name)
        after = [
            log
            for log, genesis in logs.values()
            if genesis.parent_log == parent and _fits(genesis, chain[-1].genesis)
        ]
        if not after:
            break
        chain.append(after[0])
    return chain


class Reader:
    """One verification of one file."""

    def __init__(self, path: Path, trust: bytes | None, storage_key: bytes | None = None) -> None:
        """Open nothing yet."""
        self.path, self.trust, self.storage_key = path, trust, storage_key
        self.records = 0
        self.errors: list[dict[str, str]] = []
        self.warnings: list[dict[str, str]] = []
        self.notices: list[dict[str, str]] = []
        self.verdicts: dict[tuple[str, int], Refused] = {}
        self.superseded = False
        self.said: set[tuple[str, str]] = set()
        self.rows: dict[str, list[tuple[Any, ...]]] = {}
        self.logs: dict[str, Log] = {}
        self.branches: dict[str, Log] = {}
        self.loose: list[tuple[str, Slot, int]] = []
        self.registry = Registry(trust)
        self.bodies: dict[tuple[str, int], tuple[bytes | None, bytes | None, bytes | None]] = {}
        self.places: dict[bytes, tuple[str, int]] = {}
        self.acts: dict[bytes, Act] = {}

    def run(self) -> dict[str, Any]:
        """Verify everything in the order of the page and return the answer."""
        self.load()
        self.frames()
        self.openings()
        self.run_registry()
        for log in self.logs.values():
            self.entries(log)
        for log in sorted(self.branches.values(), key=lambda branch: (self._room(branch), branch.name)):
            self.branch(log)
        for log in self.logs.values():
            self._parent(log)
        self.checkpoints()
        self.receipts()
        for log in [*self.logs.values(), *self.branches.values()]:
            self.acts_of(log)
        self.merged()
        self.sparse()
        self.personal()
        self.tables()
        self.cases()
        return {
            "ok": not self.errors,
            "records": self.records,
            "errors": self.errors,
            "warnings": self.warnings,
            "notices": self.notices,
        }

    def error(self, found: Refused | str, where: str) -> None:
        """Add an error."""
        self._add(self.errors, found, where)

    def warning(self, found: Refused | str, where: str) -> None:
        """Add something that a ledger keeps and that somebody should look at."""
        self._add(self.warnings, found, where)

    def _add(self, findings: list[dict[str, str]], found: Refused | str, where: str) -> None:
        """Add a finding; the same one is not said twice."""
        code, detail = (found, "") if isinstance(found, str) else (found.code, str(found)[len(found.code) :])
        finding = {"code": code, "where": where + detail}
        if (code, finding["where"]) not in self.said:
            self.said.add((code, finding["where"]))
            findings.append(finding)

    def notice(self, code: str, where: str) -> None:
        """Add something that is worth knowing and no error."""
        self.notices.append({"code": code, "where": where})

    # --- the file -------------------------------------------------------------------------------

    def load(self) -> None:
        """Read every table; rows of other types than the page says are findings."""
        if not self.path.is_file():
            raise Unreadable("file.missing")
        try:
            with self.path.open("rb") as file:
                header = file.read(72)
        except OSError as error:
            raise Unreadable("file.missing") from error
        if header[:16] != b"SQLite format 3\0":
            raise Unreadable("file.not_sqlite")
        connection = None
        try:
            connection = sqlite3.connect(f"file:{quote(str(self.path.resolve()))}?mode=ro", uri=True)
            connection.text_factory = lambda data: data.decode("utf-8", "replace")
            for pragma, wanted in (("application_id", 0x424A4C31), ("user_version", 1)):
                if connection.execute(f"PRAGMA {pragma}").fetchone() != (wanted,):
                    raise Unreadable(f"file.{pragma}")
            for table, columns in COLUMNS.items():
                self.rows[table] = list(self._table(connection, table, columns))
        except (sqlite3.Error, UnicodeDecodeError, OverflowError) as error:
            raise Unreadable("file.damaged") from error
        finally:
            if connection is not None:
                connection.close()

    def _table(
        self, connection: sqlite3.Connection, table: str, columns: tuple[str, ...]
    ) -> Iterator[tuple[Any, ...]]:
        names, types = zip(*(column.split(":") for column in columns), strict=True)
        listed = ", ".join(f'"{name}"' for name in names)
        try:
            for row in connection.execute(f'SELECT {listed} FROM "{table}" ORDER BY 1, 2'):
                if all(_is_one_of(value, kinds) for value, kinds in zip(row, types, strict=True)):
                    yield row
                else:
                    self.error("file.damaged", f"{table} {row[0]!r}"[:200])
        except (sqlite3.Error, UnicodeDecodeError):  # the message of a damaged file may not be text
            self.error("file.damaged", table)

    def frames(self) -> None:
        """Sort the frames into logs; a log named with ``~`` is a branch, kept as evidence."""
        self.bodies = {(log, seq): tuple(rest) for log, seq, *rest in self.rows["bodies"]}
        self.places = {act_id: (log, seq) for _, act_id, log, seq, _ in self.rows["acts"]}
        for name, seq, topic, state in self.rows["stored_events"]:
            self.records += 1
            if not LOG_ID.fullmatch(name):
                if LOG_ID.fullmatch(name[:32]) and name[32:33] == "~":
                    self.branches.setdefault(name, Log(name)).slots.append(read_slot(seq, state, topic))
                else:
                    self.error("log.name", f"{name} {seq}")
                continue
            log = self.logs.setdefault(name, Log(name))
            if log.kind == "merge":
                slot = Slot(seq, topic, leaf=state)
                if topic != "merge_leaf":
                    self.error("frame.topic", f"{name} {seq}")
                try:
                    f.check_merge_leaf(state)
                except Refused as refused:
                    slot.refused = refused
            else:
                slot = read_slot(seq, state, topic)
            log.slots.append(slot)
            if seq == 1:
                self._peek(log)

    def facts_of(self, log: str, slot: Slot) -> bytes | None:
        """Return the facts of an act: at its own place, else where ``acts`` says that it stands."""
        if slot.act is None:
            return None
        own = self.bodies.get((log, slot.seq), (None,))[0]
        if own is not None:
            return own
        return self.bodies.get(self.places.get(slot.act.act_id, ("", 0)), (None,))[0]

    def _peek(self, log: Log) -> None:
        """Take the genesis of a log from its first entry, without judging it."""
        act = log.slots[-1].act
        facts = self.facts_of(log.name, log.slots[-1])
        if act is None or act.action != "open_log" or facts is None:
            return
        try:
            genesis = f.check_body(act, "facts", facts).get("genesis")
            if isinstance(genesis, bytes):
                log.genesis = f.decode_log_genesis(genesis)
        except Refused:
            pass

    # --- 1. openings and 2. registry ------------------------------------------------------------

    def openings(self) -> None:
        """Check entry 1 of each log."""
        for log in self.logs.values():
            where = f"{log.name} 1"
            first = log.slots[0]
            if first.seq != 1 or first.act is None:
                self.error("log.opening", where)
                continue
            act = first.act
            if act.action != "open_log" or act.case_id or self.facts_of(log.name, first) is None:
                self.error("log.opening", where)
            elif log.genesis is None:
                self.error("log.genesis", where)
            else:
                genesis = log.genesis
                if genesis.log_id.hex() != log.name:
                    self.error("log.genesis", where)
                    log.genesis = None
                elif genesis.ledger_id != act.ledger_id or genesis.station != act.station:
                    self.error("log.genesis", f"{where}: ledger or station")
        begun: set[str] = set()
        for log in self.logs.values():
            if log.genesis is None or log.genesis.kind != "station" or log.genesis.parent_log:
                continue
            if log.genesis.station in begun:
                self.warning("log.second_first", log.name)
            begun.add(log.genesis.station)

    def _parent(self, log: Log) -> None:
        """Compare the root that a continued log names with the log that it continues, where that is held."""
        genesis = log.genesis
        parent = None if genesis is None else self.logs.get(genesis.parent_log.hex())
        if genesis is not None and parent is not None and not _fits(genesis, parent.genesis):
            self.warning("log.foreign_parent", log.name)
            return
        if genesis is None or not genesis.parent_size:
            return
        leaves = [slot.leaf for slot in parent.slots[: genesis.parent_size]] if parent else []
        if len(leaves) < genesis.parent_size:
            return
        trees = [tree_of(leaves)]
        for name, branch in self.branches.items():
            if (
                branch.slots
                and base_of(name) == genesis.parent_log.hex()
                and genesis.parent_size <= min(branch.end, len(branch.tree))
            ):
                trees.append(branch.tree)
        if all(tree.root(genesis.parent_size) != genesis.parent_root for tree in trees):
            self.warning("log.parent", log.name)

    def run_registry(self) -> None:
        """Make the one pass over the registry log."""
        chain = self._chain("registry")
        if not chain:
            self.error("ledger.no_registry", "")
        for log in self._beside("registry", chain):
            self.warning("ledger.second_registry", log.name)
        if not self._chain("catalogue"):
            self.warning("ledger.no_catalogue", "")
        for log in self._beside("catalogue", self._chain("catalogue")):
            self.warning("ledger.second_catalogue", log.name)
        for log, size in self._counted(self._chain("catalogue")):
            self._told_of_end(log, size)
        for log, size in self._counted(chain):
            known = {slot.seq: slot for slot in log.slots}
            self._told_of_end(log, size)
            self.superseded |= size < log.slots[-1].seq
            for seq in range(1, min(size, log.slots[-1].seq + 100_000) + 1):
                slot = known.get(seq, Slot(seq))
                act = slot.act if slot.refused is None else None
                facts = self.facts_of(log.name, slot) if act else None
                try:
                    self.registry.apply(act, slot.signature, facts)
                except Refused as refused:
                    if (refused.code, seq, log is chain[0]) != ("registry.already_open", 1, False):
                        self.verdicts[log.name, seq] = refused
        if self.trust is not None and chain and self._founds(chain[0]) != self.trust:
            self.error("trust.other_ledger", chain[0].name)
        for waiting in self.registry.waiting:
            self.warning("registry.pending", waiting.hex())
        if self.trust is None:
            self.warning("trust.unpinned", "the ledger id was taken from the file")

    def _counted(self, chain: list[Log]) -> list[tuple[Log, int]]:
        """Return each log of a chain with the number of its entries that count."""
        found = []
        for log, after in zip(chain, [*chain[1:], None], strict=False):
            held = log.slots[-1].seq
            found.append((log, held if after is None or after.genesis is None else after.genesis.parent_size))
        return found

    def _told_of_end(self, log: Log, size: int) -> None:
        if size > log.slots[-1].seq:
            self.error("log.truncated", log.name)
        if size < log.slots[-1].seq:
            self.warning("log.superseded", log.name)

    def _chain(self, kind: str) -> list[Log]:
        """Return the logs of a kind that continue each other, oldest first."""
        return chain_of([log for log in self.logs.values() if log.kind == kind], self._founds)

    def _founds(self, log: Log) -> bytes:
        """Return the ledger id whose genesis the first entry carries; empty without one."""
        act = log.slots[0].act
        try:
            facts = self.facts_of(log.name, log.slots[0])
            body = {} if act is None or facts is None else f.check_body(act, "facts", facts)
        except Refused:
            return b""
        genesis = body.get("ledger_genesis")
        return f.h("ledger", genesis) if isinstance(genesis, bytes) else b""

    def _beside(self, kind: str, chain: list[Log]) -> list[Log]:
        return [log for log in self.logs.values() if log.kind == kind and log not in chain]

    @property
    def ledger_id(self) -> bytes | None:
        """The pinned ledger id, else the one that the file claims."""
        genesis = self.registry.genesis
        return self.trust or (genesis.ledger_id if genesis else None)

    # --- 3. each log ----------------------------------------------------------------------------

    def entries(self, log: Log) -> None:
        """Check positions, chain, pins and time, and build the tree."""
        expected, previous = 1, log.genesis.hash if log.genesis else None
        last: Entry | None = None
        before = None if log.parent is None else slot_at(log.parent, log.common)
        if before is not None:
            last = before.entry
            previous = f.h("entry", before.leaf or b"")
        for slot in log.slots:
            where = f"{log.name} {slot.seq}"
            if slot.seq != expected:
                self.error("log.gap", where)
                log.whole, previous, last = False, None, None
            expected = slot.seq + 1
            told = self.warning if slot.leaf is not None and slot.topic == "opaque" else self.error
            for refused in (slot.refused, slot.further):
                if refused is not None:
                    unpinned = refused.code in {"frame.act", "frame.signature"}
                    (self.error if unpinned else told)(refused, where)
            if slot.leaf is None:
                log.whole, previous, last = False, None, None
                continue
            log.tree.append(slot.leaf)
            log.known += log.whole
            if slot.entry is not None:
                name, entry = bytes.fromhex(base_of(log.name)), slot.entry
                for log_id, seq, before in (
                    (name, entry.seq, None),
                    (entry.log_id, slot.seq + log.common, None),
                    (entry.log_id, entry.seq, previous),
                ):
                    try:
                        f.check_link(entry, log_id, seq, before)
                    except Refused as refused:
                        slot.astray = True
                        told(refused, where)
                self._time(slot, last, where)
            last = slot.entry
            previous = f.h("entry", slot.leaf)

    def _time(self, slot: Slot, before: Entry | None, where: str) -> None:
        entry = slot.entry
        if entry is None:
            return
        if (
            before is not None
            and before.boot_id == entry.boot_id
            and (entry.recorded_at_ms < before.recorded_at_ms or entry.monotonic_ms < before.monotonic_ms)
        ):
            self.notice("time.backwards", where)
        if slot.act is not None and slot.act.occurred_at_ms > entry.recorded_at_ms + 600_000:
            self.notice("time.claimed_ahead", where)

    def branch(self, log: Log) -> None:
        """Check where a branch stands, then its entries behind the common part."""
        self.warning("log.branch", log.name)
        base, first = self.logs.get(base_of(log.name)), log.slots[0]
        places = [] if base is None or first.seq != 1 else list(self._places(log, base))
        if base is None or not places:
            self.error("log.branch_place", log.name)
            log.slots, log.genesis = [], None
            return
        log.genesis = base.genesis
        stated = [row for row in self.rows["checkpoints"] if row[0] == log.name]
        for parent, common in [*places, places[0]]:
            log.parent, log.common = parent, common
            leaves = [(slot_at(parent, seq) or Slot(seq)).leaf for seq in range(1, common + 1)]
            log.tree = tree_of(leaves)
            log.whole, log.known = parent.whole or common <= parent.known, common
            grown = tree_of(leaves + [slot.leaf for slot in log.slots])
            trial = Log(log.name, common, log.slots, log.genesis, grown, known=log.end)
            if any(self._holds(trial, row) for row in stated):
                break
        here = f.h("entry", first.leaf or b"")
        begun = tree_of([*leaves, first.leaf]).root(log.common + 1)
        others = [slot.leaf for slot in [slot_at(parent, log.common + 1)] if slot]
        others += [
            one.slots[0].leaf
            for one in self.branches.values()
            if one is not log and one.slots and (one.parent, one.common) == (parent, log.common)
        ]
        if log.name not in {f"{base.name}~{one.hex()}" for one in (here, begun)} or first.leaf in others:
            self.error("log.branch_place", log.name)
        self.entries(log)
        if not any(self._holds(log, row) for row in stated):
            self.error("log.branch_unproven", log.name)

    def _room(self, log: Log) -> int:
        """Return how many entries lie before a branch, as far as its checkpoints or its first entry say."""
        sizes = [size for name, size, _ in self.rows["checkpoints"] if name == log.name]
        entry = log.slots[0].entry
        room = max(sizes, default=0) - log.slots[-1].seq
        return room if room >= 0 else entry.seq - 1 if entry else -1

    def _places(self, log: Log, base: Log) -> Iterator[tuple[Log, int]]:
        """Yield where a branch may begin: behind which history, and after how many entries."""
        entry = log.slots[0].entry
        claimed = entry.seq - 1 if entry else -1
        for common in dict.fromkeys((claimed, self._room(log))):
            if 0 <= common <= base.slots[-1].seq:
                yield base, common
            for one in self.branches.values():
                if one.genesis is base.genesis and one is not log and one.common < common <= one.end:
                    yield one, common

    @staticmethod
    def _holds(log: Log, row: tuple[Any, ...]) -> bool:
        """Say whether a checkpoint proves a branch."""
        name, size, note = row
        if log.genesis is None or not log.common < size <= log.known:
            return False
        try:
            signed = f.verify_checkpoint(note, f"banjian/log/{base_of(name)}", log.genesis.public_key)
        except Refused:
            return False
        return bool(signed == (size, log.tree.root(size)))

    def checkpoints(self) -> None:
        """Check every stored checkpoint against the key and the tree of its log."""
        for name, size, note in self.rows["checkpoints"]:
            where = f"checkpoint {name} {size}"
            log = self.logs.get(name) or self.branches.get(name)
            if log is None:
                self.error("head.unlisted", where)
                continue
            if not log.slots:
                continue  # that the branch stands nowhere is said already
            if log.genesis is None:
                self.error("log.opening", where)
                continue
            try:
                origin = f"banjian/log/{base_of(name)}"
                signed, root = f.verify_checkpoint(note, origin, log.genesis.public_key)
            except Refused as refused:
                self.error(refused, where)
                continue
            if signed != size or (log.common and signed <= log.common):
                self.error("checkpoint.row", f"{where}: stored under another size")
            if log.common and signed <= log.common:
                continue
            if signed > log.end:
                self.error("log.truncated", where)
            elif not log.whole and signed > log.known:
                self.error("checkpoint.unproven", where)
            elif log.tree.root(signed) != root:
                self.error("checkpoint.root", where)

    def receipts(self) -> None:
        """Check every receipt under the enrolled receipt keys of its station."""
        for name, size, cosigner, line in self.rows["receipts"]:
            where = f"receipt {name} {size} {cosigner}"
            log = self.logs.get(name) or self.branches.get(name)
            if log is not None and not log.slots:
                continue
            if log is None or (size > log.end and name in self.logs) or size < 1:
                self.error("head.unlisted" if log is None else "log.truncated", where)
                continue
            if not log.whole and size > log.known:
                continue
            if (name, size) not in {row[:2] for row in self.rows["checkpoints"]}:
                self.error("receipt.row", where)
                continue
            text = f.checkpoint_text(bytes.fromhex(base_of(name)), size, log.tree.root(size))
            prefix = "banjian/receipt/"
            keys = (
                self.registry.receipt_keys(cosigner.removeprefix(prefix))
                if cosigner.startswith(prefix)
                else []
            )
            if not keys:
                self.warning("receipt.key_unknown", where)
                continue
            refusal = Refused("cosignature.key")
            for key in keys:
                try:
                    f.verify_receipt(line, text, cosigner, key.public_key)
                    break
                except Refused as refused:
                    if refusal.code == "cosignature.key":
                        refusal = refused
            else:
                self.error(refusal, where)

    # --- 4. each act ----------------------------------------------------------------------------

    def acts_of(self, log: Log) -> None:
        """Check what each act says, who signed it and whether that person might."""
        for slot in log.slots:
            if slot.act is None:
                continue
            where, act = f"{log.name} {slot.seq}", slot.act
            if act.act_id in self.acts:
                self.notice("act.repeated", where)
            self.acts[act.act_id] = act
            if slot.topic not in {act.action, "opaque"}:
                self.error("frame.topic", where)
            if self._misplaced(act.action, log.kind, slot.seq + log.common):
                self.warning("act.misplaced", where)
            if log.genesis and act.station != log.genesis.station:
                self.warning("act.other_station", where)
            self.judge(slot, log, where)

    @staticmethod
    def _misplaced(action: str, kind: str, seq: int) -> bool:
        if action == "open_log":
            return seq > 1
        if kind == "station":
            return action.startswith("publish_") or (action in REGISTRY_TABLE and action != "countersign")
        return kind == "merge" or (kind == "catalogue" and not action.startswith("publish_"))

    def judge(self, slot: Slot, log: Log, where: str) -> None:
        """Check ledger, signature, authority and facts of one act."""
        act = slot.act
        if act is None:
            return
        opaque = slot.topic == "opaque"
        sound = opaque and not slot.astray and slot.refused is None
        if self.ledger_id is not None and act.ledger_id != self.ledger_id:
            sound = False
            (self.warning if opaque else self.error)("act.ledger", where)
        key, body = self.registry.keys.get(act.actor), self._sound_body(act, self.facts_of(log.name, slot))
        signing = key.public_key if key else grants.told_key(act, body)
        if signing is None and act.registry_size > self.registry.size:
            sound = False
            self.notice("authority.registry_ahead", where)
        elif signing is None:
            sound = False
            (self.warning if opaque or self.superseded else self.error)("authority.key_unknown", where)
        else:
            try:
                f.check_act_signature(act.raw, signing, slot.signature)
                self._authority(act, log, slot, body, where)
            except Refused as refused:
                sound = False
                (self.warning if opaque else self.error)(refused, where)
        facts = self.facts_of(log.name, slot)
        if sound and facts is not None:
            self.notice("frame.opaque_sound", where)
        self._stand_in(act, log, body, where)
        if facts is None:
            self.error("act.facts_missing", where)
            return
        try:
            f.check_body(act, "facts", facts)
        except Refused as refused:
            (self.error if refused.code == "act.facts_hash" else self.warning)(refused, where)

    def _stand_in(self, act: Act, log: Log, body: dict[str, Any] | None, where: str) -> None:
        """Tell of somebody stood in for of whom the registry says nothing."""
        size, key = act.registry_size, self.registry.keys.get(act.actor)
        if key is None or not key.live(size) or size > self.registry.size or log.kind != "station":
            return
        if body and "stand_in_for" in body:
            away = {g.away for g in self.registry.held_at(key, act.station, size) if g.away}
            said = body["stand_in_for"]
            if not isinstance(said, str) or said not in away:
                self.notice("act.stand_in_unregistered", where)

    @staticmethod
    def _sound_body(act: Act, facts: bytes | None) -> dict[str, Any] | None:
        try:
            return None if facts is None else f.check_body(act, "facts", facts)
        except Refused:
            return None

    def _authority(self, act: Act, log: Log, slot: Slot, body: dict[str, Any] | None, where: str) -> None:
        seq = slot.seq
        opens, at = act.action == "open_log" and seq + log.common == 1, bytes.fromhex(base_of(log.name))
        try:
            if log.kind == "registry":
                if (log.name, seq) in self.verdicts:
                    raise self.verdicts[log.name, seq]
                return
            try:
                lane = self.registry.authority(act, log.kind, at, seq + log.common)
            except Refused as refused:
                unknown = refused.code in {"authority.key_unknown", "authority.key_too_new"}
                carries = body is not None and "grant" in body and act.action != "open_log"
                if not (unknown and carries and log.kind == "station"):
                    raise
                lane = self._under_grant(act, log, slot, body or {}, where)
            if lane:
                self.warning("act.key_ended", where)
            if act.action == "provisional_grant" and body is not None and log.kind == "station":
                facts = self.facts_of(log.name, slot) or b""
                given = grants.read_grant(act, slot.signature, facts, act.ledger_id)
                grants.force(self.registry, given, act.registry_size)
                self.notice("grant.given", where)
        except Refused as refused:
            if refused.code == "authority.registry_ahead":
                self.notice(refused.code, where)
            else:
                (self.error if opens else self.warning)(refused, where)

    def _under_grant(self, act: Act, log: Log, slot: Slot, body: dict[str, Any], where: str) -> str:
        """Judge an act by the grant that it carries; returns its lane."""
        log_id, seq = bytes.fromhex(base_of(log.name)), slot.seq + log.common
        recorded_at_ms = slot.entry.recorded_at_ms if slot.entry else 0
        lane, given = grants.authority(self.registry, act, body, recorded_at_ms, log_id=log_id, seq=seq)
        whole = any((kind, at) == ("station", given.act.station) for _, kind, at, *_ in self.rows["logs"])
        if whole and all(act_id != given.act.act_id for _, act_id, *_ in self.rows["acts"]):
            self.notice("grant.not_logged", where)
        return lane

    def sparse(self) -> None:
        """Check the single frames of other stations' logs, each with its proof."""
        proofs = Proofs(self.rows["sparse_notes"], self.rows["sparse_nodes"])
        actions = {act_id: action for _, act_id, _, _, action in self.rows["acts"]}
        placed = {act_id: (log, seq) for _, act_id, log, seq, _ in self.rows["acts"]}
        geneses = {name: log.genesis for name, log in self.logs.items()}
        for name in sorted({base_of(row[0]) for row in self.rows["sparse"]} - geneses.keys()):
            geneses[name] = self._sparse_opening(name)
        named: dict[str, set[str]] = {}
        for log, seq, act_id, frame, size in self.rows["sparse"]:
            where, genesis = f"sparse {log} {seq}", geneses[base_of(log)]
            if genesis is None:
                continue
            if self.ledger_id is not None and genesis.ledger_id != self.ledger_id:
                self.error("log.other_ledger", log)
            slot = read_slot(seq, frame, "opaque")
            if slot.refused is not None or slot.act is None or slot.entry is None or slot.leaf is None:
                self.error(slot.refused or "sparse.row", where)
                continue
            if (slot.act.act_id, slot.entry.log_id.hex(), slot.entry.seq) != (act_id, base_of(log), seq):
                self.error("sparse.row", where)
                continue
            named.setdefault(log, set()).add(f.h("entry", slot.leaf).hex())
            if not self._proven(proofs, log, size, slot, genesis, where):
                self.error("sparse.unproven", where)
            if any(slot.leaf == held.leaf for held in self._slots(log) if held.seq == seq):
                continue
            action = actions.get(act_id, slot.act.action)
            if action not in {slot.act.action, "opaque"}:
                self.error("acts.row", act_id.hex())
            slot.topic = "opaque" if action == "opaque" else slot.act.action
            if placed.get(act_id, (log, seq)) != (log, seq) and any(
                held.seq == seq for held in self._slots(log)
            ):
                # It made way for what came whole; where it counts, it stands under another name.
                self.notice("act.repeated", where)
                continue
            if slot.act.act_id in self.acts:
                self.notice("act.repeated", where)
            self.acts[slot.act.act_id] = slot.act
            self.loose.append((log, slot, size))
            self.judge(slot, Log(log, genesis=genesis), where)
        for log, hashes in named.items():
            _, mark, first = log.partition("~")
            if mark:
                self.warning("sparse.fork", log)
                if first[:1] != "~" or first[1:] not in hashes:
                    self.error("log.branch_place", log)

    def _slots(self, name: str) -> list[Slot]:
        log = self.logs.get(name)
        return [] if log is None else log.slots

    def _proven(
        self, proofs: Proofs, log: str, size: int, slot: Slot, genesis: LogGenesis, where: str
    ) -> bool:
        if not proofs.has_note(log, size):
            return slot.seq == 1
        try:
            root = proofs.root(log, size, genesis.public_key)
        except Refused as refused:
            self.error(refused, f"{where} note")
            return False
        return bool(proofs.proves(log, size, slot.seq, slot.leaf or b"", root))

    def _sparse_opening(self, name: str) -> LogGenesis | None:
        """Return the genesis in the first frame of a log that is not held whole."""
        for log, seq, _, frame, _ in self.rows["sparse"]:
            slot = read_slot(seq, frame) if (log, seq) == (name, 1) else None
            facts = None if slot is None else self.facts_of(name, slot)
            if slot is None or slot.act is None or slot.act.action != "open_log" or facts is None:
                continue
            try:
                raw = f.check_body(slot.act, "facts", facts).get("genesis")
                genesis = f.decode_log_genesis(raw) if isinstance(raw, bytes) else None
            except Refused:
                continue
            if genesis is not None and genesis.log_id.hex() == name:
                return genesis
        self.error("log.opening", name)
        return None

    def personal(self) -> None:
        """Check personal bodies: their length, and with the storage key also their hash."""
        keys = dict(self.rows["case_keys"])
        standing = {(log, slot.seq): slot.act for log, slot, _ in self.loose if slot.act}
        standing |= {
            (log.name, slot.seq): slot.act
            for log in [*self.logs.values(), *self.branches.values()]
            for slot in log.slots
            if slot.act
        }
        for (log, seq), (_, nonce, text) in self.bodies.items():
            act, where = standing.get((log, seq)), f"personal {log} {seq}"
            if act is None or (nonce is None and text is None):
                continue
            if not act.personal_len:
                self.error("personal.unexpected", where)
            elif nonce is None or text is None:
                self.error("personal.cipher", where)
            elif self.storage_key is not None and act.thread in keys:
                try:
                    opened = self._open(keys[act.thread], act.thread, nonce, text, act.act_id)
                    f.check_body(act, "personal", opened)
                except (InvalidTag, ValueError):
                    self.error("personal.cipher", where)
                except Refused as refused:
                    signed = refused.code.startswith(("encoding.", "body."))
                    (self.warning if signed else self.error)(refused, where)
            elif len(nonce) != 12 or len(text) != act.personal_len + 16:
                self.error("personal.length", where)

    def _open(self, wrapped: bytes, case_id: bytes, nonce: bytes, ciphertext: bytes, act_id: bytes) -> bytes:
        wrapping = hmac.new(self.storage_key or b"", b"banjian/case-key-wrap/1\n", hashlib.sha256).digest()
        case_key = AESGCM(wrapping).decrypt(wrapped[:12], wrapped[12:], case_id)
        return AESGCM(case_key).decrypt(nonce, ciphertext, act_id)

    # --- tables that can be made again from the frames ------------------------------------------

    def tables(self) -> None:
        """Compare the tables that follow from the frames with what the frames say."""
        self._compare("heads", {(log.name, *self._head(log)) for log in self.logs.values()})
        self._compare(
            "tree",
            {
                (log.name, level, index, node)
                for log in self.logs.values()
                for level, row in enumerate(log.tree.levels)
                if level >= 3 and log.whole
                for index, node in enumerate(row)
            },
        )
        openings = {log.name: log.genesis for log in self.logs.values()}
        single = {row[0] for row in self.rows["sparse"]}
        for name, kind, station, genesis, _, state in self.rows["logs"]:
            if state is None:
                self.error("log.row", name)
            known = openings.pop(name, None)
            if name in single - self.logs.keys():
                known = self._sparse_opening(name)
            if known is None or (f.h("genesis", genesis), kind, station) != (
                known.hash,
                known.kind,
                known.station,
            ):
                self.error("log.row" if name in self.logs or name in single else "log.missing", name)
        for name in openings:
            self.error("log.unlisted", name)
        self._compare_acts()
        self._lonely_bodies()

    def _standing(self) -> Iterator[tuple[str, Slot]]:
        """Yield every place at which an act stands that has a row."""
        for log in [*self.logs.values(), *self.branches.values()]:
            yield from ((log.name, slot) for slot in log.slots if slot.act and slot.entry)
        yield from ((log, slot) for log, slot, _ in self.loose)

    def _compare_acts(self) -> None:
        """Each act has one row, at the best of its places."""
        stations = {log.name: log.genesis.station for log in self.logs.values() if log.genesis}
        stations |= {name: station for name, _, station, *_ in self.rows["logs"] if name not in stations}
        places: dict[bytes, list[tuple[Any, ...]]] = {}
        for log, slot in self._standing():
            if slot.act is None:
                continue
            rank = place_rank(
                stations.get(base_of(log), ""), slot.act.station, slot.topic, slot.entry, log, slot.seq
            )
            row = (slot.act.thread, log, slot.seq, slot.topic)
            places.setdefault(slot.act.act_id, []).append((rank, row))
        for case_id, act_id, *stored in self.rows["acts"]:
            known = places.pop(act_id, None)
            if known is None:
                self.error("acts.orphan", act_id.hex())
                continue
            row = min(known)[1]
            if row[-1] == "opaque" and stored[-1] == self.acts[act_id].action:
                row = (*row[:-1], stored[-1])  # recognised since it was taken in
            if (case_id, *stored) != row:
                self.error("acts.row", act_id.hex())
        for act_id in places:
            self.error("acts.missing", act_id.hex())

    def _lonely_bodies(self) -> None:
        """Find bodies where no frame stands, and those of an act whose bodies have another place."""
        standing: dict[tuple[str, int], set[bytes]] = {}
        for log, slot in self._standing():
            standing.setdefault((log, slot.seq), set()).add(slot.act.act_id if slot.act else b"")
        frames = {(row[0], row[1]) for table in ("stored_events", "sparse") for row in self.rows[table]}
        for place in self.bodies:
            acts = standing.get(place, set())
            away = [act for act in acts if self.places.get(act, place) != place]
            twice = acts and len(away) == len(acts) and all(
                act in standing.get(self.places[act], set()) for act in away
            )  # fmt: skip
            if twice or place not in frames:
                self.error("body.orphan", f"{place[0]} {place[1]}")

    @staticmethod
    def _head(log: Log) -> tuple[int, bytes, int]:
        last = log.slots[-1]
        recorded = last.entry.recorded_at_ms if last.entry else 0
        if log.kind == "merge" and last.seq > 1:
            recorded = 0 if last.refused else f.check_merge_leaf(last.leaf or b"")
        return last.seq, f.h("entry", last.leaf or b""), recorded

    def _compare(self, table: str, wanted: set[tuple[Any, ...]]) -> None:
        keys = 1 if table == "heads" else 3
        name = table.rstrip("s")
        stored, due = ({row[:keys]: row for row in rows} for rows in (self.rows[table], wanted))
        for key in sorted(stored.keys() | due.keys()):
            where = " ".join(str(value) for value in key)
            if key[0] in self.logs and not self.logs[key[0]].whole:
                continue  # which leaves are missing is said already
            if key[0] not in self.logs:
                self.error("head.unlisted", where)
            elif table == "heads" and key in stored and stored[key][1] > due[key][1]:
                self.error("log.truncated", where)
            elif key not in stored:
                self.error(f"{name}.missing", where)
            elif key not in due:
                self.error("tree.extra", where)
            elif stored[key] != due[key]:
                self.error(f"{name}.row", where)

    # --- merge logs -----------------------------------------------------------------------------

    def merged(self) -> None:
        """Compare merge logs with the logs that they name, and tell of kept evidence."""
        chain = self._chain("merge")
        logs = [*chain, *self._beside("merge", chain)]
        stations = {
            log.name: {slot.seq: f.h("entry", slot.leaf) for slot in log.slots if slot.leaf}
            for log in self.logs.values()
            if log.kind == "station"
        }
        branches = {
            name: [(slot.seq + log.common, f.h("entry", slot.leaf)) for slot in log.slots if slot.leaf]
            for name, log in self.branches.items()
        }

        def root(name: str, size: int) -> bytes | None:
            log = self.logs.get(name)
            whole = log is not None and log.kind in {"registry", "catalogue"} and size <= len(log.tree)
            return log.tree.root(size) if log is not None and whole else None

        check_merge_logs(
            [
                (log.name, [(slot.seq, slot.leaf or b"") for slot in log.slots if slot.seq > 1])
                for log in logs
            ],
            stations,
            branches,
            root,
            error=self.error,
            notice=self.notice,
        )
        keys = {log.name: log.genesis.public_key for log in chain if log.genesis}
        for name in {row[1] for row in self.rows["county_checkpoints"]} - keys.keys():
            opened = self._sparse_opening(name)
            if opened is not None:
                keys[name] = opened.public_key
        taken = check_seen(self.rows["county_checkpoints"], keys, error=self.error, warning=self.warning)
        own = [
            (name, bool(state), [(slot.seq, slot.entry.county_seen) for slot in held.slots if slot.entry])
            for name, _, _, _, own, state in self.rows["logs"]
            if own == 1 and (held := self.logs.get(name))
        ]
        check_named(taken, own, error=self.error, notice=self.notice)

    # --- 7. cases -------------------------------------------------------------------------------

    def cases(self) -> None:
        """Find acts that wait for a parent; one of another case never comes."""
        for act in self.acts.values():
            for parent in act.parents:
                known = self.acts.get(parent)
                if known is None or known.thread != act.thread:
                    self.notice("audit.case_awaiting", act.act_id.hex())


def verify(
    path: Path, trust: bytes | None = None, storage_key: bytes | None = None
) -> tuple[int, dict[str, Any]]:
    """Return exit code and answer for a file; whatever the file holds, nothing is raised."""
    reader = Reader(path, trust, storage_key)
    try:
        answer = reader.run()
    except Unreadable as unreadable:
        error = {"code": str(unreadable), "where": path.name}
        return 2, {"ok": False, "records": 0, "errors": [error], "warnings": [], "notices": []}
    return (0 if answer["ok"] else 1), answer


def main(arguments: list[str] | None = None) -> int:
    """Run as a command."""
    parser = argparse.ArgumentParser(description="Verify a ledger file.")
    parser.add_argument("path", type=Path)
    parser.add_argument(
        "--trust", metavar="LEDGER_ID_HEX", help="the ledger id from paper, 64 hexadecimal digits"
    )
    parser.add_argument(
        "--storage-key", type=Path, help="file with the station's storage key, to open personal bodies"
    )
    given = parser.parse_args(arguments)
    try:
        trust = bytes.fromhex(given.trust) if given.trust else None
        storage_key = given.storage_key.read_bytes() if given.storage_key else None
    except (ValueError, OSError) as error:
        parser.error(str(error))
    if trust is not None and len(trust) != 32:
        parser.error("a ledger id has 64 hexadecimal digits")
    code, answer = verify(given.path, trust, storage_key)
    json.dump(answer, sys.stdout, ensure_ascii=True, indent=1)
    sys.stdout.write("\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
