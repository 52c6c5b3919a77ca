"""Lists that offices keep in Excel: found in a workbook, cleaned, read into typed records, every fault named.

``book`` opens the file within limits, ``header`` finds the heading row, ``table`` cuts the rows, ``records``
turns cells into values by what ``lists.toml`` says of each column. Nothing here knows the ledger.
"""
