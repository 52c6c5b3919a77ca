"""What a county offers, as data: facts of actions, types of cases, items, the catalogue."""
