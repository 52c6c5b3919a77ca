"""The station's ledger as one thing: open it, act, look.

``Ledger`` is what the command line, the server and the bench use; ``create_county`` makes the first one.
"""

from ledger.facade.base.clock import Clock, SystemClock
from ledger.facade.base.home import Home
from ledger.facade.base.types import (
    CasePage,
    CaseRow,
    Command,
    DayClear,
    Figure,
    LogInfo,
    Performed,
    SignedAct,
)
from ledger.facade.cases.people import people_now, people_of
from ledger.facade.opened.ledger import Ledger
from ledger.facade.opened.setup import CountyCreated, CountyPlan, county_station, create_county

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
