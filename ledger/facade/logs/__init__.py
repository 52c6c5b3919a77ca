"""Logs as they are held: where they end, fork, go on from one another, and what is in doubt about them."""
