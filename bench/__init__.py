"""Measurements: one JSON line each, beside yardsticks taken in the same run; never a gate on time."""
