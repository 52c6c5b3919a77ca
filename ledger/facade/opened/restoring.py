"""What happens before anything is written in a folder that came out of a backup or is otherwise doubtful.

Own logs in doubt are given up. A restored folder has lost its case keys, because no backup holds them: the
newest key table, laid beside the database by hand, is taken in and removed, and all lists are made anew from
what can be opened. The marker goes last, so that a power cut anywhere only makes the next start do it again.
"""

from __future__ import annotations

from collections.abc import Mapping

from ledger.errors import DataError, StoreError
from ledger.facade.base.home import Home
from ledger.facade.base.vault import CaseKey, Vault
from ledger.facade.cases.latecomers import renew_latecomers
from ledger.facade.cases.renewal import rebuild_views
from ledger.facade.cases.views import CaseView
from ledger.facade.logs.bodies import put_personal, sealed_bodies
from ledger.facade.logs.comingback import ever_given_up
from ledger.facade.logs.doubt import LOST_DISK, ROLLED_BACK
from ledger.facade.opened.parts import Parts
from ledger.facade.transfer.rejudging import is_folded_anew
from ledger.store import schema
from ledger.store.contract import ReadTx, Store, WriteTx
from ledger.types import CaseId, LedgerId

INSTALLATION_BYTES = 4


def settle(store: Store, home: Home, parts: Parts, *, vault: Vault, view: CaseView) -> tuple[str, ...]:
    """Give up doubtful logs and take in what the office laid beside a restored database.

    Returns:
        Why logs were given up that may have been longer: codes of ``ROLLED_BACK``, and ``log.restored``
        where a copy was laid into a folder by hand.

    Raises:
        StoreError: ``home.case_keys`` for a key table that is damaged or another ledger's;
            ``vault.storage_key`` when the storage key is not the one that wrapped it.
    """
    told = ROLLED_BACK | ({LOST_DISK} if home.laid_by_hand else set())
    doubtful = [log for log in parts.own.values() if log.doubt]
    if doubtful:
        parts.writer.seal([(log, log.doubt) for log in doubtful])
    elif home.restored:
        # Who never wrote a log of its own has lost the end of the registry just so.
        parts.writer.seal([])
    with store.read() as tx:
        parts.holdings.put_back = ever_given_up(tx)
    for log in doubtful:
        parts.holdings.seal(log.name, state=log.doubt)
        del parts.own[log.name]
    home.complete()
    table = home.case_keys()
    if table is not None:
        keys = decode_case_keys(table, vault, parts.knowledge.registry.ledger_id)
        with store.write() as tx:
            for case_id, wrapped in keys.items():
                _take_key(tx, vault, case_id, wrapped)
    if table is not None or home.restored:
        rebuild_views(store, view, vault)
    if home.restored or not home.same_machine():
        home.write_machine()
        home.clear_restored()
    home.clear_case_keys()
    # A power cut may have come between a longer registry and the cases that waited for it.
    renew_latecomers(store, view, parts.knowledge, anew=is_folded_anew(store, parts.fold))
    return tuple(dict.fromkeys(log.doubt for log in doubtful if log.doubt in told))


def installation(vault: Vault) -> str:
    """Return eight characters that stand for all folders under one storage key: key tables fit only there."""
    return vault.token("installation")[:INSTALLATION_BYTES].hex()


def encode_case_keys(tx: ReadTx, vault: Vault, ledger_id: LedgerId) -> str:
    """Return the wrapped case keys as text: whose they are, then one line for each case."""
    lines = [_head(vault, ledger_id)]
    for case_id, wrapped in tx.select(schema.CASE_KEYS, {}, order_by=("case_id",)):
        if isinstance(case_id, bytes) and isinstance(wrapped, bytes):
            lines.append(f"{case_id.hex()} {wrapped.hex()}")
    return "\n".join(lines) + "\n"


def decode_case_keys(text: str, vault: Vault, ledger_id: LedgerId) -> Mapping[CaseId, bytes]:
    """Return the wrapped key of each case.

    Raises:
        StoreError: ``home.case_keys``.
    """
    head, *lines = text.splitlines() or [""]
    if head != _head(vault, ledger_id):
        raise StoreError("home.case_keys")
    try:
        pairs = [line.split(" ") for line in lines]
        return {CaseId(bytes.fromhex(case_id)): bytes.fromhex(wrapped) for case_id, wrapped in pairs}
    except ValueError as error:
        raise StoreError("home.case_keys") from error


def _head(vault: Vault, ledger_id: LedgerId) -> str:
    return f"# ledger {ledger_id.hex()} installation {installation(vault)}"


def _take_key(tx: WriteTx, vault: Vault, case_id: CaseId, wrapped: bytes) -> None:
    """Take a key in where bodies wait for it; of an erased case there are none, and it stays erased."""
    if next(sealed_bodies(tx, case_id), None) is None:
        return
    key, held = vault.unwrap(case_id, wrapped), tx.get(schema.CASE_KEYS, (case_id,))
    if held is None:
        tx.insert(schema.CASE_KEYS, [(case_id, wrapped)])
    elif isinstance(held[1], bytes) and held[1] != wrapped:
        _seal_again(tx, vault, case_id, before=key, after=vault.unwrap(case_id, held[1]))


def _seal_again(tx: WriteTx, vault: Vault, case_id: CaseId, *, before: CaseKey, after: CaseKey) -> None:
    """Bring a case under one key again: it got another while its first was not here."""
    for act_id, place, nonce, ciphertext in list(sealed_bodies(tx, case_id)):
        try:
            body = before.open(ciphertext, act_id=act_id, nonce=nonce)
        except DataError:
            continue
        fresh = vault.nonce()
        put_personal(tx, place, nonce=fresh, ciphertext=after.seal(body, act_id=act_id, nonce=fresh))
