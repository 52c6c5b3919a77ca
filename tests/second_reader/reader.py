"""A second verifier of ledger files, written from ``docs/protocol.md`` alone.

``python reader.py PATH [--trust LEDGER_ID_HEX] [--storage-key FILE]`` prints one JSON object: ``ok``,
``records``, ``errors`` (each with ``code`` and ``where``) and ``notices``, which are no errors: acts that
wait, acts of a key that was retired later, branches kept as evidence. It exits with 0 if there are no
errors, with 1 if there are, and with 2 if the file cannot be read as a ledger at all.
"""

import argparse
import hashlib
import hmac
import json
import re
import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import reader_formats as f
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from reader_formats import Act, Entry, LogGenesis, Refused
from reader_registry import Registry

LOG_ID = re.compile(r"[0-9a-f]{32}")
COLUMNS = {
    "stored_events": ("originator_id:str", "originator_version:int", "topic:str", "state:bytes"),
    "acts": ("act_id:bytes", "log:str", "seq:int", "case_id:bytes", "action:str", "occurred_at_ms:int"),
    "facts": ("act_id:bytes", "body:bytes"),
    "personal": ("act_id:bytes", "case_id:bytes", "nonce:bytes", "ciphertext:bytes"),
    "case_keys": ("case_id:bytes", "wrapped:bytes"),
    "logs": ("log:str", "kind:str", "station:str", "genesis:bytes"),
    "heads": ("log:str", "size:int", "entry_hash:bytes", "recorded_at_ms:int"),
    "tree": ("log:str", "level:int", "index:int", "hash:bytes"),
    "checkpoints": ("log:str", "size:int", "note:bytes"),
    "receipts": ("log:str", "size:int", "name:str", "line:bytes"),
    "sparse": ("act_id:bytes", "log:str", "seq:int", "frame:bytes"),
}


class Unreadable(Exception):
    """The file is no ledger."""


@dataclass
class Slot:
    """One position of a log: what could be decoded of its frame."""

    seq: int
    act: Act | None = None
    signature: bytes = b""
    entry: Entry | None = None
    leaf: bytes | None = None
    refused: Refused | None = None


@dataclass
class Log:
    """One log as it is found."""

    name: str
    slots: list[Slot] = field(default_factory=list)
    genesis: LogGenesis | None = None
    tree: f.Tree = field(default_factory=f.Tree)
    whole: bool = True

    @property
    def kind(self) -> str:
        """The kind that the genesis says."""
        return self.genesis.kind if self.genesis else ""


def read_slot(seq: int, state: bytes) -> Slot:
    """Decode a frame as far as possible, in the order of its checks."""
    slot = Slot(seq)
    try:
        raw_act, slot.signature, slot.leaf = f.split_frame(state)
    except Refused as refused:
        slot.refused = refused
        return slot
    try:
        slot.entry = f.decode_entry(slot.leaf)
    except Refused as refused:
        slot.refused = refused
    try:
        slot.act = f.decode_act(raw_act)
        if slot.entry is not None:
            f.check_pins(slot.entry, raw_act, slot.signature)
    except Refused as refused:
        slot.refused = slot.refused or refused
    return slot


class Reader:
    """One verification of one file."""

    def __init__(self, path: Path, trust: bytes | None, storage_key: bytes | None = None) -> None:
        """Open nothing yet."""
        self.path, self.trust, self.storage_key = path, trust, storage_key
        self.records = 0
        self.errors: list[dict[str, str]] = []
        self.notices: list[dict[str, str]] = []
        self.said: set[tuple[str, str]] = set()
        self.rows: dict[str, list[tuple[Any, ...]]] = {}
        self.logs: dict[str, Log] = {}
        self.branches: list[tuple[str, Slot]] = []
        self.registry = Registry(trust)
        self.facts: dict[bytes, bytes] = {}
        self.acts: dict[bytes, Act] = {}

    def run(self) -> dict[str, Any]:
        """Verify everything in the order of the page and return the answer."""
        self.load()
        self.frames()
        self.openings()
        self.run_registry()
        for log in self.logs.values():
            self.entries(log)
        self.checkpoints()
        self.receipts()
        for log in self.logs.values():
            self.acts_of(log)
        self.sparse()
        self.personal()
        self.tables()
        self.cases()
        return {
            "ok": not self.errors,
            "records": self.records,
            "errors": self.errors,
            "notices": self.notices,
        }

    def error(self, found: Refused | str, where: str) -> None:
        """Add a finding; the same one is not said twice."""
        code, detail = (found, "") if isinstance(found, str) else (found.code, str(found)[len(found.code) :])
        finding = {"code": code, "where": where + detail}
        if (code, finding["where"]) not in self.said:
            self.said.add((code, finding["where"]))
            self.errors.append(finding)

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
                if all(type(value).__name__ == kind for value, kind in zip(row, types, strict=True)):
                    yield row
                else:
                    self.error("file.row", f"{table} {row[0]!r}"[:200])
        except (sqlite3.Error, UnicodeDecodeError):  # the message of a damaged file may not be text
            self.error("file.table", table)

    def frames(self) -> None:
        """Sort the frames into logs; a log named with ``~`` is a branch, kept as evidence."""
        for name, seq, _, state in self.rows["stored_events"]:
            self.records += 1
            if not LOG_ID.fullmatch(name):
                if LOG_ID.fullmatch(name[:32]) and name[32:33] == "~":
                    self.notice("log.branch", f"{name} {seq}")
                    self.branches.append((name, read_slot(seq, state)))
                else:
                    self.error("log.name", f"{name} {seq}")
                continue
            log = self.logs.setdefault(name, Log(name))
            if log.kind == "merge":
                slot = Slot(seq, leaf=state)
                try:
                    f.check_merge_leaf(state)
                except Refused as refused:
                    slot.refused = refused
            else:
                slot = read_slot(seq, state)
            log.slots.append(slot)
            if seq == 1:
                self._peek(log)
        for act_id, body in self.rows["facts"]:
            self.facts[act_id] = body

    def _peek(self, log: Log) -> None:
        """Take the genesis of a log from its first entry, without judging it."""
        act = log.slots[-1].act
        facts = {row[0]: row[1] for row in self.rows["facts"]} if not self.facts else self.facts
        self.facts = facts
        if act is None or act.action != "open_log" or act.act_id not in facts:
            return
        try:
            genesis = f.check_body(act, "facts", facts[act.act_id]).get("genesis")
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
            if act.action != "open_log" or act.case_id or act.act_id not in self.facts:
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
        for log in self.logs.values():
            self._parent(log)

    def _parent(self, log: Log) -> None:
        """Compare the root that a continued log names with the log that it continues, where that is held."""
        genesis = log.genesis
        if genesis is None or not genesis.parent_size:
            return
        parent = self.logs.get(genesis.parent_log.hex())
        leaves = [slot.leaf for slot in parent.slots[: genesis.parent_size]] if parent else []
        if len(leaves) < genesis.parent_size:
            return
        tree = f.Tree()
        for leaf in leaves:
            tree.append(leaf or b"")
        if tree.root(genesis.parent_size) != genesis.parent_root:
            self.error("log.parent", log.name)

    def run_registry(self) -> None:
        """Make the one pass over the registry log."""
        logs = [log for log in self.logs.values() if log.kind == "registry"]
        if len(logs) != 1:
            self.error("ledger.no_registry", f"{len(logs)} registry logs")
        for log in logs[:1]:
            for slot in log.slots:
                act = slot.act if slot.refused is None else None
                facts = self.facts.get(act.act_id) if act else None
                try:
                    self.registry.apply(act, slot.signature, facts)
                except Refused as refused:
                    self.error(refused, f"{log.name} {slot.seq}")
        if self.trust is None:
            self.notice("trust.not_pinned", "the ledger id was taken from the file")

    @property
    def ledger_id(self) -> bytes | None:
        """The pinned ledger id, else the one that the file claims."""
        genesis = self.registry.genesis
        return self.trust or (genesis.ledger_id if genesis else None)

    # --- 3. each log ----------------------------------------------------------------------------

    def entries(self, log: Log) -> None:
        """Check positions, chain, pins and time, and build the tree."""
        expected, previous = 1, log.genesis.hash if log.genesis else None
        last: dict[bytes, Entry] = {}
        for slot in log.slots:
            where = f"{log.name} {slot.seq}"
            if slot.seq != expected:
                self.error("log.gap", where)
                log.whole, previous = False, None
            expected = slot.seq + 1
            if slot.refused is not None:
                self.error(slot.refused, where)
            if slot.leaf is None:
                log.whole, previous = False, None
                continue
            log.tree.append(slot.leaf)
            if slot.entry is not None:
                try:
                    f.check_link(slot.entry, bytes.fromhex(log.name), slot.seq, previous)
                except Refused as refused:
                    self.error(refused, where)
                self._time(slot, last, where)
            previous = f.h("entry", slot.leaf)

    def _time(self, slot: Slot, last: dict[bytes, Entry], where: str) -> None:
        entry = slot.entry
        if entry is None:
            return
        before = last.get(entry.boot_id)
        last[entry.boot_id] = entry
        if before and (
            entry.recorded_at_ms < before.recorded_at_ms or entry.monotonic_ms < before.monotonic_ms
        ):
            self.error("time.backwards", where)
        if slot.act is not None and slot.act.occurred_at_ms > entry.recorded_at_ms:
            self.error("time.claimed_ahead", where)

    def checkpoints(self) -> None:
        """Check every stored checkpoint against the key and the tree of its log."""
        for name, size, note in self.rows["checkpoints"]:
            where = f"checkpoint {name} {size}"
            log = self.logs.get(name)
            if log is None:
                self.error("log.truncated", where)
                continue
            if log.genesis is None:
                self.error("log.opening", where)
                continue
            try:
                signed, root = f.verify_checkpoint(note, f"banjian/log/{name}", log.genesis.public_key)
            except Refused as refused:
                self.error(refused, where)
                continue
            if signed != size:
                self.error("checkpoint.malformed", f"{where}: stored under another size")
            if signed > len(log.slots):
                self.error("log.truncated", where)
            elif not log.whole or log.tree.root(signed) != root:
                self.error("checkpoint.root", where)

    def receipts(self) -> None:
        """Check every receipt under the enrolled receipt keys of its station."""
        for name, size, cosigner, line in self.rows["receipts"]:
            where = f"receipt {name} {size} {cosigner}"
            log = self.logs.get(name)
            if log is None or not log.whole or not 0 <= size <= len(log.tree):
                self.error("log.truncated", where)
                continue
            text = f.checkpoint_text(bytes.fromhex(name), size, log.tree.root(size))
            prefix = "banjian/receipt/"
            keys = (
                self.registry.receipt_keys(cosigner.removeprefix(prefix))
                if cosigner.startswith(prefix)
                else []
            )
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
        seen: set[bytes] = set()
        for slot in log.slots:
            if slot.act is None:
                continue
            where = f"{log.name} {slot.seq}"
            self.acts[slot.act.act_id] = slot.act
            if log.kind == "registry":
                continue
            if slot.act.act_id in seen:
                self.error("act.duplicate", where)
            seen.add(slot.act.act_id)
            if (slot.act.action == "open_log") != (slot.seq == 1):
                self.error("log.opening", where)
            if log.genesis and slot.act.station != log.genesis.station:
                self.error("act.other_station", where)
            self.judge(slot.act, slot.signature, log.kind, bytes.fromhex(log.name), slot.seq, where)

    def judge(self, act: Act, signature: bytes, kind: str, log_id: bytes, seq: int, where: str) -> None:
        """Check ledger, signature, authority and facts of one act outside the registry log."""
        if self.ledger_id is not None and act.ledger_id != self.ledger_id:
            self.error("act.ledger", where)
        key = self.registry.keys.get(act.actor)
        try:
            if key is not None:
                f.check_act_signature(act.raw, key.public_key, signature)
            fate = self.registry.authority(act, kind, log_id, seq)
            if fate:
                self.notice(f"act.{fate}", where)
        except Refused as refused:
            self.error(refused, where)
        if act.act_id not in self.facts:
            self.error("act.facts_missing", where)
            return
        try:
            f.check_body(act, "facts", self.facts[act.act_id])
        except Refused as refused:
            self.error(refused, where)

    def sparse(self) -> None:
        """Check the single frames of other stations' logs."""
        for act_id, log, seq, frame in self.rows["sparse"]:
            where = f"sparse {log} {seq}"
            slot = read_slot(seq, frame)
            if slot.refused is not None:
                self.error(slot.refused, where)
            if slot.act is None or slot.entry is None:
                continue
            if not LOG_ID.fullmatch(log) or slot.act.act_id != act_id:
                self.error("table.sparse", where)
                continue
            self.acts.setdefault(act_id, slot.act)
            try:
                f.check_link(slot.entry, bytes.fromhex(log), seq, None)
            except Refused as refused:
                self.error(refused, where)
            self.judge(slot.act, slot.signature, "station", bytes.fromhex(log), seq, where)

    def personal(self) -> None:
        """Check personal bodies: their length, and with the storage key also their hash."""
        keys = dict(self.rows["case_keys"])
        for act_id, case_id, nonce, ciphertext in self.rows["personal"]:
            act = self.acts.get(act_id)
            where = f"personal {act_id.hex()}"
            if act is None:
                if not any(slot.act and slot.act.act_id == act_id for _, slot in self.branches):
                    self.error("table.personal", where)
                continue
            fits = len(nonce) == 12 and len(ciphertext) == act.personal_len + 16 and case_id == act.thread
            if not fits or not act.personal_len:
                self.error("act.personal_hash", where)
            elif self.storage_key is not None and case_id in keys:
                try:
                    f.check_body(
                        act, "personal", self._open(keys[case_id], case_id, nonce, ciphertext, act_id)
                    )
                except (InvalidTag, ValueError):
                    self.error("act.personal_hash", where)
                except Refused as refused:
                    self.error(refused, where)

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
        for name, kind, station, genesis in self.rows["logs"]:
            known = openings.pop(name, None)
            if known is None or (f.h("genesis", genesis), kind, station) != (
                known.hash,
                known.kind,
                known.station,
            ):
                self.error("table.logs", name)
        for name in openings:
            self.error("table.logs", name)
        branched = {slot.act.act_id for _, slot in self.branches if slot.act}
        places: dict[bytes, set[tuple[Any, ...]]] = {}
        for log in self.logs.values():
            for slot in log.slots:
                if slot.act is not None:
                    place = (log.name, slot.seq, slot.act.thread, slot.act.action, slot.act.occurred_at_ms)
                    places.setdefault(slot.act.act_id, set()).add(place)
        for act_id, *stored in self.rows["acts"]:
            known_places = places.pop(act_id, None)
            if known_places is None and (act_id in branched or act_id in self.acts):
                continue
            if known_places is None or tuple(stored) not in known_places:
                self.error("table.acts", act_id.hex())
        for act_id in places:
            self.error("table.acts", act_id.hex())
        for act_id in self.facts:
            if act_id not in self.acts and act_id not in branched:
                self.error("table.facts", act_id.hex())

    @staticmethod
    def _head(log: Log) -> tuple[int, bytes, int]:
        last = log.slots[-1]
        recorded = last.entry.recorded_at_ms if last.entry else 0
        return last.seq, f.h("entry", last.leaf or b""), recorded

    def _compare(self, table: str, wanted: set[tuple[Any, ...]]) -> None:
        for row in sorted(set(self.rows[table]) ^ wanted, key=repr):
            if row[0] in self.logs and (self.logs[row[0]].kind == "merge" and table == "heads"):
                continue  # the page does not say what heads hold of a merge log
            self.error(
                f"table.{table}", " ".join(str(value) for value in row[:3] if not isinstance(value, bytes))
            )

    # --- 7. cases -------------------------------------------------------------------------------

    def cases(self) -> None:
        """Find acts that wait for a parent, and parents of another case."""
        for act in self.acts.values():
            for parent in act.parents:
                known = self.acts.get(parent)
                if known is None:
                    self.notice("case.waits", act.act_id.hex())
                elif known.thread != act.thread:
                    self.error("case.parent", act.act_id.hex())


def verify(
    path: Path, trust: bytes | None = None, storage_key: bytes | None = None
) -> tuple[int, dict[str, Any]]:
    """Return exit code and answer for a file; whatever the file holds, nothing is raised."""
    reader = Reader(path, trust, storage_key)
    try:
        answer = reader.run()
    except Unreadable as unreadable:
        error = {"code": str(unreadable), "where": path.name}
        return 2, {"ok": False, "records": 0, "errors": [error], "notices": []}
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
