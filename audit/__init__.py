"""Checks a ledger from outside: reads its bytes only, needs no key, no network and no store."""
