"""The people of the demonstration: names, roles, and keys that follow from the seed.

Such keys are for this made-up county alone: whoever knows the seed can sign for everybody.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from hashlib import sha256

from ledger.formats.keys import Ed25519Signer, Signer
from stations.county.plan import Place

KIOSK = "kiosk"
REGISTRAR_NO = "R001"
_FAMILY = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜戚谢邹喻柏水窦章云苏潘葛"
_GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华建国志文玉兰春梅红波辉鹏宁雪松柏青山"
_LETTERS = {"county": "C", "township": "T", "village": "V", "kiosk": "K", "agent": "B"}
_ROLES: dict[str, tuple[tuple[str, ...], ...]] = {
    "county": (("window",), ("officer",), ("officer", "issuer"), ("head", "supervisor")),
    "township": (("window",), ("officer",), ("officer", "issuer"), ("head", "supervisor")),
    "village": (("window", "officer", "issuer"), ("window",)),
    "kiosk": ((KIOSK,),),
    "agent": (("agent",),),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody at a station; a kiosk has one service key instead of people."""

    staff_no: str
    name: str
    station: str
    roles: tuple[str, ...]

    @property
    def is_service(self) -> bool:
        """Whether this is a machine's key."""
        return KIOSK in self.roles


def staff_of(place: Place, *, seed: int) -> tuple[Person, ...]:
    """Return who works at a station, in the order of their numbers."""
    rng = random.Random(f"staff {seed} {place.station}")
    found = []
    for number, roles in enumerate(_ROLES[place.level], start=1):
        unit = place.station[13:15] if place.station[13:15] != "00" else ""
        staff_no = f"{_LETTERS[place.level]}{place.station[6:12]}{unit}{number}"
        found.append(Person(staff_no=staff_no, name=person_name(rng), station=place.station, roles=roles))
    return tuple(found)


def seed_of(label: str, *, seed: int) -> bytes:
    """Return the private key of somebody, 32 bytes."""
    return sha256(f"banjian/demo/{seed}/{label}".encode()).digest()


def signer_of(label: str, *, seed: int) -> Signer:
    """Return the key of somebody by staff number, or of a root key by ``root-1`` to ``root-3``."""
    return Ed25519Signer.from_seed(seed_of(label, seed=seed))


def roots_of(seed: int) -> list[Signer]:
    """Return the root keys of the made-up county: by them its ledger is known from that of an office."""
    return [signer_of(f"root-{number}", seed=seed) for number in (1, 2, 3)]


def person_name(rng: random.Random) -> str:
    """Return a made-up name."""
    return rng.choice(_FAMILY) + "".join(rng.choice(_GIVEN) for _ in range(rng.choice((1, 2, 2))))
