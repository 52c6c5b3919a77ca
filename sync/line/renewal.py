"""Renewal of a station's certificate, asked for while a third of its lifetime is left.

Source: docs/protocol.md, "Certificates".
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence

from ledger.errors import DataError
from ledger.facade import Home
from ledger.facade.base.clock import Randomness
from ledger.types import LedgerId
from sync.certs.credentials import (
    TLS_KEY_NAME,
    read_ca_certificate,
    read_own_certificate,
    read_own_leaf,
    write_own,
)
from sync.certs.pki import check_issued, read_leaf, renewal_due
from sync.certs.tlskeys import new_key, public_key_of
from sync.joining.joinforms import decode_answer, encode_renewal, request_id
from sync.line.client_join import send_renewal


async def renew_if_due(
    home: Home,
    *,
    ledger_id: LedgerId,
    addresses: Sequence[str],
    context: ssl.SSLContext,
    now_ms: int,
    randomness: Randomness,
) -> bool:
    """Get a new key and certificate when the present one nears its end; True when it was renewed.

    Open contexts go on with the old one until ``reload_context``. Nothing is changed before the new
    certificate is here and holds, so that a broken connection only means trying again.

    Raises:
        BanjianError: what the upstream refused; ``sync.unreachable``.
    """
    if not renewal_due(read_own_leaf(home, ledger_id), now_ms=now_ms):
        return False
    await renew(home, ledger_id=ledger_id, addresses=addresses, context=context, randomness=randomness)
    return True


async def renew(
    home: Home,
    *,
    ledger_id: LedgerId,
    addresses: Sequence[str],
    context: ssl.SSLContext,
    randomness: Randomness,
) -> None:
    """Get a new key and certificate now; errors as ``renew_if_due``."""
    certificate = read_own_certificate(home, ledger_id)
    old_key_pem = home.secret(TLS_KEY_NAME) or b""
    key_pem = new_key(randomness)
    raw = encode_renewal(
        ledger_id=ledger_id, certificate=certificate, old_key_pem=old_key_pem, new_key_pem=key_pem
    )
    answer = decode_answer(await send_renewal(raw, ledger_id=ledger_id, addresses=addresses, context=context))
    ca_certificate = read_ca_certificate(home, ledger_id)
    check_issued(answer.certificate, ca_certificate=ca_certificate)
    leaf = read_leaf(answer.certificate, ledger_id=ledger_id)
    own = read_leaf(certificate, ledger_id=ledger_id)
    fits = leaf.station == own.station and leaf.public_key == public_key_of(key_pem)
    if answer.request_id != request_id(raw) or not fits:
        raise DataError("join.answer")
    write_own(home, key_pem=key_pem, certificate=answer.certificate, ca_certificate=ca_certificate)
