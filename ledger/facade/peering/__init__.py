"""An open ledger among others: what it holds of every log, receipts, checkpoints, the board."""
