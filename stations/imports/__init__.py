"""Lists read from Excel against what the ledger holds: the difference, the acts for it, the faults.

Everything is planned and judged before anyone signs. A plan holds only what is not so already: when writing
was broken off, planning again finds the rest.
"""
