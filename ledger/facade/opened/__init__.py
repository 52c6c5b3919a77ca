"""A ledger that is open: all its parts, acts of the county, founding, restoring, what people ask of it."""
