"""Who may do what: one pass over the registry log, and the authority of other acts at the size they cite."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from reader_formats import (
    STATION,
    Act,
    LedgerGenesis,
    Refused,
    check_act_signature,
    check_body,
    check_enrollable,
    decode_ledger_genesis,
    decode_log_genesis,
    integer,
    key_id,
    matching,
    octets,
    octets_up_to,
    one_of,
    possesses,
)

ROLES = ("window", "officer", "head", "supervisor", "issuer", "archivist", "agent")
RANKS = {"county": 0, "township": 1, "village": 2, "kiosk": 3, "agent": 3}
Form = Callable[[Any], bool]


def text(most: int) -> Form:
    """Return the form: text of one character or more, without control characters."""

    def fits(value: Any) -> bool:
        return isinstance(value, str) and 1 <= len(value) <= most and not re.search("[\0-\x1f\x7f]", value)

    return fits


def _log_sizes(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) <= 1024
        and all(isinstance(v, list) and len(v) == 2 and octets(16)(v[0]) and integer()(v[1]) for v in value)
        and all(a[0] < b[0] for a, b in pairwise(value))
    )


STAFF_NO = matching(re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,31}"))
SCOPE = matching(re.compile(STATION.pattern + r"(/\*)?"))
_STATION = matching(STATION)
_ROLE = {"staff_no": STAFF_NO, "role": one_of(*ROLES), "scope": SCOPE}
_END = {"key_id": octets(16), "reason": one_of("retired", "compromised"), "log_sizes": _log_sizes}
_KEY = {"alg": one_of("ed25519"), "public_key": octets(32), "possession": octets(64)}
# action: who signs, opens a thread, facts that must be there, facts that may be there
TABLE: dict[str, tuple[tuple[str, ...], bool, dict[str, Form], dict[str, Form]]] = {
    "open_log": (
        ("root",),
        True,
        {"genesis": octets_up_to(1, 1024)},
        {"ledger_genesis": octets_up_to(1, 1024)},
    ),
    "countersign": (("root",), False, {"target": octets(32)}, {}),
    "appoint_registrar": (("root",), True, {"staff_no": STAFF_NO, **_KEY, "scope": SCOPE}, {}),
    "dismiss_registrar": (("root",), False, _END, {}),
    "enrol_station": (
        ("registrar",),
        True,
        {"station": _STATION, "name": text(80), "level": one_of(*RANKS), "code_system": text(32)},
        {"upstream": _STATION},
    ),
    "close_station": (("registrar",), False, {"station": _STATION}, {}),
    "end_certificates": (("registrar",), False, {"station": _STATION, "before_ms": integer()}, {}),
    "enrol_staff": (
        ("registrar",),
        True,
        {"staff_no": STAFF_NO, "station": _STATION, **_KEY},
        {"replaces": octets(16)},
    ),
    "grant_role": (("registrar",), False, _ROLE, {"stand_in_for": STAFF_NO}),
    "end_role": (("registrar",), False, _ROLE, {}),
    "enrol_service": (
        ("registrar",),
        True,
        {
            "purpose": one_of("kiosk", "receipt", "bundle"),
            "station": _STATION,
            "alg": one_of("ed25519", "x25519"),
            "public_key": octets(32),
        },
        {"possession": octets(64)},
    ),
    "retire_key": (("registrar", "root"), False, _END, {}),
}


@dataclass
class Key:
    """An enrolled key; ``kind`` is root, registrar, staff or service."""

    key_id: bytes
    public_key: bytes
    kind: str
    number: str
    station: str
    scope: str
    thread: bytes
    since: int
    until: int | None = None
    compromised: bool = False
    log_sizes: dict[bytes, int] = field(default_factory=dict)

    def live(self, size: int) -> bool:
        """Tell whether the key was enrolled and not retired at a size of the registry."""
        return self.since <= size and (self.until is None or size < self.until)


@dataclass
class Opening:
    """A time during which a station was open, in sizes of the registry."""

    upstream: str
    level: str
    thread: bytes
    since: int
    until: int | None = None


@dataclass
class Grant:
    """A role of a key."""

    key_id: bytes
    role: str
    scope: str
    since: int
    until: int | None = None
    away: str = ""


def _no(reason: str, detail: str = "") -> Refused:
    return Refused(f"registry.{reason}", detail)


class Registry:
    """What the registry log says, at each of its sizes."""

    def __init__(self, pinned: bytes | None) -> None:
        """Begin with nothing but the pinned ledger id; without one, the first entry names the ledger."""
        self.pinned = pinned
        self.size = 0
        self.founded = False
        self.genesis: LedgerGenesis | None = None
        self.log_id = self.log_key = b""
        self.station = ""
        self.keys: dict[bytes, Key] = {}
        self.stations: dict[str, list[Opening]] = {}
        self.grants: list[Grant] = []
        self.threads: dict[bytes, set[bytes]] = {}
        self.seen: set[bytes] = set()
        self.waiting: dict[bytes, tuple[Act, dict[str, Any]]] = {}

    # --- questions about a size -----------------------------------------------------------------

    def opening(self, station: str, size: int) -> Opening | None:
        """Return the opening of a station that holds at a size."""
        for found in self.stations.get(station, ()):
            if found.since <= size and (found.until is None or size < found.until):
                return found
        return None

    def reaches(self, scope: str, station: str, size: int) -> bool:
        """Tell whether a scope holds a station, by its line of upstream stations."""
        base, below = scope.removesuffix("/*"), scope.endswith("/*")
        for _ in range(len(self.stations) + 1):
            if station == base:
                return True
            line = [o for o in self.stations.get(station, ()) if o.since <= size]
            if not below or not line or not line[-1].upstream:
                return False
            station = line[-1].upstream
        return False

    def covers(self, own: str, scope: str, size: int) -> bool:
        """Tell whether a registrar's scope holds another scope."""
        return (own.endswith("/*") or not scope.endswith("/*")) and self.reaches(
            own, scope.removesuffix("/*"), size
        )

    def held_at(self, key: Key, station: str, size: int) -> list[Grant]:
        """Return what was granted to a key for a station and holds at a size."""
        return [
            g
            for g in self.grants
            if g.key_id == key.key_id
            and g.since <= size
            and (g.until is None or size < g.until)
            and self.reaches(g.scope, station, size)
        ]

    def roles(self, key: Key, station: str, size: int) -> set[str]:
        """Return the roles of a key at a station and a size."""
        held = {g.role for g in self.held_at(key, station, size)}
        if key.kind == "registrar" and self.reaches(key.scope, station, size):
            held.add("registrar")
        if key.kind == "kiosk" and key.station == station:
            held.add("kiosk")
        return held

    def receipt_keys(self, station: str) -> list[Key]:
        """Return every receipt key that was ever enrolled for a station."""
        return [k for k in self.keys.values() if k.kind == "receipt" and k.station == station]

    # --- authority of acts outside the registry log ---------------------------------------------

    def authority(self, act: Act, log_kind: str, log_id: bytes, seq: int) -> str:
        """Refuse an act without authority; else return "", "late" or "quarantine"."""
        n = act.registry_size
        if n == 0:
            raise Refused("authority.registry_none")
        if n > self.size:
            raise Refused("authority.registry_ahead")
        key = self.keys.get(act.actor)
        if key is None:
            raise Refused("authority.key_unknown")
        if key.since > n:
            raise Refused("authority.key_too_new")
        if not key.live(n):
            raise Refused("authority.key_retired")
        self.at_station(key, act, log_kind, n)
        return self.lane(key, log_id, seq)

    def line(self, station: str, size: int) -> list[str]:
        """Return a station and those above it, the nearest first."""
        found: list[str] = []
        while station and station not in found:
            openings = [o for o in self.stations.get(station, ()) if o.since <= size]
            if not openings:
                break
            found.append(station)
            station = openings[-1].upstream
        return found

    def at_station(self, key: Key, act: Act, log_kind: str, at: int) -> None:
        """Refuse an act for which its key, as it is at some size, has not what the station asks for."""
        n = act.registry_size
        if not any(o.since <= n for o in self.stations.get(act.station, ())):
            raise Refused("authority.station_unknown")
        if self.opening(act.station, n) is None:
            raise Refused("authority.station_closed")
        roles = self.roles(key, act.station, at)
        needed = act.action.startswith("publish_") or (
            act.action == "open_log" and log_kind in {"catalogue", "merge"}
        )
        if act.action != "open_log" and key.kind == "root":
            raise Refused("authority.root_key")
        if act.action != "open_log" and key.kind in {"receipt", "bundle"}:
            raise Refused("authority.purpose")
        if act.action == "open_log" and needed and "registrar" not in roles:
            raise Refused("authority.not_registrar")
        if not roles:
            raise Refused("authority.no_role")
        if needed and "registrar" not in roles:
            raise Refused("authority.not_registrar")
        if act.action == "provisional_grant" and not roles & {"head", "supervisor"}:
            raise Refused("grant.grantor")

    @staticmethod
    def lane(key: Key, log_id: bytes, seq: int) -> str:
        """Return "", "late" or "quarantine" for a position in a log."""
        if key.until is None or seq <= key.log_sizes.get(log_id, 0):
            return ""
        return "quarantine" if key.compromised else "late"

    # --- the pass -------------------------------------------------------------------------------

    def apply(self, act: Act | None, signature: bytes, facts: bytes | None) -> None:
        """Take the next act of the registry log; a refused one holds its position and changes nothing."""
        self.size += 1
        if act is None:
            return  # reported with the frame
        if not self.founded:
            if self.size > 1:
                raise _no("not_founded")
            self._found(act, signature, facts)
            return
        if self.genesis is None or act.ledger_id != self.genesis.ledger_id:
            raise _no("other_ledger")
        if facts is None:
            raise _no("facts_missing")
        body = check_body(act, "facts", facts)
        key = self.keys.get(act.actor)
        if key is None:
            raise _no("actor_unknown")
        check_act_signature(act.raw, key.public_key, signature)
        if act.act_id in self.seen:
            raise _no("duplicate")
        self.seen.add(act.act_id)
        if act.action == "open_log":
            raise _no("already_open")
        if act.station != self.station:
            raise _no("other_station")
        self._check_facts(act, body)
        known = {parent: thread for thread, acts in self.threads.items() for parent in acts}
        if TABLE[act.action][1]:
            if act.case_id:
                raise _no("opening")
        elif not set(act.parents) <= set(known):
            raise _no("parent")
        elif {known[parent] for parent in act.parents} != {act.case_id}:
            raise _no("thread", "not that of its parents")
        effect = self._judge(act, body)
        thread = self._thread(act, body)
        self.threads.setdefault(thread, set()).add(act.act_id)
        root_act = key.kind == "root" and act.action != "countersign"
        if root_act:
            self.waiting[act.act_id] = (act, body)
        else:
            effect()

    def _found(self, act: Act, signature: bytes, facts: bytes | None) -> None:
        if facts is None:
            raise _no("facts_missing")
        body = check_body(act, "facts", facts)
        if act.action != "open_log" or act.case_id:
            raise _no("not_founded")
        self._check_facts(act, body)
        genesis = decode_ledger_genesis(body.get("ledger_genesis", b""))
        log = decode_log_genesis(body["genesis"])
        if self.pinned is not None and genesis.ledger_id != self.pinned:
            raise Refused("trust.other_ledger")
        if act.ledger_id != genesis.ledger_id:
            raise _no("other_ledger")
        if (log.kind, log.ledger_id, log.station) != ("registry", genesis.ledger_id, act.station):
            raise _no("genesis", "kind, ledger or station")
        roots = {key_id("ed25519", root): root for root in genesis.roots}
        if act.actor not in roots:
            raise _no("not_root")
        check_act_signature(act.raw, roots[act.actor], signature)
        if log.public_key in genesis.roots:
            raise _no("genesis", "log key is a root key")
        self.founded, self.genesis, self.log_id, self.station = True, genesis, log.log_id, act.station
        self.log_key = log.public_key
        for name, public_key in roots.items():
            self.keys[name] = Key(name, public_key, "root", "", "", "", act.thread, 1)
        self.seen.add(act.act_id)
        self.threads[act.thread] = {act.act_id}

    def _check_facts(self, act: Act, body: dict[str, Any]) -> None:
        if act.action not in TABLE:
            raise _no("action_unknown", act.action)
        _, _, must, may = TABLE[act.action]
        names = set(body) - {"salt"}
        if not names <= set(must) | set(may):
            raise _no("field_unknown")
        if not set(must) <= names:
            raise _no("field_missing")
        for name, form in {**must, **may}.items():
            if name in body and not form(body[name]):
                raise _no("field_value", name)

    def _thread(self, act: Act, body: dict[str, Any]) -> bytes:
        if TABLE[act.action][1]:
            return act.thread
        subject: bytes | None = None
        if act.action == "countersign":
            subject = next((t for t, acts in self.threads.items() if body["target"] in acts), None)
        elif act.action in ("close_station", "end_certificates"):
            openings = self.stations.get(body["station"])
            subject = openings[-1].thread if openings else None
        elif "key_id" in body:
            key = self.keys.get(body["key_id"])
            subject = key.thread if key else None
        else:
            person = self._person("staff", body["staff_no"])
            subject = person.thread if person else None
        if subject is None or act.case_id != subject:
            raise _no("thread", "not the thread of its subject")
        return subject

    def _person(self, kind: str, number: str) -> Key | None:
        for key in self.keys.values():
            if key.kind == kind and key.number == number and key.until is None:
                return key
        return None

    def _judge(self, act: Act, body: dict[str, Any]) -> Callable[[], None]:
        """Refuse an act whose signer or effect is not possible now; return what it does."""
        now = self.size
        signer = self.keys[act.actor]
        if signer.until is not None:
            raise _no("actor_retired")
        allowed = TABLE[act.action][0]
        if act.action == "retire_key" and (target := self.keys.get(body["key_id"])):
            allowed = ("root",) if target.kind in {"root", "registrar"} else ("registrar",)
        if signer.kind not in allowed:
            raise _no("not_root" if "root" in allowed and len(allowed) == 1 else "not_registrar")
        judge: Callable[[Act, dict[str, Any], Key, int], Callable[[], None]] = getattr(
            self, f"_do_{act.action}"
        )
        return judge(act, body, signer, now)

    def _do_countersign(self, act: Act, body: dict[str, Any], signer: Key, now: int) -> Callable[[], None]:
        if body["target"] not in self.waiting:
            raise _no("countersign_target")
        target, facts = self.waiting[body["target"]]
        if target.actor == act.actor:
            raise _no("countersign_same")
        effect = self._judge(target, facts)

        def confirm() -> None:
            del self.waiting[target.act_id]
            effect()

        return confirm

    def _enrol(self, act: Act, body: dict[str, Any], kind: str, number: str, now: int) -> Callable[[], None]:
        try:
            check_enrollable(body["alg"], body["public_key"])
        except Refused as refused:
            raise _no("key_weak", refused.code) from refused
        name = key_id(body["alg"], body["public_key"])
        if body["public_key"] in {key.public_key for key in self.keys.values()} | {self.log_key}:
            raise _no("key_enrolled")
        if self.genesis is None:
            raise _no("not_founded")
        proof = body.get("possession", b"")
        signs = body["alg"] == "ed25519"
        if (not signs and proof) or (
            signs and not possesses(self.genesis.ledger_id, body["public_key"], proof)
        ):
            raise _no("possession")
        if number and self._person(kind, number):
            raise _no("staff_enrolled")
        key = Key(
            name,
            body["public_key"],
            kind,
            number,
            body.get("station", ""),
            body.get("scope", ""),
            act.thread,
            now,
        )

        def effect() -> None:
            self.keys[name] = key

        return effect

    def _do_appoint_registrar(
        self, act: Act, body: dict[str, Any], signer: Key, now: int
    ) -> Callable[[], None]:
        return self._enrol(act, body, "registrar", body["staff_no"], now)

    def _do_dismiss_registrar(
        self, act: Act, body: dict[str, Any], signer: Key, now: int
    ) -> Callable[[], None]:
        effect = self._retire(body, now)
        if self.keys[body["key_id"]].kind != "registrar":
            raise _no("not_registrar_key")
        return effect

    def _do_retire_key(self, act: Act, body: dict[str, Any], signer: Key, now: int) -> Callable[[], None]:
        effect = self._retire(body, now)
        key = self.keys[body["key_id"]]
        if key.kind == "root" and sum(k.kind == "root" and k.until is None for k in self.keys.values()) < 3:
            raise _no("root_last")
        if signer.kind == "registrar" and not self.reaches(signer.scope, key.station, now):
            raise _no("out_of_scope")
        return effect

    def _retire(self, body: dict[str, Any], now: int) -> Callable[[], None]:
        key = self.keys.get(body["key_id"])
        if key is None:
            raise _no("key_unknown")
        if key.until is not None:
            raise _no("key_retired")

        def effect() -> None:
            key.until, key.compromised = now, body["reason"] == "compromised"
            key.log_sizes = dict(body["log_sizes"])

        return effect

    def _do_enrol_station(self, act: Act, body: dict[str, Any], signer: Key, now: int) -> Callable[[], None]:
        station, upstream = body["station"], body.get("upstream", "")
        if self.opening(station, now):
            raise _no("station_enrolled")
        above = self.opening(upstream, now) if upstream else None
        if upstream and above is None:
            raise _no("station_unknown")
        if not self.reaches(signer.scope, station, now) and not (
            upstream and self.covers(signer.scope, f"{upstream}/*", now)
        ):
            raise _no("out_of_scope")
        if above is None:
            fits = body["level"] == "county" and not any(self.opening(name, now) for name in self.stations)
        else:
            both_county = body["level"] == above.level == "county"
            fits = both_county or RANKS[above.level] < RANKS[body["level"]]
        if not fits:
            raise _no("upstream", "levels, or a second top")

        def effect() -> None:
            opening = Opening(upstream, body["level"], act.thread, now)
            self.stations.setdefault(station, []).append(opening)

        return effect

    def _do_close_station(self, act: Act, body: dict[str, Any], signer: Key, now: int) -> Callable[[], None]:
        opening = self._open_in_scope(body["station"], signer, now)
        for lines in self.stations.values():
            if lines[-1].until is None and lines[-1].upstream == body["station"]:
                raise _no("station_has_subordinates")

        def effect() -> None:
            opening.until = now

        return effect

    def _do_end_certificates(
        self, act: Act, body: dict[str, Any], signer: Key, now: int
    ) -> Callable[[], None]:
        self._open_in_scope(body["station"], signer, now)
        # What a certificate may do is nothing that a file of the ledger shows.
        return lambda: None

    def _open_in_scope(self, station: str, signer: Key, now: int) -> Opening:
        opening = self.opening(station, now)
        if opening is None:
            raise _no("station_unknown")
        if not self.reaches(signer.scope, station, now):
            raise _no("out_of_scope")
        return opening

    def _do_enrol_staff(self, act: Act, body: dict[str, Any], signer: Key, now: int) -> Callable[[], None]:
        self._open_in_scope(body["station"], signer, now)
        enrol = self._enrol(act, body, "staff", body["staff_no"], now)
        inherited: list[Grant] = []
        if "replaces" in body:
            old = self.keys.get(body["replaces"])
            if old is None or old.kind != "staff" or old.until is None or old.number != body["staff_no"]:
                raise _no("replaces")
            inherited = [g for g in self.grants if g.key_id == old.key_id and g.until is None]
            if not all(self.covers(signer.scope, g.scope, now) for g in inherited):
                raise _no("out_of_scope")

        def effect() -> None:
            enrol()
            new = key_id(body["alg"], body["public_key"])
            self.grants += [Grant(new, g.role, g.scope, now, away=g.away) for g in inherited]

        return effect

    def _do_enrol_service(self, act: Act, body: dict[str, Any], signer: Key, now: int) -> Callable[[], None]:
        self._open_in_scope(body["station"], signer, now)
        effect = self._enrol(act, body, body["purpose"], "", now)
        if (body["purpose"] == "bundle") != (body["alg"] == "x25519"):
            raise _no("purpose")
        return effect

    def _live_person(self, number: str) -> Key:
        person = self._person("staff", number)
        if person is None:
            raise _no("staff_unknown")
        return person

    def _held(self, person: Key, body: dict[str, Any]) -> list[Grant]:
        """The acts by which a role is held: one for each colleague stood in for, besides the role itself."""
        wanted = (person.key_id, body["role"], body["scope"])
        return [
            grant
            for grant in self.grants
            if (grant.key_id, grant.role, grant.scope) == wanted and grant.until is None
        ]

    def _do_grant_role(self, act: Act, body: dict[str, Any], signer: Key, now: int) -> Callable[[], None]:
        person = self._live_person(body["staff_no"])
        if self.opening(body["scope"].removesuffix("/*"), now) is None:
            raise _no("station_unknown")
        if not self.covers(signer.scope, body["scope"], now):
            raise _no("out_of_scope")
        away = body.get("stand_in_for", "")
        held = self._held(person, body)
        if held and (not away or any(one.away == away for one in held)):
            raise _no("role_held")
        if away and self._live_person(away).number == person.number:
            raise _no("stand_in_self")
        return lambda: self.grants.append(Grant(person.key_id, body["role"], body["scope"], now, away=away))

    def _do_end_role(self, act: Act, body: dict[str, Any], signer: Key, now: int) -> Callable[[], None]:
        held = self._held(self._live_person(body["staff_no"]), body)
        if not held:
            raise _no("role_not_held")
        if not self.covers(signer.scope, body["scope"], now):
            raise _no("out_of_scope")

        def effect() -> None:
            for grant in held:
                grant.until = now

        return effect
