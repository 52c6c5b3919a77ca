"""Lists of people (花名册) received in one evening: ticked off, signed at once, printed."""
