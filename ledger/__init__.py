"""The case ledger: formats, rules and the fold (pure), then stores, projections and the facade above them."""
