"""A county in a box: real processes of one made-up county, driven through days by a director.

It runs only from ``banjian demo`` and from tests. The stations run the code of ``banjian serve``; what
differs is their clock, which only this package can give them.
"""
