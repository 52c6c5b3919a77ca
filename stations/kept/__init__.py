"""What lies beside the ledger, sealed: photos, lists, pads, sticks, backups and restoring."""
