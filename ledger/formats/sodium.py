"""The quick way to a signature that holds: libsodium checks one in half the time of OpenSSL.

It is asked first and believed only when it says yes. Its rules are those of ``ledger.formats.keys`` and one
more (it takes no R of small order), so its no is not final, and OpenSSL decides. A version that says yes
where the rules say no (by multiplying with the cofactor) is recognised by a signature made for that, and not
asked.

Source: docs/protocol.md, "Strict Ed25519"; docs/adr/0019-libsodium-checks-first.md.
"""

from __future__ import annotations

from functools import cache

from nacl.bindings import crypto_sign_open
from nacl.exceptions import CryptoError

_PROBE_KEY = bytes.fromhex("552a1c0ffef09736f9a2246cf3297ace9a57ea92343ef92fe4abadc3bc89b506")
_PROBE_SIG = bytes.fromhex(
    "23ffbcc3050230a2bd946343cb64692e73dffc65bc2bcaf1a431596bc05631e1"
    "b2d0a78d389f45ad6216dc55e988399700293095c0be70cdb8a678e9d8b39209"
)
_PROBE_MESSAGE = b"banjian"
"""Holds only when both sides are multiplied by eight: R is that of a genuine signature plus a point of order
eight."""


def surely_holds(public_key: bytes, sig: bytes, message: bytes) -> bool:
    """Return True for a signature that holds under the strict rules; False leaves it open.

    Args:
        public_key: 32 bytes.
        sig: 64 bytes.
        message: what was signed.
    """
    return _is_strict() and _says_yes(public_key, sig, message)


@cache
def _is_strict() -> bool:
    return not _says_yes(_PROBE_KEY, _PROBE_SIG, _PROBE_MESSAGE)


def _says_yes(public_key: bytes, sig: bytes, message: bytes) -> bool:
    try:
        crypto_sign_open(sig + message, public_key)
    except CryptoError:
        return False
    return True
