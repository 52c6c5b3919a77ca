"""The records of a ledger as ``docs/protocol.md`` describes them: encoding, signatures, trees and notes.

Written from that page alone, with no code of the product, so that a mistake made there is not made here.
"""

import base64
import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

TOP = 2**63 - 1
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ORDER_8 = 2707385501144840649318225287225658788936804267575313519463743609750303402022
SMALL_ORDER = frozenset({0, 1, P - 1, ORDER_8, P - ORDER_8})
STATION = re.compile(r"[0-9]{12}-[A-Z0-9]{2}")
ACTION = re.compile(r"[a-z][a-z0-9_]{0,47}")
EMPTY_ROOT = hashlib.sha256(b"").digest()


class Refused(Exception):
    """Something breaks a rule of the page; ``code`` is the page's name for it."""

    def __init__(self, code: str, detail: str = "") -> None:
        """Keep the code and what is wrong in particular."""
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code


def h(context: str, data: bytes) -> bytes:
    """Return ``H(ctx, data)``; the context is given without its prefix and its newline."""
    return hashlib.sha256(f"banjian/{context}/1\n".encode() + data).digest()


# --- encoding -------------------------------------------------------------------------------------


class _Odd:
    """A MessagePack value that neither headers nor bodies hold: a float or an extension."""


class _Cursor:
    """A strict reader of MessagePack; anything but the shortest form is refused."""

    def __init__(self, data: bytes, *, body: bool, elements: int) -> None:
        self.data, self.at, self.body, self.elements = data, 0, body, elements

    def take(self, count: int) -> bytes:
        if count > len(self.data) - self.at:
            raise Refused("encoding.malformed", "truncated")
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self, width: int, least: int, *, signed: bool = False) -> int:
        value = int.from_bytes(self.take(width), "big", signed=signed)
        if (value >= least) if signed else (value < least):
            raise Refused("encoding.canonical", "not the shortest form")
        return value

    def text(self, length: int) -> str:
        end = self.at + length
        if end > len(self.data):
            raise Refused("encoding.malformed", "truncated")
        raw, self.at = self.data[self.at : end], end
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise Refused("encoding.malformed", "not UTF-8") from error

    def odd(self, length: int) -> Any:
        self.take(length)
        if self.body:
            raise Refused("encoding.type", "a value that bodies do not hold")
        return _Odd()

    def array(self, count: int, depth: int) -> list[Any]:
        self.bound(count, depth)
        return [self.value(depth + 1) for _ in range(count)]

    def map(self, count: int, depth: int) -> dict[str, Any]:
        self.bound(count, depth)
        result: dict[str, Any] = {}
        last: bytes | None = None
        for _ in range(count):
            key = self.value(depth + 1)
            if not isinstance(key, str):
                raise Refused("encoding.type", "a key that is not text")
            raw = key.encode()
            if last is not None and raw <= last:
                raise Refused("encoding.canonical", "keys not ascending")
            last = raw
            result[key] = self.value(depth + 1)
        return result

    def bound(self, count: int, depth: int) -> None:
        if depth > 8:
            raise Refused("encoding.depth")
        if count > self.elements or count > len(self.data) - self.at:
            raise Refused("encoding.malformed", "too many elements")

    def value(self, depth: int = 1) -> Any:
        if self.at >= len(self.data):
            raise Refused("encoding.malformed", "truncated")
        b = self.data[self.at]
        self.at += 1
        if b <= 0x7F:
            return b
        if b <= 0x8F:
            return self.map(b & 15, depth)
        if b <= 0x9F:
            return self.array(b & 15, depth)
        if b <= 0xBF:
            return self.text(b & 31)
        if b >= 0xE0:
            return b - 256
        if 0xC4 <= b <= 0xC6:
            return self.take(self.number(1 << (b - 0xC4), (0, 1 << 8, 1 << 16)[b - 0xC4]))
        if 0xCC <= b <= 0xCF:
            value = self.number(1 << (b - 0xCC), (1 << 7, 1 << 8, 1 << 16, 1 << 32)[b - 0xCC])
            if value > TOP and self.body:
                raise Refused("encoding.type", "integer beyond 2^63-1")
            return value
        if 0xD0 <= b <= 0xD3:
            return self.number(
                1 << (b - 0xD0), (-32, -(1 << 7), -(1 << 15), -(1 << 31))[b - 0xD0], signed=True
            )
        if 0xD9 <= b <= 0xDB:
            return self.text(self.number(1 << (b - 0xD9), (32, 1 << 8, 1 << 16)[b - 0xD9]))
        if b in {0xDC, 0xDD}:
            return self.array(self.number(2 << (b - 0xDC), (16, 1 << 16)[b - 0xDC]), depth)
        if b in {0xDE, 0xDF}:
            return self.map(self.number(2 << (b - 0xDE), (16, 1 << 16)[b - 0xDE]), depth)
        if b in {0xC0, 0xC2, 0xC3}:
            return {0xC0: None, 0xC2: False, 0xC3: True}[b]
        if b in {0xCA, 0xCB}:
            return self.odd(4 << (b - 0xCA))
        if 0xC7 <= b <= 0xC9:
            return self.odd(int.from_bytes(self.take(1 << (b - 0xC7)), "big") + 1)
        if 0xD4 <= b <= 0xD8:
            return self.odd((1 << (b - 0xD4)) + 1)
        raise Refused("encoding.malformed", "c1")


def decode(data: bytes, limit: int, *, body: bool, elements: int = 4096) -> Any:
    """Decode a header or a body, which has exactly one valid encoding."""
    if len(data) > limit:
        raise Refused("encoding.limit")
    if not data:
        raise Refused("encoding.malformed", "empty")
    cursor = _Cursor(data, body=body, elements=elements)
    value = cursor.value()
    if cursor.at != len(data) or not isinstance(value, dict if body else list):
        raise Refused("encoding.malformed", "more bytes, or another outermost type")
    return value


def decode_body(data: bytes, limit: int = 65536, *, elements: int = 4096) -> dict[str, Any]:
    """Decode ``facts`` or ``personal``: a canonical map with a salt."""
    body: dict[str, Any] = decode(data, limit, body=True, elements=elements)
    salt = body.get("salt")
    if not isinstance(salt, bytes) or len(salt) != 16:
        raise Refused("body.salt")
    return body


# --- forms of header fields -----------------------------------------------------------------------

Form = Callable[[Any], bool]


def octets(*lengths: int) -> Form:
    """Return the form: bytes of one of these lengths."""
    return lambda value: isinstance(value, bytes) and len(value) in lengths


def octets_up_to(least: int, most: int) -> Form:
    """Return the form: bytes of a length between two bounds."""
    return lambda value: isinstance(value, bytes) and least <= len(value) <= most


def integer(least: int = 0, most: int = TOP) -> Form:
    """Return the form: an integer between two bounds, no boolean."""
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def one_of(*values: str) -> Form:
    """Return the form: one of these texts."""
    return lambda value: isinstance(value, str) and value in values


def matching(pattern: re.Pattern[str]) -> Form:
    """Return the form: text that a pattern matches as a whole."""
    return lambda value: isinstance(value, str) and value.isascii() and pattern.fullmatch(value) is not None


def ascending(value: Any, each: Form, most: int) -> bool:
    """Tell whether a value is an array of at most some elements of one form, strictly ascending."""
    return (
        isinstance(value, list)
        and len(value) <= most
        and all(each(item) for item in value)
        and all(a < b for a, b in pairwise(value))
    )


def record(
    data: bytes, name: str, limit: int, forms: Sequence[tuple[str, Form]], *, elements: int = 4096
) -> list[Any]:
    """Decode a header of version 1 and check its fields in the order of its table."""
    values: list[Any] = decode(data, limit, body=False, elements=elements)
    if values and integer()(values[0]) and values[0] != 1:
        raise Refused(f"{name}.version")
    if len(values) != len(forms) + 1:
        raise Refused(f"{name}.field", "count")
    if values[0] != 1 or not integer()(values[0]):
        raise Refused(f"{name}.field", "version")
    for value, (field, form) in zip(values[1:], forms, strict=True):
        if not form(value):
            if (name, field) == ("genesis", "suite") and integer()(value):
                raise Refused("genesis.suite")
            raise Refused(f"{name}.field", field)
    return values


# --- keys -----------------------------------------------------------------------------------------


@cache
def _on_curve(y: int) -> bool:
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    return square == 0 or pow(square, (P - 1) // 2, P) == 1


def _canonical_point(point: bytes) -> bool:
    number = int.from_bytes(point, "little")
    y, sign = number & ((1 << 255) - 1), number >> 255
    return y < P and not (sign and y in {1, P - 1})


X25519_SMALL = (
    0,
    1,
    P - 1,
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
)


def check_enrollable(alg: str, public_key: bytes) -> None:
    """Refuse a public key that nobody may enrol."""
    if alg not in {"ed25519", "x25519"}:
        raise Refused("key.algorithm")
    if len(public_key) != 32:
        raise Refused("key.encoding")
    if alg == "x25519":
        u = int.from_bytes(public_key, "little")
        if u >= P or u in X25519_SMALL:
            raise Refused("key.small_order")
    if alg == "ed25519":
        y = int.from_bytes(public_key, "little") & ((1 << 255) - 1)
        if y % P in SMALL_ORDER:
            raise Refused("key.small_order")
        if not _canonical_point(public_key) or not _on_curve(y):
            raise Refused("key.encoding")


def may_be_enrolled(value: Any) -> bool:
    """Tell whether a value is an Ed25519 key that may be enrolled."""
    try:
        if isinstance(value, bytes):
            check_enrollable("ed25519", value)
            return True
    except Refused:
        pass
    return False


def verify_ed25519(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Verify a signature by the strict rules; the library checks the equation, without the cofactor."""
    if len(signature) != 64 or len(public_key) != 32:
        return False
    if int.from_bytes(signature[32:], "little") >= L:
        return False
    if not _canonical_point(signature[:32]) or not _canonical_point(public_key):
        return False
    y = int.from_bytes(public_key, "little") & ((1 << 255) - 1)
    if y in SMALL_ORDER or not _on_curve(y):
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def key_id(alg: str, public_key: bytes) -> bytes:
    """Return the id of a public key."""
    return h("key", b"\x92" + bytes([0xA0 + len(alg)]) + alg.encode() + b"\xc4\x20" + public_key)[:16]


def possesses(ledger_id: bytes, public_key: bytes, proof: bytes) -> bool:
    """Tell whether who enrols a key has shown that the private half is held."""
    return verify_ed25519(public_key, b"banjian/key-possession/1\n" + ledger_id + public_key, proof)


# --- records --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LedgerGenesis:
    """The founding record of a ledger."""

    ledger_id: bytes
    roots: tuple[bytes, ...]


@dataclass(frozen=True)
class LogGenesis:
    """The founding record of a log."""

    hash: bytes
    ledger_id: bytes
    kind: str
    station: str
    public_key: bytes
    parent_log: bytes
    parent_size: int
    parent_root: bytes

    @property
    def log_id(self) -> bytes:
        """The name of the log."""
        return self.hash[:16]


@dataclass(frozen=True)
class Act:
    """A decoded act together with the bytes that were hashed."""

    raw: bytes
    act_id: bytes
    ledger_id: bytes
    case_id: bytes
    parents: tuple[bytes, ...]
    action: str
    actor: bytes
    station: str
    registry_size: int
    catalogue_version: int
    occurred_at_ms: int
    facts_hash: bytes
    facts_len: int
    personal_hash: bytes
    personal_len: int

    @property
    def thread(self) -> bytes:
        """The case, or the thread in the registry, that the act belongs to."""
        return self.case_id or self.act_id[:16]


@dataclass(frozen=True)
class Entry:
    """A decoded entry."""

    log_id: bytes
    seq: int
    previous: bytes
    act_id: bytes
    sig_hash: bytes
    recorded_at_ms: int
    boot_id: bytes
    monotonic_ms: int
    county_seen: bytes


def decode_ledger_genesis(data: bytes) -> LedgerGenesis:
    """Decode and check a ledger genesis."""
    values = record(
        data,
        "genesis",
        1024,
        (
            ("suite", integer(1, 1)),
            ("purpose", one_of("office", "training")),
            ("division_code", matching(re.compile("[0-9]{6}"))),
            ("threshold", integer(2, 2)),
            ("root_public_keys", lambda v: ascending(v, may_be_enrolled, 3) and len(v) == 3),
            ("created_at_ms", integer()),
            ("nonce", octets(16)),
        ),
    )
    return LedgerGenesis(h("ledger", data), tuple(values[5]))


def decode_log_genesis(data: bytes) -> LogGenesis:
    """Decode and check a log genesis."""
    values = record(
        data,
        "genesis",
        1024,
        (
            ("suite", integer(1, 1)),
            ("ledger_id", octets(32)),
            ("kind", one_of("station", "registry", "catalogue", "merge")),
            ("station", matching(STATION)),
            ("log_public_key", may_be_enrolled),
            ("reason", one_of("first", "restored", "cloned", "moved", "lost", "replaced")),
            ("parent_log", octets(0, 16)),
            ("parent_size", integer()),
            ("parent_root", octets(0, 32)),
            ("nonce", octets(16)),
        ),
    )
    first, parent, size, root = values[6] == "first", values[7], values[8], values[9]
    if first != (parent == b"") or (first and size) or (size > 0) != (root != b""):
        raise Refused("genesis.field", "parent")
    return LogGenesis(h("genesis", data), values[2], values[3], values[4], values[5], parent, size, root)


def _attachments(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) <= 32
        and all(
            isinstance(a, list) and len(a) == 2 and octets(32)(a[0]) and integer(1, 1 << 30)(a[1])
            for a in value
        )
        and len({a[0] for a in value}) == len(value)
    )


def decode_act(data: bytes) -> Act:
    """Decode and check an act."""
    values = record(
        data,
        "act",
        4096,
        (
            ("ledger_id", octets(32)),
            ("case_id", octets(0, 16)),
            ("parents", lambda v: ascending(v, octets(32), 8)),
            ("action", matching(ACTION)),
            ("actor_key_id", octets(16)),
            ("station", matching(STATION)),
            ("registry_size", integer()),
            ("catalogue_version", integer()),
            ("occurred_at_ms", integer()),
            ("facts_hash", octets(32)),
            ("facts_len", integer(1, 4 << 20)),
            ("personal_hash", octets(0, 32)),
            ("personal_len", integer(0, 65536)),
            ("attachments", _attachments),
        ),
    )
    if bool(values[2]) != bool(values[3]):
        raise Refused("act.field", "parents")
    if values[11] > 65536 and not values[4].startswith("publish_"):
        raise Refused("act.field", "facts_len")
    if bool(values[12]) != bool(values[13]):
        raise Refused("act.field", "personal_len")
    return Act(data, h("act-id", data), values[1], values[2], tuple(values[3]), *values[4:14])


def decode_entry(data: bytes) -> Entry:
    """Decode and check an entry."""
    values = record(
        data,
        "entry",
        512,
        (
            ("log_id", octets(16)),
            ("seq", integer(1)),
            ("previous", octets(32)),
            ("act_id", octets(32)),
            ("sig_hash", octets(32)),
            ("recorded_at_ms", integer()),
            ("boot_id", octets(16)),
            ("monotonic_ms", integer()),
            ("county_seen", octets(0, 32)),
        ),
    )
    return Entry(*values[1:])


def split_frame(data: bytes) -> tuple[bytes, bytes, bytes]:
    """Return act, signature and entry of a frame."""
    parts = decode(data, 16384, body=False)
    if len(parts) != 3:
        raise Refused("frame.field", "count")
    for part, most in zip(parts, (4096, 128, 512), strict=True):
        if not octets_up_to(1, most)(part):
            raise Refused("frame.field")
    return parts[0], parts[1], parts[2]


def check_frame(data: bytes) -> tuple[Act, bytes, Entry]:
    """Return the decoded parts of a frame that passes every check that needs no key."""
    raw_act, signature, raw_entry = split_frame(data)
    entry, act = decode_entry(raw_entry), decode_act(raw_act)
    check_pins(entry, raw_act, signature)
    return act, signature, entry


def check_pins(entry: Entry, raw_act: bytes, signature: bytes) -> None:
    """Refuse an act or a signature that the entry does not name."""
    if entry.act_id != h("act-id", raw_act):
        raise Refused("frame.act")
    if entry.sig_hash != h("act-sig", signature):
        raise Refused("frame.signature")


def check_link(entry: Entry, log_id: bytes, seq: int, previous: bytes | None) -> None:
    """Refuse an entry that does not stand where it is found; ``previous`` may be unknown."""
    if entry.log_id != log_id:
        raise Refused("entry.log")
    if entry.seq != seq:
        raise Refused("entry.sequence")
    if previous is not None and entry.previous != previous:
        raise Refused("entry.chain")


def check_act_signature(act: bytes, public_key: bytes, signature: bytes) -> None:
    """Refuse an act that the key did not sign."""
    if not verify_ed25519(public_key, b"banjian/act/1\n" + act, signature):
        raise Refused("act.signature")


def check_body(act: Act, kind: str, body: bytes) -> dict[str, Any]:
    """Compare held facts, or a held personal body, with the act's header and decode it."""
    wanted = (act.facts_hash, act.facts_len) if kind == "facts" else (act.personal_hash, act.personal_len)
    if (h(kind, body), len(body)) != wanted:
        raise Refused(f"act.{kind}_hash")
    wide = kind == "facts" and act.action.startswith("publish_")
    return decode_body(body, 4 << 20 if wide else 65536, elements=65536 if wide else 4096)


def check_merge_leaf(data: bytes) -> int:
    """Refuse what cannot be a leaf of the merge log behind its first; return when it was received."""
    values = decode(data, 512, body=False)
    if values and integer()(values[0]) and values[0] not in {1, 2}:
        raise Refused("merge.version")
    if len(values) != 5:
        raise Refused("merge.field", "count")
    forms = (integer(1, 2), octets(16), integer(1), octets(32), integer())
    if not all(form(value) for form, value in zip(forms, values, strict=True)):
        raise Refused("merge.field")
    return int(values[4])


# --- trees ----------------------------------------------------------------------------------------


def leaf_hash(leaf: bytes) -> bytes:
    """Return the hash of a leaf."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of a node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """The Merkle tree of a log; complete subtrees are kept by level."""

    def __init__(self) -> None:
        """Begin with the empty tree."""
        self.levels: list[list[bytes]] = [[]]

    def __len__(self) -> int:
        """Return the number of leaves."""
        return len(self.levels[0])

    def append(self, leaf: bytes) -> None:
        """Add a leaf."""
        node, level = leaf_hash(leaf), 0
        while True:
            row = self.levels[level]
            row.append(node)
            if len(row) % 2:
                return
            node, level = node_hash(row[-2], row[-1]), level + 1
            if level == len(self.levels):
                self.levels.append([])

    def root(self, size: int) -> bytes:
        """Return the root over the first leaves."""
        node: bytes | None = None
        for level, row in enumerate(self.levels):
            if size >> level & 1:
                part = row[(size >> level) - 1]
                node = part if node is None else node_hash(part, node)
        return EMPTY_ROOT if node is None else node


def check_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Verify an inclusion proof as RFC 9162, section 2.1.3.2, says."""
    if not 0 <= index < size or len(proof) > 63 or any(len(step) != 32 for step in proof):
        raise Refused("proof.inclusion")
    fn, sn, node = index, size - 1, leaf
    for step in proof:
        if sn == 0:
            raise Refused("proof.inclusion")
        if fn & 1 or fn == sn:
            node = node_hash(step, node)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            node = node_hash(node, step)
        fn, sn = fn >> 1, sn >> 1
    if sn or node != root:
        raise Refused("proof.inclusion")


def check_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Verify a consistency proof as RFC 9162, section 2.1.4.2, says."""
    bad = Refused("proof.consistency")
    if not 0 <= old <= new or len(proof) > 63 or any(len(step) != 32 for step in proof):
        raise bad
    if old in {0, new}:
        if proof or (old == 0 and old_root != EMPTY_ROOT) or (old == new and old_root != new_root):
            raise bad
        return
    steps = list(proof)
    if old & (old - 1) == 0:
        steps.insert(0, old_root)
    if not steps:
        raise bad
    fn, sn = old - 1, new - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    before = after = steps[0]
    for step in steps[1:]:
        if sn == 0:
            raise bad
        if fn & 1 or fn == sn:
            before, after = node_hash(step, before), node_hash(step, after)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            after = node_hash(after, step)
        fn, sn = fn >> 1, sn >> 1
    if sn or before != old_root or after != new_root:
        raise bad


# --- notes ----------------------------------------------------------------------------------------


def _base64(text: str) -> bytes:
    try:
        value = base64.b64decode(text.encode(), validate=True)
    except ValueError as error:
        raise Refused("note.malformed", "base64") from error
    if base64.b64encode(value).decode() != text:
        raise Refused("note.malformed", "base64")
    return value


def parse_signature_line(line: str) -> tuple[str, bytes, bytes]:
    """Return key name, key hash and signature of a line without its newline."""
    dash, _, rest = line.partition(" ")
    name, space, value = rest.partition(" ")
    if dash != "\u2014" or not space or not name or "+" in name or any(c.isspace() for c in name):
        raise Refused("note.malformed", "signature line")
    blob = _base64(value)
    if len(blob) < 5:
        raise Refused("note.malformed", "signature line")
    return name, blob[:4], blob[4:]


def parse_note(data: bytes) -> tuple[bytes, list[tuple[str, bytes, bytes]]]:
    """Return text and signature lines of a note."""
    if len(data) > 65536:
        raise Refused("note.limit")
    if any(b < 0x20 and b != 0x0A for b in data):
        raise Refused("note.malformed", "control byte")
    cut = data.rfind(b"\n\n")
    if cut < 0 or not data.endswith(b"\n") or cut + 2 == len(data):
        raise Refused("note.malformed", "no text or no signatures")
    try:
        data.decode()
        lines = data[cut + 2 : -1].decode().split("\n")
    except UnicodeDecodeError as error:
        raise Refused("note.malformed", "not UTF-8") from error
    if len(lines) > 64:
        raise Refused("note.limit")
    return data[: cut + 1], [parse_signature_line(line) for line in lines]


def note_key_hash(name: str, kind: int, public_key: bytes) -> bytes:
    """Return what a signature line names a key by."""
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public_key).digest()[:4]


def verify_note(data: bytes, name: str, public_key: bytes) -> bytes:
    """Return the text of a note that the key signed."""
    text, lines = parse_note(data)
    wanted = note_key_hash(name, 1, public_key)
    own = [signature for other, mark, signature in lines if (other, mark) == (name, wanted)]
    if not own:
        raise Refused("note.unsigned")
    if not all(verify_ed25519(public_key, text, signature) for signature in own):
        raise Refused("note.signature")
    return text


def read_checkpoint(data: bytes) -> tuple[str, int, bytes]:
    """Return origin, size and root of a checkpoint that nobody has verified."""
    text, _ = parse_note(data)
    lines = text.decode().split("\n")
    if len(lines) != 4 or not re.fullmatch("0|[1-9][0-9]{0,18}", lines[1]) or int(lines[1]) > TOP:
        raise Refused("checkpoint.malformed")
    root = _base64(lines[2])
    if len(root) != 32:
        raise Refused("checkpoint.malformed")
    return lines[0], int(lines[1]), root


def verify_checkpoint(data: bytes, origin: str, public_key: bytes) -> tuple[int, bytes]:
    """Return size and root of a checkpoint that the log of this origin signed."""
    stated, size, root = read_checkpoint(data)
    if stated != origin:
        raise Refused("checkpoint.origin")
    verify_note(data, origin, public_key)
    return size, root


def checkpoint_text(log_id: bytes, size: int, root: bytes) -> bytes:
    """Return the three lines of a checkpoint."""
    return f"banjian/log/{log_id.hex()}\n{size}\n{base64.b64encode(root).decode()}\n".encode()


def verify_receipt(line: bytes, checkpoint: bytes, name: str, public_key: bytes) -> int:
    """Return the time in seconds of a cosignature on the three lines of a checkpoint."""
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        raise Refused("note.malformed", "not UTF-8") from error
    if not text.endswith("\n") or any(ord(c) < 0x20 for c in text[:-1]):
        raise Refused("note.malformed", "no line")
    who, mark, signature = parse_signature_line(text[:-1])
    if (who, mark) != (name, note_key_hash(name, 4, public_key)):
        raise Refused("cosignature.key")
    time_s = int.from_bytes(signature[:8], "big")
    message = f"cosignature/v1\ntime {time_s}\n".encode() + checkpoint
    if len(signature) != 72 or time_s > TOP or not verify_ed25519(public_key, message, signature[8:]):
        raise Refused("cosignature.signature")
    return time_s
