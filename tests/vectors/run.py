"""Runs one negative vector: its kind says which check, its input what goes in."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ledger.formats.act import decode_act, verify_act
from ledger.formats.body import check_facts, check_personal, open_body
from ledger.formats.bundle import open_part
from ledger.formats.checkpoint import open_checkpoint, open_cosignature, read_checkpoint
from ledger.formats.entry import check_link, decode_entry
from ledger.formats.envelope import open_key
from ledger.formats.excerpt import check_excerpt, decode_excerpt
from ledger.formats.frame import decode_frame
from ledger.formats.genesis import decode_ledger_genesis, decode_log_genesis
from ledger.formats.invite import decode_invite
from ledger.formats.keys import check_possession, check_public_key
from ledger.formats.merge import decode_merge_leaf
from ledger.formats.merkle import Tree, multiproof_root, verify_consistency, verify_inclusion
from ledger.formats.note import open_note
from ledger.formats.package import check_package, decode_parsed
from ledger.known.verified import check_pinned, verify_records
from ledger.registry.grant import decode_carried
from ledger.types import LedgerId, LogId

Input = Mapping[str, str | int | list[str]]


def run(kind: str, given: Input) -> None:
    """Do the check; it raises when the input does not pass."""
    CHECKS[kind](_Reader(given))


class _Reader:
    """Takes typed values out of the input of a vector."""

    def __init__(self, given: Input) -> None:
        self._given = given

    def raw(self, name: str = "bytes") -> bytes:
        return bytes.fromhex(self.text(name))

    def text(self, name: str) -> str:
        value = self._given[name]
        assert isinstance(value, str)
        return value

    def number(self, name: str) -> int:
        value = self._given[name]
        assert isinstance(value, int)
        return value

    def hashes(self, name: str) -> list[bytes]:
        value = self._given[name]
        assert isinstance(value, list)
        return [bytes.fromhex(item) for item in value]

    def numbers(self, name: str) -> list[int]:
        value = self._given[name]
        assert isinstance(value, list)
        return [int(item) for item in value]


def _link(given: _Reader) -> None:
    check_link(
        decode_entry(given.raw()),
        log_id=LogId(given.raw("log_id")),
        seq=given.number("seq"),
        previous=given.raw("previous"),
    )


def _inclusion(given: _Reader) -> None:
    verify_inclusion(
        given.raw("leaf_hash"),
        given.number("index"),
        size=given.number("size"),
        proof=given.hashes("proof"),
        root=given.raw("root"),
    )


def _consistency(given: _Reader) -> None:
    verify_consistency(
        given.number("old_size"),
        given.number("new_size"),
        old_root=given.raw("old_root"),
        new_root=given.raw("new_root"),
        proof=given.hashes("proof"),
    )


def _multiproof(given: _Reader) -> None:
    leaves = dict(zip(given.numbers("indexes"), given.hashes("leaf_hashes"), strict=True))
    multiproof_root(given.number("size"), leaves, given.hashes("nodes"))


def _package(given: _Reader) -> None:
    content, parsed = decode_parsed(given.raw())
    check_package(content, tree=Tree(), public_key=given.raw("public_key"))
    records = verify_records(
        range(content.first_seq, content.last_seq + 1), content.frames, facts=content.facts,
        personal=content.personal, ledger_id=LedgerId(bytes(32)), public_key=lambda _: None, parsed=parsed,
    )  # fmt: skip
    check_pinned(records, log_id=content.log_id, code="package.pins")


def _bundle(given: _Reader) -> None:
    list(open_part(given.raw(), given.raw("private_key")).sections)


def _cosignature(given: _Reader) -> None:
    open_cosignature(
        given.text("line"),
        read_checkpoint(given.raw("checkpoint")),
        name=given.text("name"),
        public_key=given.raw("public_key"),
    )


CHECKS: dict[str, Callable[[_Reader], object]] = {
    "act": lambda given: decode_act(given.raw()),
    "act_signature": lambda given: verify_act(given.raw(), given.raw("act_sig"), given.raw("public_key")),
    "body": lambda given: open_body(given.raw(), limit_bytes=given.number("limit_bytes")),
    "facts": lambda given: check_facts(decode_act(given.raw("act")), given.raw()),
    "personal": lambda given: check_personal(decode_act(given.raw("act")), given.raw()),
    "entry": lambda given: decode_entry(given.raw()),
    "entry_link": _link,
    "frame": lambda given: decode_frame(given.raw()),
    "ledger_genesis": lambda given: decode_ledger_genesis(given.raw()),
    "log_genesis": lambda given: decode_log_genesis(given.raw()),
    "public_key": lambda given: check_public_key(given.raw(), given.text("alg")),
    "possession": lambda given: check_possession(
        given.raw("public_key"), given.raw("proof"), ledger_id=LedgerId(given.raw("ledger_id"))
    ),
    "note": lambda given: open_note(given.raw(), given.text("name"), given.raw("public_key")),
    "checkpoint": lambda given: open_checkpoint(given.raw(), given.text("origin"), given.raw("public_key")),
    "receipt": _cosignature,
    "inclusion": _inclusion,
    "consistency": _consistency,
    "merge_leaf": lambda given: decode_merge_leaf(given.raw()),
    "multiproof": _multiproof,
    "package": _package,
    "excerpt": lambda given: check_excerpt(decode_excerpt(given.raw())),
    "bundle": _bundle,
    "envelope": lambda given: open_key(given.raw(), given.text("passphrase")),
    "invite": lambda given: decode_invite(given.raw()),
    "grant": lambda given: decode_carried(
        [given.raw("act"), given.raw("sig"), given.raw("facts")], ledger_id=LedgerId(given.raw("ledger_id"))
    ),
}
"""What each kind of vector checks."""
