"""Beside other systems: the provincial platform's sheet and list, orders of the 12345 hotline."""
