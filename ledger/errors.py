"""Errors: one tree, split by who must act.

::

    BanjianError
    ├── InputError       the person at the counter: what was typed or chosen cannot be taken as it is
    ├── RuleError        the person at the counter: the law, the case type or the state of the case forbids it
    ├── AuthorityError   the person's office: key, passphrase, role or registration is missing or wrong
    ├── DataError        nobody here: bytes from elsewhere are not what they claim to be
    │   └── EncodingError    they are not even well-formed canonical bytes
    ├── StoreError       the operator: disk, lock, database
    │   ├── ForkError        the same position of a log with other bytes
    │   └── GapError         a position of a log before its predecessor
    └── ConfigError      the operator: configuration, command line, installation

Every error carries a stable dotted ``code``. It is the value on the wire and in logs, a heading in
``docs/errors.md`` and the key of the Chinese and English texts in ``ledger/texts/``, which say what happened
and what to do next. ``params`` fill the placeholders of those texts; they never hold personal data.
"""

from __future__ import annotations

from collections.abc import Mapping

Param = str | int | bytes | tuple[str, ...]


class BanjianError(Exception):
    """Root of the tree: a stable code and the values that its text needs.

    Args:
        code: stable dotted code, for example ``act.signature``.
        params: values for the placeholders of the text; never personal data.
    """

    def __init__(self, code: str, /, **params: Param) -> None:
        self.code = code
        self.params: Mapping[str, Param] = params
        detail = ", ".join(f"{name}={_plain(value)}" for name, value in params.items())
        super().__init__(f"{code} ({detail})" if detail else code)


class InputError(BanjianError):
    """What was typed or chosen cannot be taken as it is; the person at the counter corrects it."""


class RuleError(BanjianError):
    """The law, the case type or the state of the case forbids the action; nothing was written."""


class AuthorityError(BanjianError):
    """A key, passphrase, role or registration is missing or wrong."""


class DataError(BanjianError):
    """Bytes are not what they claim to be: hash, signature, proof or reference fails."""


class EncodingError(DataError):
    """Bytes are not well-formed canonical bytes of their kind, or exceed a limit."""


class StoreError(BanjianError):
    """Disk, lock or database: the operator must act; nothing confirmed is lost."""


class ForkError(StoreError):
    """A position of a log already holds other bytes."""


class GapError(StoreError):
    """A position of a log was offered before its predecessor."""


class ConfigError(BanjianError):
    """Configuration, command line or installation is wrong; the operator corrects it."""


def _plain(value: Param) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
