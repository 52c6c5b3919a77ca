"""Attachments beside the ledger: photos and scans, in encrypted chunks, named in acts by hash and length.

What an act names is SHA-256 over a context, a random salt and the content: whoever holds the acts alone can
neither read an attachment nor try whether it is a certain file. The content lies in chunks of 256 KiB, each
encrypted under a key of its own attachment, which lies sealed under the installation's storage key; dropping
that one small file makes the content unreadable. An upload that broke off goes on with the chunks it lacks.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, replace
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ledger import platform
from ledger.errors import DataError, InputError, StoreError
from ledger.facade import Home, Ledger
from ledger.facade.base.clock import Randomness
from ledger.facade.cases.attachednames import attachments_in
from ledger.hashing import CTX_ATTACHMENT
from ledger.lawtime import DAY_MS
from ledger.types import CaseId
from stations.kept.sealed import NONCE_BYTES, SealedFolder
from sync.attachforms import CHUNK_BYTES, FILE_CHARS_MAX, Head

FOLDER = "attachments"
SIZE_BYTES_MAX = 100 * 1024 * 1024
UNFINISHED_MS = 7 * DAY_MS
"""An upload that nobody finished is thrown away after a week."""
_ID_BYTES = 16
_CHUNK = "{:06d}.chunk"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """One attachment, or an upload on its way.

    Attributes:
        name: under which it is kept, 32 hexadecimal digits.
        file: what the file was called.
        size: bytes of the content.
        by: staff number of who brought it.
        salt: 32 bytes in hexadecimal digits; goes into the hash.
        key: of the chunks, 32 bytes in hexadecimal digits.
        hash: what acts name it by, in hexadecimal digits; "" until it is complete.
        expected: what acts name it by, of one that comes from another station; "" for one brought here.
        signed: whether an act names it, as far as that is known; false only from its beginning here on until
            then.
    """

    name: str
    file: str
    size: int
    by: str
    at_ms: int
    salt: str
    key: str
    hash: str = ""
    expected: str = ""
    signed: bool = True

    @property
    def chunks(self) -> int:
        """How many chunks there are."""
        return -(-self.size // CHUNK_BYTES)

    @property
    def head(self) -> Head:
        """What another station must know of it before its chunks."""
        return Head(size=self.size, salt=bytes.fromhex(self.salt), file=self.file)

    @property
    def named(self) -> tuple[bytes, int]:
        """Hash and length, as an act names it."""
        return bytes.fromhex(self.hash), self.size


class Attachments:
    """Keeps attachments in ``attachments/`` of the installation; blocks on the disk."""

    def __init__(self, home: Home, randomness: Randomness) -> None:
        self._folder = home.path / FOLDER
        self._sealed = SealedFolder(home, FOLDER, randomness)
        self._randomness = randomness

    def begin(self, file: str, size: int, *, by: str, at_ms: int) -> Attachment:
        """Begin an upload.

        Raises:
            InputError: ``attach.empty``, ``attach.size``.
        """
        if size < 1:
            raise InputError("attach.empty", file=file[:60])
        if size > SIZE_BYTES_MAX:
            raise InputError("attach.size", file=file[:60], most=SIZE_BYTES_MAX >> 20)
        self._prune(at_ms - UNFINISHED_MS)
        begun = Attachment(
            name=self._randomness(_ID_BYTES).hex(),
            file=_plain_name(file),
            size=size,
            by=by,
            at_ms=at_ms,
            salt=self._randomness(32).hex(),
            key=self._randomness(32).hex(),
            signed=False,
        )
        self._keep(begun)
        return begun

    def begin_known(self, content_hash: str, head: Head, *, at_ms: int) -> Attachment:
        """Begin or go on with an attachment that comes from another station, or return it when it is whole.

        A record that a disk has taken is made anew: the attachment must be able to come again.

        Raises:
            InputError: ``attach.size``.
        """
        held = self.held(bytes.fromhex(content_hash))
        if held is None:
            held = self.coming(content_hash)
            if held is not None and held.hash:
                # It lies here whole, and only the note of where is gone.
                self._note_place(held)
        if held is not None and (held.hash or held.head == head):
            return held
        if head.size > SIZE_BYTES_MAX:
            raise InputError("attach.size", file=head.file[:60], most=SIZE_BYTES_MAX >> 20)
        name = content_hash[: 2 * _ID_BYTES]
        # Chunks that lie there are of what somebody else said of it before, or under a key that is lost.
        shutil.rmtree(self._folder / name, ignore_errors=True)
        begun = Attachment(
            name=name,
            file=_plain_name(head.file),
            size=head.size,
            by="",
            at_ms=at_ms,
            salt=head.salt.hex(),
            key=self._randomness(32).hex(),
            expected=content_hash,
        )
        self._keep(begun)
        return begun

    def coming(self, content_hash: str) -> Attachment | None:
        """Return what has begun to come from another station under a hash; None where nothing can be read."""
        found = self._readable(content_hash[: 2 * _ID_BYTES])
        return found if found is not None and found.expected == content_hash else None

    def upload(self, name: str, *, by: str) -> Attachment:
        """Return an upload of a person.

        Raises:
            InputError: ``attach.unknown``.
        """
        found = self._load(name)
        if found is None or found.by != by:
            raise InputError("attach.unknown")
        return found

    def missing(self, attachment: Attachment) -> list[int]:
        """Return the chunks that are not here yet, from 0."""
        return [n for n in range(attachment.chunks) if not self._chunk(attachment, n).exists()]

    def put(self, attachment: Attachment, index: int, raw: bytes) -> None:
        """Keep one chunk, durably; the same one again changes nothing.

        Raises:
            InputError: ``attach.chunk`` for one that does not belong there, or of another length.
        """
        wanted = min(CHUNK_BYTES, attachment.size - index * CHUNK_BYTES)
        if attachment.hash or not 0 <= index < attachment.chunks or len(raw) != wanted:
            raise InputError("attach.chunk", index=index, file=attachment.file)
        path = self._chunk(attachment, index)
        try:
            path.parent.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise platform.os_failure(error, path.parent) from error
        nonce = self._randomness(NONCE_BYTES)
        cipher = AESGCM(bytes.fromhex(attachment.key))
        platform.write_durably(path, nonce + cipher.encrypt(nonce, raw, _place(attachment, index)))

    def finish(self, attachment: Attachment) -> Attachment:
        """Return the attachment once all chunks are here, with its hash.

        Raises:
            InputError: ``attach.incomplete``.
            DataError: ``attach.differs`` when it is not what its acts name; it is thrown away.
        """
        if attachment.hash:
            return attachment
        if self.missing(attachment):
            raise InputError("attach.incomplete", file=attachment.file)
        whole = sha256(CTX_ATTACHMENT + bytes.fromhex(attachment.salt))
        for raw in self.read(attachment):
            whole.update(raw)
        complete = replace(attachment, hash=whole.hexdigest())
        if attachment.expected not in ("", complete.hash):
            self._drop(attachment)
            raise DataError("attach.differs", file=attachment.file)
        self._keep(complete)
        self._note_place(complete)
        return complete

    def take(self, file: str, raw: bytes, *, by: str, at_ms: int) -> Attachment:
        """Keep a file that came whole."""
        begun = self.begin(file, len(raw), by=by, at_ms=at_ms)
        for index in range(begun.chunks):
            self.put(begun, index, raw[index * CHUNK_BYTES : (index + 1) * CHUNK_BYTES])
        return self.finish(begun)

    def find(self, content_hash: str) -> Attachment | None:
        """Return what acts name by a hash; None when it is not held here."""
        if len(content_hash) != 64 or not content_hash.isalnum() or not content_hash.isascii():
            return None
        name = self._sealed.read(content_hash)
        return None if name is None else self._load(name.decode("ascii"))

    def held(self, content: bytes) -> Attachment | None:
        """Return what acts name by a hash; a record that cannot be read is as good as none."""
        try:
            return self.find(content.hex())
        except StoreError:
            return None

    def read(self, attachment: Attachment) -> Iterator[bytes]:
        """Yield the content, chunk by chunk.

        Raises:
            StoreError: ``attach.damaged`` when a chunk is missing or was changed.
        """
        for index in range(attachment.chunks):
            yield self.chunk(attachment, index)

    def chunk(self, attachment: Attachment, index: int) -> bytes:
        """Return one chunk of the content, from 0.

        Raises:
            StoreError: ``attach.damaged`` when it is missing or was changed.
        """
        cipher = AESGCM(bytes.fromhex(attachment.key))
        try:
            blob = self._chunk(attachment, index).read_bytes()
            return cipher.decrypt(blob[:NONCE_BYTES], blob[NONCE_BYTES:], _place(attachment, index))
        except (OSError, InvalidTag, ValueError) as error:
            raise StoreError("attach.damaged", file=attachment.file) from error

    def note_signed(self, content_hash: str) -> None:
        """Remember that an act names an attachment; one that is not here is left out."""
        found = self.find(content_hash)
        if found is not None and not found.signed:
            self._keep(replace(found, signed=True))

    def unsigned(self, before_ms: int) -> list[Attachment]:
        """Return what was brought here whole before a time and no act is known to name."""
        found = (self._readable(name) for name in self._sealed.names())
        return [
            one for one in found if one is not None and one.hash and not one.signed and one.at_ms < before_ms
        ]

    def drop(self, content_hash: str) -> bool:
        """Throw an attachment away: first its key; returns whether it was here."""
        found = self.find(content_hash)
        if found is None:
            return False
        self._drop(found)
        self._sealed.drop(content_hash)
        return True

    def _drop(self, attachment: Attachment) -> None:
        self._sealed.drop(attachment.name)
        shutil.rmtree(self._folder / attachment.name, ignore_errors=True)

    def _prune(self, before_ms: int) -> None:
        for name in self._sealed.names():
            found = self._readable(name)
            if found is not None and not found.hash and found.at_ms < before_ms:
                self._drop(found)

    def _readable(self, name: str) -> Attachment | None:
        try:
            return self._load(name)
        except StoreError:
            return None

    def _note_place(self, complete: Attachment) -> None:
        self._sealed.keep(complete.hash, complete.name.encode("ascii"))

    def _keep(self, attachment: Attachment) -> None:
        self._sealed.keep(attachment.name, json.dumps(asdict(attachment)).encode("utf-8"))

    def _load(self, name: str) -> Attachment | None:
        if len(name) != 2 * _ID_BYTES or not name.isalnum() or not name.isascii():
            return None
        raw = self._sealed.read(name)
        if raw is None:
            return None
        try:
            held = json.loads(raw)
            return Attachment(**{one.name: held[one.name] for one in fields(Attachment) if one.name in held})
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError("sealed.unreadable", path=name) from error

    def _chunk(self, attachment: Attachment, index: int) -> Path:
        return self._folder / attachment.name / _CHUNK.format(index)


def drop_case(store: Attachments, ledger: Ledger, case_id: CaseId) -> int:
    """Throw away the content of a case's attachments; returns how many were here."""
    named = attachments_in(ledger.state(case_id)[0])
    return sum(store.drop(content.hex()) for pairs in named.values() for content, _ in pairs)


def kind_of(head: bytes) -> str:
    """Return the media type by which a browser may show a file: pictures alone, by their first bytes."""
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return "image/gif"
    return "image/webp" if head[:4] == b"RIFF" and head[8:12] == b"WEBP" else ""


def _place(attachment: Attachment, index: int) -> bytes:
    """Bind a chunk to its attachment, its place and how many there are."""
    return f"{attachment.name}/{index}/{attachment.chunks}".encode("ascii")


def _plain_name(file: str) -> str:
    """Return the name of a file without a path, short enough to be told."""
    name = file.rpartition("/")[2].rpartition("\\")[2]
    return "".join(sign for sign in name if sign.isprintable())[:FILE_CHARS_MAX]
