"""One action of a case: checked, signed, told to whoever wants to remember it, stored."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ledger.facade.base.ondemand import OnDemand
from ledger.facade.base.types import Command, Noted, Performed
from ledger.facade.opened.parts import Parts
from ledger.facade.opened.soundness import require_rules_to_write
from ledger.formats.keys import Signer
from ledger.store.contract import Store


def perform(store: Store, parts: Parts, command: Command, signer: Signer, noted: Noted | None) -> Performed:
    """Check, sign and store one action; `ledger.facade.Ledger.perform` as the ledger's one writer.

    Raises:
        BanjianError: as there, and what ``noted`` raises; nothing was written.
    """
    require_rules_to_write(store, parts)
    log = parts.log_to_write(command.station, signer)
    with OnDemand(store) as reading:
        decided = parts.desk.sign(reading, command, signer, log)
    if noted is not None:
        noted(decided.signed)
    return parts.writer.append_case_act(log, decided)


@contextmanager
def noting(parts: Parts, noted: Noted) -> Iterator[None]:
    """Tell each act of registry, catalogue or a grant, and each opening of a log, before it is stored.

    What ``noted`` raises refuses the act; nothing was written. For the ledger's one writer, on its thread.
    """
    writer = parts.writer
    writer.noted = noted
    try:
        yield
    finally:
        writer.noted = None
