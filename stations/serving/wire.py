"""What passes over the local socket between the command line and the running server: signed acts and answers.

A signed act goes as one canonical array of bytes; what else is asked, and every answer, as JSON. An error
keeps class, code and values, so that the clerk reads the same sentence whether the server runs or not. No
private key ever passes here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from typing import cast

from ledger import errors
from ledger.codec import HeaderValue, pack_header, unpack_header
from ledger.errors import BanjianError, EncodingError, Param, StoreError
from ledger.facade import Performed, SignedAct
from ledger.formats.genesis import LOG_KINDS, LogKind
from ledger.limits import PUBLISHED_FACTS_BYTES_MAX
from ledger.stationid import is_station_id
from ledger.types import ActId, CaseId, LogId, StationId
from sync.line.outcome import Outcome, SoFar

SIGNED_BYTES_MAX = PUBLISHED_FACTS_BYTES_MAX + (1 << 20)
"""A whole catalogue is the largest act; its header and signature are small beside it."""
CASES, ERASED, GENESIS, SEEN = "cases", "erased", "genesis", "seen"
"""Names of answers that are one value."""
_KINDS: Mapping[str, type[BanjianError]] = {
    name: kind
    for name in (
        "InputError",
        "RuleError",
        "AuthorityError",
        "DataError",
        "EncodingError",
        "StoreError",
        "ConfigError",
    )
    if isinstance(kind := getattr(errors, name), type)
}


def encode_signed(signed: SignedAct) -> bytes:
    """Return the bytes of a signed act with its bodies."""
    bodies: list[HeaderValue] = [signed.raw, signed.sig, signed.facts, signed.personal]
    return pack_header([*bodies, signed.number, signed.token, signed.same_number])


def decode_signed(data: bytes) -> SignedAct:
    """Return the signed act of some bytes.

    Raises:
        EncodingError: ``wire.signed`` for anything else.
    """
    fields = unpack_header(data, limit=SIGNED_BYTES_MAX)
    if len(fields) != 7:
        raise EncodingError("wire.signed")
    raw, sig, facts, personal, number, token, same_number = fields
    if not (
        isinstance(raw, bytes) and isinstance(sig, bytes) and isinstance(facts, bytes)
        and isinstance(personal, bytes) and isinstance(number, str) and isinstance(token, str)
        and isinstance(same_number, bool)
    ):  # fmt: skip
        raise EncodingError("wire.signed")
    return SignedAct(
        raw=raw, sig=sig, facts=facts, personal=personal, number=number, token=token, same_number=same_number
    )  # fmt: skip


def encode_performed(done: Performed) -> str:
    """Return the answer to a signed act that is now in the log."""
    return json.dumps(
        {
            "act_id": done.act_id.hex(),
            "case_id": done.case_id.hex(),
            "log_id": done.log_id.hex(),
            "seq": done.seq,
            "number": done.number,
            "token": done.token,
        }
    )


def decode_performed(text: str) -> Performed:
    """Return what was performed.

    Raises:
        StoreError: ``serve.answer`` when the server said something else.
    """
    answer = _object(text)
    try:
        return Performed(
            act_id=ActId(bytes.fromhex(str(answer["act_id"]))),
            case_id=CaseId(bytes.fromhex(str(answer["case_id"]))),
            log_id=LogId(bytes.fromhex(str(answer["log_id"]))),
            seq=int(str(answer["seq"])),
            number=str(answer["number"]),
            token=str(answer["token"]),
        )
    except (KeyError, ValueError) as error:
        raise StoreError("serve.answer") from error


def encode_opening(kind: str, station: str, newest: bytes = b"") -> bytes:
    """Return the question for the genesis of a log that is to be opened.

    Args:
        kind: which log.
        station: of the log.
        newest: newest checkpoint of the log before it that any station holds, if known.
    """
    return json.dumps({"kind": kind, "station": station, "newest": newest.hex()}).encode("utf-8")


def decode_opening(data: bytes) -> tuple[LogKind, StationId, bytes]:
    """Return which kind of log is to be opened, for which station, and the newest checkpoint before it.

    Raises:
        EncodingError: ``wire.opening`` for anything else.
    """
    try:
        asked = json.loads(data)
        kind, station, newest = asked["kind"], asked["station"], bytes.fromhex(asked.get("newest", ""))
    except (AttributeError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise EncodingError("wire.opening") from error
    if kind not in LOG_KINDS or not isinstance(station, str) or not is_station_id(station):
        raise EncodingError("wire.opening")
    return cast("LogKind", kind), StationId(station), newest


def encode_value(name: str, value: int | str) -> str:
    """Return an answer that is one value."""
    return json.dumps({name: value})


def decode_value(text: str, name: str) -> int | str:
    """Return the one value of an answer.

    Raises:
        StoreError: ``serve.answer`` when the server said something else.
    """
    value = _object(text).get(name)
    if not isinstance(value, int | str):
        raise StoreError("serve.answer")
    return value


def encode_outcome(outcome: Outcome) -> str:
    """Return the answer to a sync that was asked for."""
    return json.dumps(outcome_object(outcome))


def outcome_object(outcome: Outcome) -> dict[str, object]:
    """Return what a sync brought as JSON values."""
    return {
        "sessions": outcome.sessions,
        "torn": outcome.torn,
        "sent": outcome.sent,
        "stored": outcome.stored,
        "sent_bytes": outcome.sent_bytes,
        "received_bytes": outcome.received_bytes,
        "notes": list(outcome.notes),
        "sealed": [[log_id.hex(), code] for log_id, code in outcome.sealed],
    }


def encode_broken_off(error: BanjianError, by_now: SoFar) -> str:
    """Return the answer to a sync that was asked for and broke off after it had brought something."""
    return json.dumps({"failure": error_object(error), "so_far": asdict(by_now)}, ensure_ascii=False)


def decode_outcome(text: str, told: Callable[[SoFar], None] | None = None) -> Outcome:
    """Return what a sync brought.

    Args:
        text: the server's answer.
        told: called with what it had brought before it broke off.

    Raises:
        StoreError: ``serve.answer`` when the server said something else.
        BanjianError: why it broke off.
    """
    answer = _object(text)
    failure, by_now = answer.get("failure"), answer.get("so_far")
    try:
        if isinstance(failure, dict) and isinstance(by_now, dict):
            brought = SoFar(**{one.name: int(str(by_now[one.name])) for one in fields(SoFar)})
            if told is not None:
                told(brought)
            raise error_of(failure)
        return Outcome(
            torn=int(str(answer["torn"])),
            sessions=int(str(answer["sessions"])),
            sent=int(str(answer["sent"])),
            stored=int(str(answer["stored"])),
            sent_bytes=int(str(answer["sent_bytes"])),
            received_bytes=int(str(answer["received_bytes"])),
            notes=tuple(str(one) for one in _list(answer["notes"])),
            sealed=tuple(
                (LogId(bytes.fromhex(str(_list(one)[0]))), str(_list(one)[1]))
                for one in _list(answer["sealed"])
            ),
        )
    except (KeyError, ValueError, IndexError) as error:
        raise StoreError("serve.answer") from error


def encode_error(error: BanjianError) -> str:
    """Return an error as the server answers it."""
    return json.dumps(error_object(error), ensure_ascii=False)


def error_object(error: BanjianError) -> dict[str, object]:
    """Return an error as JSON values."""
    params = {name: _plain(value) for name, value in error.params.items()}
    return {"kind": type(error).__name__, "code": error.code, "params": params}


def decode_error(text: str) -> BanjianError:
    """Return the error that the server answered, in its own class."""
    return error_of(_object(text))


def error_of(answer: Mapping[str, object]) -> BanjianError:
    """Return an error from JSON values, in its own class."""
    params: dict[str, Param] = {}
    held = answer.get("params")
    for name, value in held.items() if isinstance(held, dict) else ():
        if isinstance(value, list):
            params[str(name)] = tuple(str(item) for item in value)
        elif isinstance(value, int | str):
            params[str(name)] = value
    kind = _KINDS.get(str(answer.get("kind")), StoreError)
    params.pop("code", None)
    return kind(str(answer.get("code", "serve.answer")), **params)


def _plain(value: Param) -> object:
    if isinstance(value, bytes):
        return value.hex()
    return list(value) if isinstance(value, tuple) else value


def _object(text: str) -> dict[str, object]:
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise StoreError("serve.answer") from error
    if not isinstance(answer, dict):
        raise StoreError("serve.answer")
    return answer


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise StoreError("serve.answer")
    return value
