"""Views of the ledger: inline ones in the transaction of the records, tracked ones in batches behind them."""
