"""Reading a SQLite ledger file without the event store: strictly read-only, tolerant of damage.

An auditor's program needs nothing of the product's storage beyond this package.
"""

from ledger.reader.ledgerfile import Body, LedgerFile, open_ledger_file

__all__ = ["Body", "LedgerFile", "open_ledger_file"]
