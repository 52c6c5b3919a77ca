"""What travels: packages, excerpts, bundles, invites and key envelopes, as ``docs/protocol.md`` has them."""

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import msgpack
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from reader_formats import (
    STATION,
    TOP,
    Form,
    Refused,
    Tree,
    check_frame,
    check_link,
    check_pins,
    decode,
    decode_act,
    decode_body,
    decode_entry,
    decode_ledger_genesis,
    decode_log_genesis,
    h,
    integer,
    key_id,
    leaf_hash,
    matching,
    may_be_enrolled,
    node_hash,
    octets,
    octets_up_to,
    one_of,
    parse_note,
    read_checkpoint,
    record,
    split_frame,
    verify_checkpoint,
    verify_ed25519,
)


def every(form: Form, most: int = 4096) -> Form:
    """Return the form: an array of at most some elements of one form."""
    return lambda value: isinstance(value, list) and len(value) <= most and all(form(item) for item in value)


def tuple_of(*forms: Form) -> Form:
    """Return the form: an array with one element of each form."""
    return lambda value: (
        isinstance(value, list)
        and len(value) == len(forms)
        and all(form(item) for form, item in zip(forms, value, strict=True))
    )


def anything(value: Any) -> bool:
    """Accept a field whose form is checked later."""
    return value is not None


# --- packages -------------------------------------------------------------------------------------

_BYTES = octets_up_to(0, 1 << 25)
_TEXT: Form = lambda value: isinstance(value, str)  # noqa: E731
_TABLES = tuple_of(
    every(octets(16)),
    every(octets(0, 32)),
    every(octets(16)),
    every(_TEXT),
    every(octets(16)),
    every(octets(32)),
)
_PACKAGE: tuple[tuple[str, Form], ...] = (
    ("log_id", octets(16)),
    ("first_seq", integer(1)),
    ("previous", octets(32)),
    ("ledger_id", octets(0, 32)),
    ("station", lambda v: v == "" or matching(STATION)(v)),
    ("checkpoint", _BYTES),
    ("receipts", every(_BYTES, 64)),
    ("kinds", every(integer(0, 2))),
    ("tables", _TABLES),
    ("columns", tuple_of(*[every(integer())] * 10)),
    ("parents", every(every(integer(), 8), 256)),
    ("attachments", every(tuple_of(integer(), anything))),
    ("withheld", every(tuple_of(integer(), integer(0, 1), octets(32), integer(1)))),
    ("opaque", every(_BYTES)),
    ("signature_lengths", every(integer(1, 128))),
    ("signatures", _BYTES),
    ("facts", every(_BYTES)),
    ("personal", every(_BYTES)),
)


@dataclass
class Rebuilt:
    """One entry of a package, rebuilt."""

    act: bytes
    signature: bytes
    entry: bytes


def _unzigzag(value: int) -> int:
    return value // 2 if value % 2 == 0 else -(value + 1) // 2


def _bad(field: str) -> Refused:
    return Refused("package.field", field)


def _deltas(column: list[int]) -> list[int]:
    result, value = [], 0
    for step in column:
        value += _unzigzag(step)
        if not 0 <= value <= TOP:
            raise _bad("delta")
        result.append(value)
    return result


class _Package:
    """The rebuilding of one package."""

    def __init__(self, values: list[Any]) -> None:
        (_, self.log_id, self.first, self.previous, self.ledger_id, self.station, self.checkpoint) = values[
            :7
        ]
        (self.receipts, self.kinds, self.tables, self.columns, self.parents) = values[7:12]
        self.lengths, self.signatures, self.facts, self.personal = values[15:19]
        self.opaque = list(values[14])
        self.attachments = self.by_index(values[12], lambda item: (item[0],))
        self.withheld = self.by_index(values[13], lambda item: (item[0], item[1]))
        self.regular = self.kinds.count(0)
        self.decoded = self.regular + self.kinds.count(1)

    @staticmethod
    def by_index(items: list[Any], key: Callable[[Any], tuple[int, ...]]) -> dict[tuple[int, ...], Any]:
        found = {key(item): item for item in items}
        if len(found) != len(items):
            raise _bad("index twice")
        return found

    def look(self, table: int, index: int) -> Any:
        if index >= len(self.tables[table]):
            raise _bad("table index")
        return self.tables[table][index]

    def check_lengths(self) -> None:
        count = len(self.kinds)
        lengths = [self.decoded] * 4 + [self.regular] * 6
        if [len(column) for column in self.columns] != lengths or len(self.parents) != self.regular:
            raise _bad("column")
        if len(self.facts) != count or len(self.personal) != count:
            raise _bad("bodies")
        if bool(self.regular) != bool(self.ledger_id) or bool(self.regular) != bool(self.station):
            raise _bad("ledger or station")
        if self.lengths and len(self.lengths) != self.decoded:
            raise _bad("signature lengths")
        self.lengths = self.lengths or [64] * self.decoded
        if sum(self.lengths) != len(self.signatures):
            raise _bad("signatures")

    def rebuild(self) -> list[Rebuilt]:
        self.check_lengths()
        boots, seen = self.columns[:2]
        recorded, monotonic = _deltas(self.columns[2]), _deltas(self.columns[3])
        self.sizes, self.catalogues = _deltas(self.columns[7]), _deltas(self.columns[8])
        result: list[Rebuilt] = []
        self.made: list[tuple[bytes, bytes] | None] = []  # act id and case of regular acts
        d = previous_end = 0
        previous = self.previous
        for index, kind in enumerate(self.kinds):
            if kind == 2:
                result.append(Rebuilt(*split_frame(self.take_opaque())))
                self.made.append(None)
            else:
                act = self.regular_act(index, recorded[d]) if kind == 0 else self.opaque_act()
                signature = self.signatures[previous_end : previous_end + self.lengths[d]]
                previous_end += self.lengths[d]
                entry = [
                    1,
                    self.log_id,
                    self.first + index,
                    previous,
                    h("act-id", act),
                    h("act-sig", signature),
                ]
                entry += [recorded[d], self.look(0, boots[d]), monotonic[d], self.look(1, seen[d])]
                raw = msgpack.packb(entry)
                check_pins(decode_entry(raw), act, signature)
                result.append(Rebuilt(act, signature, raw))
                d += 1
            previous = h("entry", result[-1].entry)
        if self.opaque or self.attachments or self.withheld:
            raise _bad("something is not used")
        return result

    def take_opaque(self) -> bytes:
        if not self.opaque:
            raise _bad("opaque")
        return bytes(self.opaque.pop(0))

    def opaque_act(self) -> bytes:
        self.made.append(None)
        return self.take_opaque()

    def body(self, index: int, which: int) -> tuple[bytes, int]:
        held = (self.facts, self.personal)[which][index]
        listed = self.withheld.pop((index, which), None)
        if held and listed:
            raise _bad("withheld though present")
        if listed:
            return listed[2], listed[3]
        return (h(("facts", "personal")[which], held), len(held)) if held else (b"", 0)

    def regular_act(self, index: int, recorded: int) -> bytes:
        r = sum(made is not None for made in self.made)
        action, actor, case_ref = (self.columns[column][r] for column in (4, 5, 6))
        parents, case_of_parent = [], b""
        for reference in self.parents[r]:
            if reference % 2:
                parents.append(self.look(5, reference // 2))
                continue
            at = index - reference // 2
            if reference == 0 or at < 0 or (known := self.made[at]) is None:
                raise _bad("parent")
            parents.append(known[0])
            case_of_parent = case_of_parent or known[1]
        if case_ref == 1 and not case_of_parent:
            raise _bad("case")
        case = b"" if case_ref == 0 else case_of_parent if case_ref == 1 else self.look(4, case_ref - 2)
        occurred = recorded - _unzigzag(self.columns[9][r])
        if not 0 <= occurred <= TOP:
            raise _bad("occurred_at_ms")
        attachments = self.attachments.pop((index,), (index, []))[1]
        values = [1, self.ledger_id, case, parents, self.look(3, action), self.look(2, actor), self.station]
        values += [self.sizes[r], self.catalogues[r], occurred, *self.body(index, 0), *self.body(index, 1)]
        try:
            raw = bytes(msgpack.packb([*values, attachments]))
        except (TypeError, ValueError) as error:
            raise _bad("attachments") from error
        act = decode_act(raw)
        self.made.append((act.act_id, act.thread))
        return raw


def read_package(data: bytes, public_key: bytes, tree: Tree | None = None) -> list[Rebuilt]:
    """Rebuild a package and prove it against its checkpoint; ``tree`` is what the receiver has of the log."""
    tree = tree or Tree()
    values = record(data, "package", 33554432, _PACKAGE)
    count = len(values[8])
    if not 1 <= count <= 256:
        raise Refused("package.count")
    package = _Package(values)
    text, _ = parse_note(package.checkpoint)
    size = package.first + count - 1
    if text.decode().split("\n")[:2] != [f"banjian/log/{package.log_id.hex()}", str(size)]:
        raise Refused("package.checkpoint")
    rebuilt = package.rebuild()
    if len(tree) != package.first - 1:
        raise Refused("package.gap")
    _, root = verify_checkpoint(package.checkpoint, f"banjian/log/{package.log_id.hex()}", public_key)
    for item in rebuilt:
        tree.append(item.entry)
    if tree.root(size) != root:
        raise Refused("package.root")
    for item, facts in zip(rebuilt, package.facts, strict=True):
        _check_pinned(item, facts)
    return rebuilt


def _check_pinned(item: Rebuilt, facts: bytes) -> None:
    """Refuse an act, a signature or facts that are not what the entry and its act pin."""
    try:
        entry = decode_entry(item.entry)
    except Refused:
        return  # It pins nothing that anybody could read.
    try:
        check_pins(entry, item.act, item.signature)
    except Refused as refused:
        raise Refused("package.pins", refused.code) from refused
    try:
        act = decode_act(item.act)
    except Refused:
        return
    if not facts or (h("facts", facts), len(facts)) != (act.facts_hash, act.facts_len):
        raise Refused("package.pins", "facts")


# --- excerpts -------------------------------------------------------------------------------------

_ARRAY: Form = lambda value: isinstance(value, list)  # noqa: E731
_EXCERPT: tuple[tuple[str, Form], ...] = (
    ("log_id", octets(16)),
    ("checkpoint", _BYTES),
    ("receipts", lambda v: every(_BYTES, 64)(v) and all(_is_text(line) for line in v)),
    ("positions", _ARRAY),
    ("frames", _ARRAY),
    ("nodes", every(_BYTES, 257 * 63)),
    ("facts", _ARRAY),
    ("personal", _ARRAY),
)


def _is_text(line: bytes) -> bool:
    try:
        return bool(line.decode()) or not line
    except UnicodeDecodeError:
        return False


def root_of_several(size: int, leaves: dict[int, bytes], nodes: list[bytes]) -> bytes:
    """Return the root that leaves of a tree and the nodes of their proof give."""
    if not leaves or not all(0 <= index < size for index in leaves):
        raise Refused("proof.multi", "leaves")
    left = list(reversed(nodes))

    def root(first: int, count: int, held: list[int]) -> bytes:
        if not held:
            if not left or len(left[-1]) != 32:
                raise Refused("proof.multi", "node")
            return left.pop()
        if count == 1:
            return leaves[first]
        half = 1 << ((count - 1).bit_length() - 1)
        low = root(first, half, [index for index in held if index < first + half])
        high = root(first + half, count - half, [index for index in held if index >= first + half])
        return node_hash(low, high)

    found = root(0, size, sorted(leaves))
    if left:
        raise Refused("proof.multi", "a node is left over")
    return found


def _opened_key(frame: bytes, facts: bytes, log_id: bytes) -> bytes:
    """Return the key of a log from its first entry."""
    act, _, _ = check_frame(frame)
    stated = decode_body(facts).get("genesis") if act.action == "open_log" and facts else None
    if not isinstance(stated, bytes) or h("genesis", stated)[:16] != log_id:
        raise Refused("excerpt.opening")
    return decode_log_genesis(stated).public_key


def read_excerpt(data: bytes) -> dict[int, tuple[bytes, bytes, bytes]]:
    """Return frame, facts and personal body by position, after everything is proven."""
    if len(data) > 33554432:
        raise Refused("excerpt.limit")
    values = record(data, "excerpt", 33554432, _EXCERPT, elements=257 * 63)
    _, log_id, checkpoint, _, steps, frames, nodes, facts, personal = values
    if not 1 <= len(steps) <= 257:
        raise Refused("excerpt.count")
    if not all(integer(1)(step) for step in steps) or steps[0] != 1 or sum(steps) > TOP:
        raise Refused("excerpt.field", "positions")
    for name, column in (("frames", frames), ("facts", facts), ("personal", personal)):
        if len(column) != len(steps) or not all(isinstance(item, bytes) for item in column):
            raise Refused("excerpt.field", name)
    positions = list(accumulate(steps))
    split = [split_frame(frame) for frame in frames]
    origin = f"banjian/log/{log_id.hex()}"
    stated, size, _ = read_checkpoint(checkpoint)
    if stated != origin or size < positions[-1]:
        raise Refused("excerpt.checkpoint")
    size, root = verify_checkpoint(checkpoint, origin, _opened_key(frames[0], facts[0], log_id))
    leaves = {at - 1: leaf_hash(entry) for at, (_, _, entry) in zip(positions, split, strict=True)}
    if root_of_several(size, leaves, nodes) != root:
        raise Refused("excerpt.root")
    for index, (at, (act, signature, entry)) in enumerate(zip(positions, split, strict=True)):
        said = decode_entry(entry)
        check_link(said, log_id, at, None)
        check_pins(said, act, signature)
        for kind, body in (("facts", facts[index]), ("personal", personal[index])):
            if body:
                _check_named(act, kind, body)
    return dict(zip(positions, zip(frames, facts, personal, strict=True), strict=True))


def _check_named(act: bytes, kind: str, body: bytes) -> None:
    try:
        header = decode_act(act)
    except Refused as refused:
        raise Refused("act.facts_hash", str(refused)) from refused
    named = {
        "facts": (header.facts_hash, header.facts_len),
        "personal": (header.personal_hash, header.personal_len),
    }
    if named[kind] != (h(kind, body), len(body)):
        raise Refused(f"act.{kind}_hash")


# --- invites --------------------------------------------------------------------------------------


def _name(value: Any) -> bool:
    try:
        return octets_up_to(1, 256)(value) and bool(value.decode())
    except UnicodeDecodeError:
        return False


def _genesis(value: Any) -> bool:
    try:
        return isinstance(value, bytes) and bool(decode_ledger_genesis(value))
    except Refused:
        return False


_INVITE: tuple[tuple[str, Form], ...] = (
    ("ledger_genesis", _genesis),
    ("registrar_public_key", may_be_enrolled),
    ("county_name", _name),
    ("kind", one_of("station", "staff", "service")),
    ("station", matching(STATION)),
    ("station_name", _name),
    ("upstream", lambda v: v == "" or matching(STATION)(v)),
    ("roles", every(matching(re.compile("[a-z][a-z0-9_]{0,31}")), 16)),
    ("addresses", every(matching(re.compile("https://[!-~]{1,200}")), 8)),
    ("ca_fingerprint", octets(0, 32)),
    ("issued_at_ms", integer()),
    ("expires_at_ms", integer()),
    ("token", octets(16)),
)


def read_invite(data: bytes) -> list[Any]:
    """Return the fields of an invite whose signature holds; the caller looks at its time."""
    outer = decode(data, 16384, body=False)
    if len(outer) != 2 or not all(isinstance(part, bytes) for part in outer):
        raise Refused("invite.field")
    content, signature = outer
    values = record(content, "invite", 16384, _INVITE)
    if values[12] <= values[11]:
        raise Refused("invite.field", "expires_at_ms")
    if not verify_ed25519(values[2], b"banjian/invite/1\n" + content, signature):
        raise Refused("invite.signature")
    return values


# --- key envelopes --------------------------------------------------------------------------------

_ENVELOPE: tuple[tuple[str, Form], ...] = (
    ("derivation", one_of("argon2id")),
    ("memory_kib", integer(8192, 262144)),
    ("iterations", integer(1, 10)),
    ("lanes", integer(1, 4)),
    ("salt", octets(16)),
    ("nonce", octets(12)),
    ("alg", one_of("ed25519", "x25519")),
    ("public_key", octets(32)),
    ("label", matching(re.compile("[!-~]{1,64}"))),
)


def open_envelope(data: bytes, passphrase: str) -> bytes:
    """Return the seed in a key envelope."""
    try:
        outer = decode(data, 4096, body=False)
        if len(outer) != 2 or not isinstance(outer[0], bytes) or not octets(48)(outer[1]):
            raise Refused("key.envelope")
        inner, sealed = outer
        _, _, memory, iterations, lanes, salt, nonce, alg, public_key, _ = record(
            inner, "key", 4096, _ENVELOPE
        )
    except Refused as refused:
        raise Refused("key.envelope", str(refused)) from refused
    phrase = unicodedata.normalize("NFKC", passphrase).encode()
    derivation = Argon2id(salt=salt, length=32, iterations=iterations, lanes=lanes, memory_cost=memory)
    try:
        seed = AESGCM(derivation.derive(phrase)).decrypt(nonce, sealed, b"banjian/envelope/1\n" + inner)
    except InvalidTag as error:
        raise Refused("key.passphrase") from error
    private: Any = Ed25519PrivateKey if alg == "ed25519" else X25519PrivateKey
    if private.from_private_bytes(seed).public_key().public_bytes_raw() != public_key:
        raise Refused("key.envelope", "public key")
    return bytes(seed)


# --- bundles --------------------------------------------------------------------------------------

_MAGIC = b"banjian-bundle/1\n"
_BUNDLE: tuple[tuple[str, Form], ...] = (
    ("suite", integer(1, 1)),
    ("receiver", matching(STATION)),
    ("receiver_key", octets(16)),
    ("bundle_id", octets(16)),
    ("part", integer(1, 9999)),
    ("parts", integer(1, 9999)),
)
_MANIFEST: tuple[tuple[str, Form], ...] = (
    ("kind", one_of("up", "down", "acknowledgement")),
    ("ledger_id", octets(32)),
    ("sender", matching(STATION)),
    ("created_at_ms", integer()),
    ("prerequisites", every(tuple_of(octets(16), integer()))),
    ("sections", every(tuple_of(_TEXT, one_of("", "zstd"), octets(32), integer()))),
)


def _hkdf(salt: bytes, suite: bytes, label: bytes, key: bytes) -> bytes:
    return hmac.new(salt, b"HPKE-v1" + suite + label + key, hashlib.sha256).digest()


def _expand(key: bytes, suite: bytes, label: bytes, info: bytes, length: int) -> bytes:
    data = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info + b"\x01"
    return hmac.new(key, data, hashlib.sha256).digest()[:length]


def hpke_open(private_key: bytes, info: bytes, sealed: bytes) -> bytes:
    """Open RFC 9180 base mode: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM, one-shot."""
    private = X25519PrivateKey.from_private_bytes(private_key)
    enc = sealed[:32]
    try:
        shared = private.exchange(X25519PublicKey.from_public_bytes(enc))
        kem, suite = b"KEM\x00\x20", b"HPKE\x00\x20\x00\x01\x00\x02"
        prk = _hkdf(b"", kem, b"eae_prk", shared)
        secret = _expand(prk, kem, b"shared_secret", enc + private.public_key().public_bytes_raw(), 32)
        context = b"\x00" + _hkdf(b"", suite, b"psk_id_hash", b"") + _hkdf(b"", suite, b"info_hash", info)
        prk = _hkdf(secret, suite, b"secret", b"")
        key = _expand(prk, suite, b"key", context, 32)
        return AESGCM(key).decrypt(_expand(prk, suite, b"base_nonce", context, 12), sealed[32:], b"")
    except (InvalidTag, ValueError) as error:
        raise Refused("bundle.sealed") from error


def read_bundle(data: bytes, private_key: bytes) -> tuple[list[Any], list[bytes]]:
    """Return manifest and payloads of one part of a bundle; payloads stay compressed."""
    if not data.startswith(_MAGIC):
        raise Refused("bundle.malformed")
    if len(data) > 67108864:
        raise Refused("bundle.limit")
    at = len(_MAGIC)

    def block() -> bytes:
        nonlocal at
        length = int.from_bytes(data[at : at + 4], "big")
        if len(data) - at < 4 + length:
            raise Refused("bundle.truncated")
        at += 4 + length
        return data[at - length : at]

    header = block()
    values = record(header, "bundle", 4096, _BUNDLE)
    if values[5] > values[6]:
        raise Refused("bundle.field", "part")
    public_key = X25519PrivateKey.from_private_bytes(private_key).public_key().public_bytes_raw()
    if values[3] != key_id("x25519", public_key):
        raise Refused("bundle.receiver")

    def section(number: int) -> bytes:
        info = b"banjian/bundle/1\n" + header + number.to_bytes(4, "big")
        return hpke_open(private_key, info, block())

    manifest = record(section(0), "bundle", 1048576, _MANIFEST)
    payloads = []
    for number, (_, _, digest, size) in enumerate(manifest[6], 1):
        payload = section(number)
        if len(payload) != size or hashlib.sha256(payload).digest() != digest:
            raise Refused("bundle.section")
        payloads.append(payload)
    if at != len(data):
        section(len(payloads) + 1)
        raise Refused("bundle.section", "more than listed")
    return manifest, payloads
