"""Cases: judged and signed at the desk, written with their views, read back as lists and pages."""
