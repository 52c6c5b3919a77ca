"""SHA-256 under context strings: each hash and each signature has its own.

Source: docs/protocol.md, "Contexts".
"""

from __future__ import annotations

from hashlib import sha256

CTX_LEDGER = b"banjian/ledger/1\n"
CTX_GENESIS = b"banjian/genesis/1\n"
CTX_KEY = b"banjian/key/1\n"
CTX_ACT_ID = b"banjian/act-id/1\n"
CTX_ACT_SIGN = b"banjian/act/1\n"
CTX_ACT_SIG = b"banjian/act-sig/1\n"
CTX_FACTS = b"banjian/facts/1\n"
CTX_PERSONAL = b"banjian/personal/1\n"
CTX_ENTRY = b"banjian/entry/1\n"
CTX_CHECKPOINT = b"banjian/checkpoint/1\n"
CTX_ENVELOPE = b"banjian/envelope/1\n"
CTX_BUNDLE = b"banjian/bundle/1\n"
CTX_INVITE_SIGN = b"banjian/invite/1\n"
CTX_FEED = b"banjian/feed/1\n"
CTX_JOIN = b"banjian/join-id/1\n"
CTX_JOIN_SIGN = b"banjian/join/1\n"
CTX_REJECTION_SIGN = b"banjian/rejection/1\n"
CTX_RENEWAL_SIGN = b"banjian/renewal/1\n"
CTX_ATTACHMENT = b"banjian/attachment/1\n"
CTX_ATTACHED = b"banjian/attached/1\n"
CTX_CASE_KEY = b"banjian/case-key-wrap/1\n"
CTX_POSSESSION = b"banjian/key-possession/1\n"


def digest(ctx: bytes, data: bytes) -> bytes:
    """Return SHA-256 of the context followed by the data, 32 bytes."""
    return sha256(ctx + data).digest()
