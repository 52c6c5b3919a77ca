"""The law's clocks read off a case's acts: what runs, until when, why, and what follows from it."""
