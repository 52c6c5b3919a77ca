"""Giving somebody a new key provisionally, listing what was given, and asking what a key may do now."""

from __future__ import annotations

from ledger.facade.base.turns import as_writer, in_turn
from ledger.facade.base.types import Performed, SignedAct
from ledger.facade.cases.granting import GrantPlan, HeldGrant, held_grants
from ledger.facade.opened.ledger import Ledger
from ledger.facade.opened.soundness import require_rules_to_write
from ledger.formats.keys import Signer
from ledger.registry.authority import Authority
from ledger.registry.grant import Grant
from ledger.types import KeyId


@as_writer
def give_grant(ledger: Ledger, plan: GrantPlan, signer: Signer) -> Performed:
    """Give somebody a new key until a registrar confirms it; it is good when this returns, offline too.

    Raises:
        AuthorityError: the signer may not give it, or it would have no force; nothing was written.
        StoreError: ``log.none``, or the store's own reasons; nothing was written.
    """
    parts = ledger.parts
    if parts.opens_by_acting(plan.station):
        # As for any first act: whoever acts opens the log, or the successor of a sealed one.
        parts.county.open_log("station", plan.station, signer)
    return submit_grant(ledger, parts.grants.prepare(plan, parts.required_log(plan.station), signer))


@in_turn
def prepare_grant(ledger: Ledger, plan: GrantPlan, signer: Signer) -> SignedAct:
    """Check and sign a grant without writing it: for another process that holds the lock.

    Raises:
        BanjianError: as ``give_grant``.
    """
    ledger.refresh()
    return ledger.parts.grants.prepare(plan, ledger.parts.required_log(plan.station), signer)


@as_writer
def submit_grant(ledger: Ledger, signed: SignedAct) -> Performed:
    """Store a grant that was prepared, after checking everything in it, and lay it beside its key.

    Raises:
        RuleError: ``act.outdated``; prepare it again.
        BanjianError: the grant does not hold; nothing was written.
    """
    parts = ledger.parts
    require_rules_to_write(ledger.store, parts)
    grant = parts.grants.check(signed)
    performed = parts.writer.append_county_act(parts.required_log(grant.station), signed)
    parts.grants.keep(grant)
    return performed


def list_grants(ledger: Ledger, *, now_ms: int | None = None) -> list[HeldGrant]:
    """Return the grants in the logs that are held here, the newest first, each with what became of it."""
    moment = ledger.clock.now_ms() if now_ms is None else now_ms
    with ledger.reading() as (tx, parts):
        return held_grants(tx, parts.knowledge, now_ms=moment)


def authority_now(ledger: Ledger, key: KeyId) -> Authority | None:
    """Return what a key may do now, by the registry or by the grant that lies beside it; None for nothing."""
    return ledger.parts.grants.authority(key)


def grant_beside(ledger: Ledger, key: KeyId) -> Grant | None:
    """Return the grant that lies beside a key on this machine, whatever its force; None where none does."""
    return ledger.parts.grants.held(key)
