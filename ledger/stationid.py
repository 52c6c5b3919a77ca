"""The shape of a station id: what formats, rules and registry all refuse otherwise."""

from __future__ import annotations

import re

_STATION = re.compile(r"[0-9]{12}-[A-Z0-9]{2}")


def is_station_id(text: str) -> bool:
    """Tell whether a text has the shape of a station id: 12 digits, hyphen, two-character unit."""
    return _STATION.fullmatch(text) is not None
