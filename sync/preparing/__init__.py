"""Packages on their way from the line into the ledger: helper processes, what waits, what is stored in one run."""
