"""The station's ledger as one thing: open it, act, look.

``Ledger`` is what the command line, the server and the bench use; ``create_county`` makes the first one.
"""

from ledger.facade.clock import Clock, SystemClock
from ledger.facade.home import Home
from ledger.facade.ledger import Ledger
from ledger.facade.people import people_now, people_of
from ledger.facade.setup import CountyCreated, CountyPlan, county_station, create_county
from ledger.facade.types import CasePage, CaseRow, Command, DayClear, Figure, LogInfo, Performed, SignedAct

__all__ = [
    "CasePage",
    "CaseRow",
    "Clock",
    "Command",
    "CountyCreated",
    "CountyPlan",
    "DayClear",
    "Figure",
    "Home",
    "Ledger",
    "LogInfo",
    "Performed",
    "SignedAct",
    "SystemClock",
    "county_station",
    "create_county",
    "people_now",
    "people_of",
]
