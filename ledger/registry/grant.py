"""Provisional grant: a station gives one of its people a new key until a registrar confirms it.

The grant is an act in the granting station's log, and it travels inside every act that rests on it: their
field ``grant`` holds act, signature and facts of the grant. So whoever has an act can tell whose it is from
the registry alone, whatever else has arrived. Its form is checked here, its force in
``ledger.registry.grant_judge``.

Source: docs/protocol.md, "Provisional grants".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

from ledger.codec import pack_header, unpack_header
from ledger.errors import BanjianError, DataError, InputError
from ledger.formats.act import Act, read_act
from ledger.formats.body import check_facts, open_body
from ledger.formats.keys import ED25519, check_possession, check_public_key, key_id
from ledger.limits import (
    ACT_BYTES_MAX,
    FACTS_BYTES_MAX,
    FRAME_BYTES_MAX,
    GRANT_MS_MAX,
    INT_MAX,
    SIGNATURE_BYTES_MAX,
)
from ledger.registry.authority import PROVISIONAL_GRANT
from ledger.registry.check import expected, fits
from ledger.registry.schema import Field
from ledger.types import ActId, Bilingual, Facts, KeyId, LedgerId, StationId, Value

__all__ = [
    "GRANT",
    "PROVISIONAL_GRANT",
    "REASONS",
    "Grant",
    "decode_carried",
    "fault_code",
    "grant_facts",
    "pack_carried",
    "read_grant",
    "signing_key",
    "unpack_carried",
    "without_grant",
]

GRANT: Final = "grant"
"""Field of the facts of an act that rests on a grant."""
REASONS: Final = ("forgotten", "lost", "damaged")
"""Why somebody needs a new key: passphrase forgotten, key file lost or damaged. Not: compromised."""
CARRIED_BYTES_MAX: Final = FRAME_BYTES_MAX
"""A grant with its facts, as it is carried: both are far smaller."""

_FIELDS: Final = (
    Field(name="staff_no", type="staff_no", meaning=Bilingual(zh="工作人员编号", en="staff number")),
    Field(name="replaces", type="key_id", meaning=Bilingual(zh="被替换的旧密钥", en="key replaced")),
    Field(name="alg", type="enum", values=(ED25519,), meaning=Bilingual(zh="密钥算法", en="algorithm")),
    Field(name="public_key", type="public_key", meaning=Bilingual(zh="新公钥", en="new public key")),
    Field(name="possession", type="signature", meaning=Bilingual(zh="持有证明", en="proof of possession")),
    Field(name="reason", type="enum", values=REASONS, meaning=Bilingual(zh="原因", en="reason")),
)
_UNTIL: Final = "until_ms"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A grant whose form is sound; whether it has force is asked of the registry.

    Attributes:
        act: the signed act of the grantor.
        facts_raw: bytes of its facts.
        staff_no: whose new key it is.
        replaces: the key that the person cannot use any more.
        public_key: the new key, 32 bytes.
        possession: its proof of possession, 64 bytes.
        until_ms: entries recorded later than this rest on it only once it is confirmed.
    """

    act: Act
    facts_raw: bytes
    staff_no: str
    replaces: KeyId
    public_key: bytes
    possession: bytes
    reason: str
    until_ms: int

    @property
    def key_id(self) -> KeyId:
        """Return the id of the new key."""
        return key_id(ED25519, self.public_key)

    @property
    def grant_id(self) -> ActId:
        """Return the id of the grantor's act."""
        return self.act.act_id

    @property
    def station(self) -> StationId:
        """Return the station that gave it."""
        return self.act.header.station

    def carried(self) -> list[Value]:
        """Return the value of the field ``grant`` of an act that rests on it."""
        return [self.act.raw, self.act.sig, self.facts_raw]


def grant_facts(
    *, staff_no: str, replaces: KeyId, public_key: bytes, possession: bytes, reason: str, until_ms: int
) -> Facts:
    """Return the facts of a grant.

    Raises:
        InputError: ``registry.field_value`` for a field that does not fit.
    """
    facts: Facts = {
        "staff_no": staff_no,
        "replaces": replaces,
        "alg": ED25519,
        "public_key": public_key,
        "possession": possession,
        "reason": reason,
        _UNTIL: until_ms,
    }
    for field in _FIELDS:
        if not fits(field, facts[field.name]):
            raise InputError(
                "registry.field_value", action=PROVISIONAL_GRANT, field=field.name, expected=expected(field)
            )
    return facts


def read_grant(act: Act, facts_raw: bytes, *, ledger_id: LedgerId) -> Grant:
    """Return the grant that an act is, its form checked; the grantor's signature is not.

    Raises:
        DataError: ``grant.form`` with the field; ``grant.limit`` for one that lasts longer than a week, or
            not at all; ``grant.possession`` where the new key did not sign; ``act.facts_hash``.
        EncodingError: ``encoding.*``, ``body.salt``.

    Source: docs/protocol.md, "Provisional grants", 1.
    """
    header = act.header
    if header.ledger_id != ledger_id or header.action != PROVISIONAL_GRANT:
        raise DataError("grant.form", field="act")
    if header.case_id or header.personal_hash:
        raise DataError("grant.form", field="act")
    facts = check_facts(header, facts_raw)
    if facts.keys() != {_UNTIL, *(field.name for field in _FIELDS)}:
        raise DataError("grant.form", field="facts")
    for field in _FIELDS:
        if not fits(field, facts[field.name]):
            raise DataError("grant.form", field=field.name)
    until_ms = facts[_UNTIL]
    if type(until_ms) is not int or not 0 <= until_ms <= INT_MAX:
        raise DataError("grant.form", field=_UNTIL)
    if not header.occurred_at_ms < until_ms <= header.occurred_at_ms + GRANT_MS_MAX:
        raise DataError("grant.limit")
    public_key, possession = cast(bytes, facts["public_key"]), cast(bytes, facts["possession"])
    try:
        check_public_key(public_key)
        check_possession(public_key, possession, ledger_id=ledger_id)
    except BanjianError as error:
        raise DataError("grant.possession") from error
    return Grant(
        act=act,
        facts_raw=facts_raw,
        staff_no=cast(str, facts["staff_no"]),
        replaces=KeyId(cast(bytes, facts["replaces"])),
        public_key=public_key,
        possession=possession,
        reason=cast(str, facts["reason"]),
        until_ms=until_ms,
    )


def decode_carried(value: Value, *, ledger_id: LedgerId) -> Grant:
    """Return the grant that an act carries.

    Raises:
        DataError: ``grant.limit`` and ``grant.possession`` as ``read_grant``; ``grant.form`` for whatever
            else is wrong with it.
    """
    parts = _parts(value)
    if parts is None:
        raise DataError("grant.form", field=GRANT)
    raw, sig, facts_raw = parts
    try:
        return read_grant(read_act(raw, sig), facts_raw, ledger_id=ledger_id)
    except BanjianError as error:
        raise DataError(fault_code(error), field=GRANT) from error


def fault_code(error: BanjianError) -> str:
    """Return what is told of a grant that cannot be read: what cannot be fully understood grants nothing."""
    return error.code if error.code in ("grant.limit", "grant.possession") else "grant.form"


def signing_key(facts: Mapping[str, Value] | None, actor: KeyId) -> bytes | None:
    """Return the key that an act says it was signed with, if it is the actor's; whatever it may do.

    The id of a key is a hash of it, so it does not matter who tells it, nor whether the grant has force.
    """
    parts = None if facts is None or GRANT not in facts else _parts(facts[GRANT])
    if parts is None:
        return None
    try:
        told = open_body(parts[2], limit_bytes=FACTS_BYTES_MAX)
    except BanjianError:
        return None
    public_key = told.get("public_key")
    if not isinstance(public_key, bytes) or key_id(ED25519, public_key) != actor:
        return None
    return public_key


def without_grant(facts: Facts) -> Facts:
    """Return facts as the rules of a case see them: what an act rests on is no fact of its case."""
    return {name: value for name, value in facts.items() if name != GRANT}


def pack_carried(grant: Grant) -> bytes:
    """Return the bytes of a file that holds a grant: what its acts carry."""
    return pack_header((grant.act.raw, grant.act.sig, grant.facts_raw))


def unpack_carried(raw: bytes, *, ledger_id: LedgerId) -> Grant:
    """Return the grant of a file.

    Raises:
        DataError: as ``decode_carried``.
        EncodingError: ``encoding.*`` for a file that is no array.
    """
    return decode_carried(list(cast("Sequence[Value]", unpack_header(raw, limit=CARRIED_BYTES_MAX))),
                          ledger_id=ledger_id)  # fmt: skip


def _parts(value: Value) -> tuple[bytes, bytes, bytes] | None:
    if not isinstance(value, list) or len(value) != 3:
        return None
    raw, sig, facts_raw = value
    if not (isinstance(raw, bytes) and isinstance(sig, bytes) and isinstance(facts_raw, bytes)):
        return None
    if len(raw) > ACT_BYTES_MAX or len(sig) > SIGNATURE_BYTES_MAX or len(facts_raw) > CARRIED_BYTES_MAX:
        return None
    return raw, sig, facts_raw
