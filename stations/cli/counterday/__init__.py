"""A day at one counter, played by the real commands."""
