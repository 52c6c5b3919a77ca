"""Signed notes of C2SP: text, a blank line, one line for each signature.

Source: docs/protocol.md, "Signed note"; https://c2sp.org/signed-note.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from hashlib import sha256

from ledger.errors import DataError, EncodingError
from ledger.formats.keys import Signer, verify
from ledger.limits import NOTE_BYTES_MAX, NOTE_SIGNATURES_MAX

TYPE_ED25519 = 0x01
TYPE_COSIGNATURE = 0x04

_DASH = "\u2014 "
_KEY_HASH_BYTES = 4
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
"""Control characters but for the newline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteSignature:
    """One signature line: name and 4-byte key hash say whose, ``sig`` is what follows the key hash."""

    name: str
    key_hash: bytes
    sig: bytes

    def line(self) -> str:
        """Return the line with its newline."""
        return f"{_DASH}{self.name} {base64.b64encode(self.key_hash + self.sig).decode('ascii')}\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A parsed note; nothing in it is trusted before a signature was checked."""

    text: str
    signatures: tuple[NoteSignature, ...]

    def pack(self) -> bytes:
        """Return the bytes of the note."""
        return (self.text + "\n" + "".join(one.line() for one in self.signatures)).encode("utf-8")


def key_hash(name: str, kind: int, public_key: bytes) -> bytes:
    """Return the 4-byte key hash of a signature line.

    Args:
        name: key name.
        kind: ``TYPE_ED25519`` or ``TYPE_COSIGNATURE``.
        public_key: 32 bytes.
    """
    return sha256(name.encode("utf-8") + b"\n" + bytes((kind,)) + public_key).digest()[:_KEY_HASH_BYTES]


def sign_note(text: str, name: str, signer: Signer) -> bytes:
    """Return a note with one Ed25519 signature.

    Raises:
        EncodingError: ``note.malformed`` for a text or name that a note cannot hold.
    """
    sig = signer.sign(text.encode("utf-8"))
    line = NoteSignature(name=name, key_hash=key_hash(name, TYPE_ED25519, signer.public_key), sig=sig)
    raw = Note(text=text, signatures=(line,)).pack()
    parse_note(raw)
    return raw


def open_note(raw: bytes, name: str, public_key: bytes) -> Note:
    """Return a note after checking the signature of a known key.

    Raises:
        EncodingError: ``note.malformed`` or ``note.limit``.
        DataError: ``note.unsigned`` when the key did not sign; ``note.signature`` when a line of that key
            does not hold.
    """
    note = parse_note(raw)
    lines = find_signatures(note, name, key_hash(name, TYPE_ED25519, public_key))
    message = note.text.encode("utf-8")
    for line in lines:
        if not verify(public_key, line.sig, message):
            raise DataError("note.signature", name=name)
    if not lines:
        raise DataError("note.unsigned", name=name)
    return note


def find_signatures(note: Note, name: str, hashed_key: bytes) -> list[NoteSignature]:
    """Return the lines of one key."""
    return [line for line in note.signatures if line.name == name and line.key_hash == hashed_key]


def parse_note(raw: bytes) -> Note:
    """Return the parts of a note without checking any signature.

    Raises:
        EncodingError: ``note.limit`` too long or too many signatures; ``note.malformed`` not UTF-8, control
            characters, no blank line, no signature, or a line of another form.
    """
    if len(raw) > NOTE_BYTES_MAX:
        raise EncodingError("note.limit", size=len(raw), limit=NOTE_BYTES_MAX)
    try:
        whole = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise EncodingError("note.malformed") from error
    text, blank, tail = whole.rpartition("\n\n")
    if not text or not blank or not tail.endswith("\n") or _has_control(whole):
        raise EncodingError("note.malformed")
    lines = tail[:-1].split("\n")
    if len(lines) > NOTE_SIGNATURES_MAX:
        raise EncodingError("note.limit", size=len(lines), limit=NOTE_SIGNATURES_MAX)
    return Note(text=text + "\n", signatures=tuple(parse_signature(line) for line in lines))


def parse_signature(line: str) -> NoteSignature:
    """Return the parts of one signature line, given without its newline.

    Raises:
        EncodingError: ``note.malformed`` for another form or base64 that is not the canonical one.
    """
    if not line.startswith(_DASH):
        raise EncodingError("note.malformed")
    name, space, encoded = line[len(_DASH) :].partition(" ")
    if not name or not space or "+" in name or _has_control(line) or name.split() != [name]:
        raise EncodingError("note.malformed")
    sig = decode_base64(encoded)
    if len(sig) <= _KEY_HASH_BYTES:
        raise EncodingError("note.malformed")
    return NoteSignature(name=name, key_hash=sig[:_KEY_HASH_BYTES], sig=sig[_KEY_HASH_BYTES:])


def decode_base64(encoded: str) -> bytes:
    """Return the bytes of canonical standard base64 with padding.

    Raises:
        EncodingError: ``note.malformed`` for any other text.
    """
    try:
        decoded = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise EncodingError("note.malformed") from error
    if base64.b64encode(decoded).decode("ascii") != encoded:
        raise EncodingError("note.malformed")
    return decoded


def _has_control(text: str) -> bool:
    return _CONTROL.search(text) is not None
