"""Packages on their way into the ledger: helper processes, what waits, what is stored in one run."""
