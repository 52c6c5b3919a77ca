"""The whole system in one process, on a seeded loop with a virtual clock."""
