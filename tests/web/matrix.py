"""Who gets what from every address: the lines of ``test_matrix``, with fields and samples.

Each line of ``MATRIX`` is one route with the statuses of ``WHO``, in that order. A route that is missing here
fails a test: whoever adds a page says who may open it.
"""

from __future__ import annotations

from collections.abc import Mapping

from tests.web.furniture import ORDER
from tests.web.offices import PASSPHRASE, VILLAGE
from tests.web.seat import ALLOWANCE

WHO = ("nobody", "V001", "V002", "T002", "T003", "C002", "R001")
"""Nobody; the village's clerk; another village's; the township's window and head; supervisor; registrar."""
SIGNED = "303 200 200 200 200 200 200"
MOVED = "303 303 303 303 303 303 303"
OPEN = "200 200 200 200 200 200 200"
OF_CASE = "303 200 403 200 200 200 403"
FOR_CASES = "303 200 200 200 200 200 403"
"""Each sees her own there; who keeps the registry has no part in what citizens brought."""
REGISTRAR = "303 403 403 403 403 403 200"
TYPED = "303 403 403 403 403 403 422"
"""A registrar's form with a wrong field, or what she sent or made is gone; the others do not get there."""
OWN_THING = "303 200 422 422 422 422 422"
"""Made by the village's clerk, for her alone or for her station: to others it is not there."""
ROSTER = "303 200 403 403 403 403 403"
"""For who works at the station."""
ROSTER_MOVED = "303 303 403 403 403 403 403"
API = "401 200 200 200 200 200 200"
API_CASES = "401 200 200 200 200 200 403"
API_CASE = "401 200 403 200 200 200 403"
MATRIX: Mapping[str, str] = {
    "GET /": SIGNED,
    "GET /sign-in": OPEN,
    "POST /sign-in": "403 403 403 403 403 403 403",  # with a wrong passphrase
    "POST /switch": "403 403 403 403 403 403 403",  # nobody has chosen a PIN here
    "POST /language": MOVED,
    "GET /pin": SIGNED,
    "POST /pin": MOVED,
    "POST /station": "303 303 403 403 403 403 303",  # to act for the village: a registrar's grant is for all
    "POST /lock": MOVED,
    "GET /form": OPEN,
    "POST /unsigned/drop": MOVED,
    "POST /unsigned/keep": OPEN,
    "POST /typed": SIGNED,  # one's own words
    "POST /typed/drop": MOVED,
    "POST /sign-out": MOVED,
    "GET /more": SIGNED,
    "GET /find": FOR_CASES,
    "GET /day-clear": FOR_CASES,
    "GET /cases": FOR_CASES,
    "GET /receive": SIGNED,
    "POST /receive-way": MOVED,
    "GET /receive/{item}/draft/step": MOVED,
    "POST /receive/{item}/draft/step": MOVED,
    "GET /receive/{item}": SIGNED,
    "POST /receive/{item}": "303 303 303 303 409 409 409",
    "GET /receive/{item}/return": SIGNED,
    "POST /receive/{item}/return": "303 303 303 303 409 409 409",
    "POST /receive/{item}/draft": SIGNED,
    "POST /receive/{item}/draft/drop": MOVED,
    "POST /receive/{item}/return/draft": SIGNED,
    "POST /receive/{item}/return/draft/drop": MOVED,
    "POST /receive/{item}/person": SIGNED,
    "GET /case/{case}": OF_CASE,
    "GET /case/{case}/slip": OF_CASE,
    "GET /case/{case}/do/{action}": OF_CASE,
    "POST /case/{case}/do/{action}": "303 303 403 303 303 303 403",  # a note, open to whoever sees the case
    "POST /case/{case}/do/{action}/draft": SIGNED,  # one's own words: nothing of the case comes back
    "POST /case/{case}/do/{action}/draft/drop": MOVED,
    "GET /safe": SIGNED,
    "GET /safe/line": SIGNED,
    "POST /safe/sync": MOVED,
    "GET /board": SIGNED,
    "GET /conflicts": FOR_CASES,
    "GET /monthly": SIGNED,
    "GET /events": SIGNED,
    "GET /lights": FOR_CASES,
    "GET /hall": OPEN,
    # Who looks after the office.
    "GET /people": REGISTRAR,
    "GET /enrol": REGISTRAR,
    "POST /enrol": TYPED,
    "GET /people/{no}": REGISTRAR,
    "GET /people/{no}/key-file": REGISTRAR,
    "POST /people/{no}/grant": TYPED,
    "POST /people/{no}/end": TYPED,
    "POST /people/{no}/retire": TYPED,
    "POST /people/{no}/key": "303 403 403 403 403 403 409",
    "GET /new-keys": "303 403 403 403 200 200 200",
    "GET /new-keys/{no}": "303 403 403 403 200 422 403",  # the county is not directly above the village
    "POST /new-keys/{no}": "303 403 403 403 422 422 403",
    "GET /new-keys/{no}/file": "303 403 403 403 422 422 403",  # no key was given
    "POST /new-keys/{no}/confirm": TYPED,
    "GET /stations": REGISTRAR,
    "GET /stations/new": REGISTRAR,
    "POST /stations/new": "303 403 403 403 403 403 409",
    "GET /stations/{station}": REGISTRAR,
    "POST /stations/{station}/invite": "303 403 403 403 403 403 303",
    "POST /stations/{station}/close": TYPED,
    "GET /invites/{word}": TYPED,
    "GET /invites/{word}/file": TYPED,
    "GET /joins": REGISTRAR,
    "POST /joins": TYPED,
    "POST /joins/{name}/approve": "303 403 403 403 403 403 409",
    "POST /joins/{name}/refuse": TYPED,
    "GET /joins/answer/{word}": TYPED,
    "GET /import/{kind}": REGISTRAR,
    "POST /import/{kind}": TYPED,
    "GET /import/{kind}/template": REGISTRAR,
    "GET /import/{kind}/{word}": TYPED,
    "POST /import/{kind}/{word}": TYPED,
    "GET /catalogue": SIGNED,
    "GET /catalogue/{code}": SIGNED,
    "GET /calendars": SIGNED,
    "GET /publish": REGISTRAR,
    "POST /publish": TYPED,
    "GET /publish/{word}": TYPED,
    "POST /publish/{word}": TYPED,
    "GET /keep": SIGNED,
    "POST /keep/thorough": MOVED,
    "POST /keep/backup": MOVED,  # at this machine; without a folder nothing is written
    "GET /leaver": "303 403 403 403 200 200 200",
    "GET /my-key": OPEN,  # at this machine
    "POST /my-key": "422 422 422 422 422 422 422",
    "POST /my-key/bring": "422 422 422 422 422 422 422",
    "GET /my-key/{name}/request": "422 422 422 422 422 422 422",
    "GET /first-day": MOVED,  # somebody may sign in: over
    "POST /first-day/sync": MOVED,
    "POST /first-day/stick": MOVED,
    "GET /first-day/job/{job}": "422 422 422 422 422 422 422",  # only a job of nobody
    "POST /first-day/job/{job}/cancel": "422 422 422 422 422 422 422",
    "GET /join-again": "303 403 403 403 403 200 200",  # for who works at the county, where this stands
    "POST /join-again": "303 403 403 403 403 422 422",
    "POST /join-again/begin": "303 403 403 403 403 422 422",
    "POST /join-again/ask": "303 403 403 403 403 409 409",
    "GET /join-again/request": "303 403 403 403 403 409 409",
    "POST /join-again/answer": "303 403 403 403 403 422 422",
    "POST /join-again/drop": "303 403 403 403 403 422 422",
    "GET /reopen": REGISTRAR,
    "POST /reopen/keys": "303 403 403 403 403 403 303",
    "POST /reopen/{kind}": TYPED,
    "POST /reopen/accept": "303 403 403 403 403 422 422",
    "POST /safe/seen": "303 403 403 403 403 422 422",
    "GET /training": "303 422 422 422 422 422 422",  # no training ledger
    # The counter's further work.
    "GET /job/{job}": OWN_THING,
    "POST /job/{job}/cancel": "303 303 422 422 422 422 422",
    "GET /platform": FOR_CASES,
    "POST /platform/enter": "303 303 403 303 303 303 403",
    "GET /platform/list": FOR_CASES,
    "POST /platform/list": "303 422 422 422 422 422 403",  # no file
    "POST /platform/link": "303 303 303 303 303 303 403",
    "GET /platform/differences": FOR_CASES,
    "GET /case/{case}/print/{act}": OF_CASE,
    "GET /print.css": SIGNED,
    "GET /case/{case}/attachment/{hash}": OF_CASE,
    "POST /case/{case}/attachment/{hash}/fetch": "303 303 403 303 303 303 403",
    "GET /pads": FOR_CASES,
    "POST /pads": "303 303 303 303 403 403 403",
    "GET /pads/enter": "303 422 422 422 422 422 403",  # no number
    "GET /pads/{first}": "303 200 422 422 422 422 403",
    "POST /attach": SIGNED,
    "PUT /attach/{upload}/{index}": OWN_THING,
    "POST /attach/{upload}": OWN_THING,
    "GET /sticks": "303 403 403 403 403 200 200",  # for who works at the county, where this stands
    "POST /sticks/register": "303 403 403 403 403 422 422",  # none is plugged in
    "POST /sticks/write": "303 403 403 403 403 422 422",
    "POST /sticks/read": "303 403 403 403 403 422 422",
    "GET /orders": FOR_CASES,
    "POST /orders": "303 422 422 422 422 422 403",  # no file; a registrar does not answer
    "POST /orders/answer": "303 303 422 422 422 422 403",
    "GET /rosters": FOR_CASES,
    "POST /rosters": "303 422 422 422 422 422 403",  # no file
    "GET /rosters/template": SIGNED,
    "GET /roster/{roster}": ROSTER,
    "POST /roster/{roster}/tick": ROSTER_MOVED,
    "POST /roster/{roster}/ticks": ROSTER_MOVED,
    "POST /roster/{roster}/drop": ROSTER_MOVED,
    "GET /roster/{roster}/sign": ROSTER,
    "POST /roster/{roster}/sign": ROSTER_MOVED,
    "GET /roster/{roster}/receipts": ROSTER,
    "GET /roster/{roster}/missing": ROSTER,
    "GET /api/v1/openapi.json": OPEN,
    "GET /api/v1/session": OPEN,
    "GET /api/v1/worklist": API_CASES,
    "GET /api/v1/find": API_CASES,
    "GET /api/v1/day-clear": API_CASES,
    "GET /api/v1/case/{case}": API_CASE,
    "POST /api/v1/case/{case}/act": API_CASE,
    "POST /api/v1/receive": "401 200 200 200 409 409 409",
    "GET /api/v1/safety": API,
    "GET /api/v1/board": API,
    "GET /api/v1/conflicts": API_CASES,
    "GET /api/v1/monthly": API,
}
ENDINGS = ("POST /roster/{roster}/drop", "POST /lock", "POST /sign-out")
"""Last of all: nobody is signed in afterwards, or the roster is gone."""
CANARY = {
    "applicant.name": "金丝雀莲", "applicant.id_no": "11010519491231088X", "applicant.phone": "13900001111",
    "applicant.address": "东门村七组卯号", "agent.name": "雀大山人", "agent.relation": "雀之长子",
    "text": "雀家有病人", "f.materials": "m01",
}  # fmt: skip
FORMS: Mapping[str, Mapping[str, str]] = {
    "POST /sign-in": {"staff_no": "C001", "passphrase": PASSPHRASE + "!"},
    "POST /switch": {"staff_no": "V001", "pin": "1234"},
    "POST /pin": {"without": "1"},
    "POST /station": {"station": VILLAGE},
    "POST /receive/{item}": {"applicant.name": "某人", "f.materials": "m01"},
    "POST /case/{case}/do/{action}/draft": {"draft": "ccccccccccccccc{at}", "text": "写到一半"},
    "POST /receive/{item}/return": {"f.reason": "materials_missing"},
    "POST /receive/{item}/draft": {"draft": "aaaaaaaaaaaaaaa{at}", "applicant.name": "某人"},
    "POST /receive/{item}/draft/step": {"draft": "ccccccccccccccc{at}", "applicant.name": "某人"},
    "POST /typed": {
        "draft": "ddddddddddddddd{at}",
        "kept.action": "/orders/answer",
        "kept.page": "/orders",
        "reply": "写到一半",
    },
    "POST /receive-way": {"way": "page", "next": "/receive"},
    "POST /receive/{item}/return/draft": {"draft": "bbbbbbbbbbbbbbb{at}", "applicant.name": "某人"},
    "POST /receive/{item}/person": {"applicant.id_no": CANARY["applicant.id_no"]},
    "POST /case/{case}/do/{action}": {"text": "看过"},
    "POST /people/{no}/grant": {"role": "nobody"},
    "POST /keep/backup": {"folder": "{backups}-{at}"},
    "POST /platform/enter": {"case": "{case}", "f.external_no": "3303822600{at}", "same_number": "1"},
    "POST /pads": {"count": "10"},
    "POST /attach": {"file": "x.txt", "size": "5"},
    "POST /orders/answer": {"order_no": ORDER, "reply": "已办", "version": "0"},
    "POST /roster/{roster}/tick": {"row": "1", "on": "1"},
}
"""Fields; braces are filled in as in addresses."""
SAMPLES = {
    "item": ALLOWANCE, "action": "note", "no": "V003", "station": VILLAGE, "kind": "staff", "code": ALLOWANCE,
    "word": "0123456789ab", "name": "none",
}  # fmt: skip
"""What stands in braces; the rest is on the desk of the village's clerk."""
BODIES: Mapping[str, object] = {
    "POST /api/v1/case/{case}/act": {"action": "note", "text": "看过"},
    "POST /api/v1/receive": {
        "item": ALLOWANCE,
        "applicant": {"name": "某人"},
        "facts": {"materials": ["m01"]},
    },
}
FURTHER = (
    "/find?q=jsql", "/find?q=088X", "/find?q=高龄", "/cases?closed=1", "/cases?closed=1&format=xlsx",
    "/monthly?since=2026-01-01", "/monthly?since=2026-01-01&format=xlsx", "/case/{case}/slip?paper=a4",
    "/case/{case}/do/hand_over", "/case/{case}/do/amend", "/api/v1/find?q=jsql", "/api/v1/find?q=088X",
    "/api/v1/worklist?closed=1", "/lights?format=xlsx", "/orders?closed=1", "/orders?format=xlsx",
    "/roster/{roster}/missing?format=xlsx", "/platform?format=xlsx", "/platform/differences?format=xlsx",
    "/leaver?no=V001", "/leaver?no=V001&format=xlsx", "/case/{case}/print/{act}?paper=own&lang=en",
    "/pads/enter?no={pad}", "/receive?pad={pad}", "/receive/{item}?pad={pad}",
)  # fmt: skip
"""Addresses with a query, and other actions: for the hunt for what leaks."""
