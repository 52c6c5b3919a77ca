"""Where a ledger lies: one contract (`contract`), three backends (`memory`, `sqlite`, `postgres`).

Nothing is imported here, so that a reader of the table definitions does not pull in a database driver.
"""
