"""The first day: a folder without a ledger gets one."""
