"""``banjian key``: make a personal key, check it, change its passphrase."""

from __future__ import annotations

from pathlib import Path

from ledger.errors import AuthorityError, ConfigError
from ledger.formats.envelope import open_key, read_envelope
from ledger.formats.keys import key_id, prove_possession
from ledger.types import LedgerId
from stations.cli.call import Call
from stations.cli.grammar import Param, Spec
from stations.cli.keyring import key_file, new_key, passphrase_for, unlock, write_envelope
from stations.cli.resetting import KEY_SPECS
from stations.cli.types import StaffType
from stations.keyrequest import KeyRequest, encode_request


def new(call: Call, *, no: str, out: str | None, ledger_id: str | None) -> int:
    """Make a key; with ``--ledger-id`` also the request that the registrar needs to enrol it."""
    path = Path(out) if out else call.home().keys_dir / f"{no}.key"
    pinned = read_ledger_id(ledger_id) if ledger_id else None
    signer = new_key(call, no, path)
    answer: dict[str, object] = {"key_id": signer.key_id.hex(), "file": str(path), "label": no}
    call.line(call.say("key.made", label=no, file=path))
    if pinned is not None:
        request = path.with_suffix(".request")
        text = encode_request(
            KeyRequest(
                staff_no=no,
                public_key=signer.public_key,
                possession=prove_possession(signer, pinned),
                ledger_id=pinned,
            )
        )
        request.write_text(text, encoding="utf-8")
        answer["request"] = str(request)
        call.line(call.say("key.request_made", file=request))
        call.hint("key.request_next", label=no, file=request)
    call.emit(answer)
    return 0


def check(call: Call) -> int:
    """Open a key with its passphrase and show which one it is."""
    path = key_file(call)
    header = read_envelope(path.read_bytes())
    unlock(call, path)
    number = key_id(header.alg, header.public_key).hex()
    call.line(call.say("key.good", label=header.label, key_id=number))
    call.emit({"ok": True, "label": header.label, "key_id": number, "alg": header.alg, "file": str(path)})
    return 0


def passwd(call: Call) -> int:
    """Seal a key under a new passphrase; the key itself stays the same."""
    path = key_file(call)
    blob = path.read_bytes()
    label = read_envelope(blob).label
    opened = open_key(blob, passphrase_for(call, label, twice=False))
    if call.app.env.get("BANJIAN_PASSPHRASE_FILE"):
        raise ConfigError("key.passwd_file")
    write_envelope(
        call.app, path, seed=opened.seed, passphrase=passphrase_for(call, label, twice=True), label=label
    )
    call.line(call.say("key.changed", label=label))
    return 0


def read_ledger_id(text: str) -> LedgerId:
    """Return a ledger id as typed from paper, in groups or not.

    Raises:
        AuthorityError: ``key.ledger_id``.
    """
    plain = "".join(text.split()).replace("-", "").lower()
    if len(plain) != 64 or any(character not in "0123456789abcdef" for character in plain):
        raise AuthorityError("key.ledger_id", value=text[:80])
    return LedgerId(bytes.fromhex(plain))


SPECS = (
    Spec(
        path=("key", "new"),
        run=new,
        params=(
            Param(name="no", type=StaffType(new=True), required=True),
            Param(name="out"),
            Param(name="ledger-id"),
        ),
        group="setup",
    ),
    Spec(path=("key", "check"), run=check, signs=True, group="setup"),
    Spec(path=("key", "passwd"), run=passwd, signs=True, reports=False, group="setup"),
    *KEY_SPECS,
)
