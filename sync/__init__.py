"""Carries records between ledgers: packages cut from a store, and packages taken into one."""
