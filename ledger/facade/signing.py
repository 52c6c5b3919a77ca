"""From a command to a signed act: what the ledger fills in, what it refuses, what the person signs.

Nothing is written here. Whoever holds the person's key does this, in the writing process or beside it; private
keys never cross a process boundary.
"""

from __future__ import annotations

import base64
from dataclasses import replace

from ledger.act import ActHeader, act_id, sign_act
from ledger.body import facts_hash, new_body, personal_hash
from ledger.case import CaseAct, CaseState, check
from ledger.catalogue import Rules
from ledger.errors import AuthorityError
from ledger.facade.clock import Randomness
from ledger.facade.types import Command, SignedAct
from ledger.keys import Signer
from ledger.knowledge import Knowledge
from ledger.types import ActId, CaseId, Facts, LedgerId, StationId

SALT_BYTES = 16
TOKEN_BYTES = 5


def new_token(randomness: Randomness) -> str:
    """Return a rating token for a slip: eight letters and digits that cannot be misread."""
    return base64.b32encode(randomness(TOKEN_BYTES)).decode("ascii")


def check_command(
    command: Command,
    signer: Signer,
    *,
    knowledge: Knowledge,
    state: CaseState | None,
    rules: Rules,
    now_ms: int,
) -> CaseAct:
    """Return the act that the command would become, after asking the case whether it would take effect.

    Raises:
        AuthorityError: the signer has no authority at the station (``authority.*``).
        RuleError: the case type or the state forbids it (``case.*``).
        InputError: the facts are not of the action's form (``case.facts_*``).
    """
    standing = knowledge.resolver.standing(
        actor_key_id=signer.key_id,
        station=command.station,
        registry_size=knowledge.registry.size,
        action=command.action,
    )
    if standing.blocked:
        raise AuthorityError(
            standing.blocked, key=signer.key_id, station=command.station, action=command.action,
            size=knowledge.registry.size,
        )  # fmt: skip
    act = CaseAct(
        act_id=ActId(bytes(32)),
        parents=() if state is None else state.heads,
        action=command.action,
        station=command.station,
        station_level=standing.level,
        actor=signer.key_id,
        staff_no=standing.staff_no,
        roles=standing.roles,
        occurred_at_ms=now_ms if command.occurred_at_ms is None else command.occurred_at_ms,
        recorded_at_ms=now_ms,
        catalogue_version=knowledge.catalogue.size,
        facts=command.facts,
    )
    check(state, rules, act)
    return act


def sign_command(
    act: CaseAct,
    command: Command,
    signer: Signer,
    *,
    ledger_id: LedgerId,
    registry_size: int,
    randomness: Randomness,
) -> tuple[SignedAct, CaseAct]:
    """Return the signed act of a checked command, and the same as the fold takes it."""
    facts = new_body(command.facts, randomness(SALT_BYTES))
    personal = b"" if command.personal is None else new_body(command.personal, randomness(SALT_BYTES))
    signed = sign_bodies(
        ledger_id=ledger_id,
        case_id=command.case or CaseId(b""),
        parents=act.parents,
        action=act.action,
        station=act.station,
        registry_size=registry_size,
        catalogue_version=act.catalogue_version,
        occurred_at_ms=act.occurred_at_ms,
        facts=facts,
        personal=personal,
        attachments=command.attachments,
        signer=signer,
    )
    return signed, replace(act, act_id=act_id(signed.raw))


def sign_bodies(
    *,
    ledger_id: LedgerId,
    case_id: CaseId,
    parents: tuple[ActId, ...],
    action: str,
    station: StationId,
    registry_size: int,
    catalogue_version: int,
    occurred_at_ms: int,
    facts: bytes,
    personal: bytes,
    signer: Signer,
    attachments: tuple[tuple[bytes, int], ...] = (),
) -> SignedAct:
    """Return a signed act over ready bodies."""
    header = ActHeader(
        ledger_id, case_id, parents, action, signer.key_id, station, registry_size, catalogue_version,
        occurred_at_ms, facts_hash(facts), len(facts), personal_hash(personal), len(personal), attachments,
    )  # fmt: skip
    raw = header.pack()
    return SignedAct(raw=raw, sig=sign_act(raw, signer), facts=facts, personal=personal)


def county_facts(fields: Facts, randomness: Randomness) -> bytes:
    """Return the facts body of a registry or catalogue act."""
    return new_body(fields, randomness(SALT_BYTES))
