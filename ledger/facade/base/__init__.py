"""What everything in the facade stands on: clock, folder, tables, keys of cases, plain values."""
