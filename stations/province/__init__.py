"""Beside the provincial platform: what must be typed in there, what its list says, and where the two differ.

``settings`` says in which order the platform asks and which words it has for states; ``known`` reads what
this ledger knows of each case; ``fillin`` makes the sheet of cases to be typed in; ``exported`` reads the
platform's list and finds the case of each row; ``differences`` compares. Nothing here writes to the ledger.
"""
