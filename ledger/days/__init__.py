"""Calendars: which days are working days, in layers, with what is still provisional."""
