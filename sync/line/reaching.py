"""Whether a call reached a station of the county, and what is said when it did not.

Behind an address there may be nobody, a login page, another program, another county: all of that is about
the address, so that the next one is tried.

Source: docs/protocol.md, "Sync".
"""

from __future__ import annotations

from typing import Final

import aiohttp

from ledger.errors import BanjianError, StoreError
from sync.certs.tls import tls_failure, tls_refusal
from sync.joining.joinoffice import ANSWERER_ENDED

UNREACHABLE: Final = "sync.unreachable"
OTHER_STATION: Final = "tls.other_station"
NOT_REACHED: Final = frozenset(
    {UNREACHABLE, ANSWERER_ENDED, OTHER_STATION}
    | {f"tls.{name}" for name in ("version", "failed", "refused", "other_ca", "other_ledger")}
    | {f"tls.{name}" for name in ("identity", "key_algorithm", "certificate")}
)
"""Codes of a call after which another address may still lead to a station above."""


def failed_call(error: BaseException, *, address: str, broken: str = "sync.torn") -> BanjianError:
    """Return the named error of a call over HTTPS that failed.

    What goes wrong with TLS once it is made, such as a bit that flipped under way, is a line that broke:
    whoever is there has shown who it is. Only a refused certificate becomes known as late as that.

    Args:
        error: what ``aiohttp`` raised.
        address: who was called.
        broken: code for a connection that was made and broke.
    """
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return tls_failure(error) or StoreError(UNREACHABLE, address=address)
    return tls_refusal(error) or StoreError(broken, address=address)


def more_telling(held: BanjianError | None, error: BanjianError) -> BanjianError:
    """Return which of two failures to tell when no address leads anywhere: an answer tells more than none."""
    return error if held is None or held.code == UNREACHABLE or error.code != UNREACHABLE else held
