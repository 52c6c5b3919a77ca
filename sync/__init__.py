"""Sync between stations: what is asked, given, carried and taken in, over HTTPS or by stick.

What travels (packages, receipts, proofs, bundles, invites) is settled in ``docs/protocol.md`` and lies in
``ledger``; stations of one installation share one store and need nothing from here.
"""
