"""Sync between stations: the floor that will plan, carry and take in packages.

What travels (packages, receipts, proofs, bundles, invites) is settled in ``docs/protocol.md`` and lies in
``ledger``; stations of one installation share one store and need nothing from here.
"""
