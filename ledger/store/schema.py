"""The tables that every ledger has beside its frames.

Frames lie in the event store's own table and are append-only; so are ``tree``, ``checkpoints``, ``receipts``,
``sparse`` and ``county_checkpoints``. Bodies can be emptied and case keys deleted: that is how personal data
is erased.
"""

from __future__ import annotations

from typing import Final

from ledger.store.tables import Table

ACTS: Final = Table(
    "acts",
    columns=(
        ("case_id", "bytes"),
        ("act_id", "bytes"),
        ("log", "text"),
        ("seq", "int"),
        ("action", "text"),
    ),
    key=("case_id", "act_id"),
)
"""Where each act stands, case by case; derived from the frames. By log and position, ask for the frame.

Whoever has an act knows its case (``ledger.formats.act.case_of``), so that no second index is needed. An act
that stands in several places has its first one here.
"""

BODIES: Final = Table(
    "bodies",
    columns=(
        ("log", "text"),
        ("seq", "int"),
        ("facts", "bytes"),
        ("nonce", "bytes"),
        ("personal", "bytes"),
    ),
    key=("log", "seq"),
)
"""The bodies of each act at the place that ``acts`` names; ``personal`` is encrypted under its case's key.

Rows come in the order of the log, so that an act adds to the end of a tree where hashes would touch leaves
all over it. ``None`` stands for what was erased, withheld or never there; erasing takes ``nonce`` and
``personal`` away.
"""

CASE_KEYS: Final = Table("case_keys", columns=(("case_id", "bytes"), ("wrapped", "bytes")), key=("case_id",))
"""Keys of the personal bodies, wrapped by the station's storage key; left out of backups."""

LOGS: Final = Table(
    "logs",
    columns=(
        ("log", "text"),
        ("kind", "text"),
        ("station", "text"),
        ("genesis", "bytes"),
        ("own", "int"),
        ("state", "text"),
    ),
    key=("log",),
    indexes=(("station",),),
)
"""The logs held here, their own ones with ``own`` = 1."""

HEADS: Final = Table(
    "heads",
    columns=(("log", "text"), ("size", "int"), ("entry_hash", "bytes"), ("recorded_at_ms", "int")),
    key=("log",),
)
"""Size and last entry of each log."""

TREE: Final = Table(
    "tree",
    columns=(("log", "text"), ("level", "int"), ("index", "int"), ("hash", "bytes")),
    key=("log", "level", "index"),
    append_only=True,
)
"""Complete subtrees of each log's Merkle tree; level 0 holds the leaf hashes.

Source: RFC 6962 section 2.1.
"""

CHECKPOINTS: Final = Table(
    "checkpoints",
    columns=(("log", "text"), ("size", "int"), ("note", "bytes")),
    key=("log", "size"),
    append_only=True,
)
"""Signed checkpoints of each log."""

RECEIPTS: Final = Table(
    "receipts",
    columns=(("log", "text"), ("size", "int"), ("name", "text"), ("line", "bytes")),
    key=("log", "size", "name"),
    indexes=(("log", "name", "size"),),
    append_only=True,
)
"""Cosignatures on checkpoints, by the name of the key."""

SPARSE: Final = Table(
    "sparse",
    columns=(("log", "text"), ("seq", "int"), ("act_id", "bytes"), ("frame", "bytes"), ("size", "int")),
    key=("log", "seq", "act_id"),
    append_only=True,
)
"""Frames of other logs that came because of a case in scope; outside every frontier.

``size`` is that of the checkpoint under which the frame was proven when it came.

Two different frames of one position are both kept: they show that their log forked.
"""

COUNTY_CHECKPOINTS: Final = Table(
    "county_checkpoints",
    columns=(
        ("number", "int"),
        ("log", "text"),
        ("size", "int"),
        ("note", "bytes"),
        ("received_at_ms", "int"),
        ("state", "text"),
    ),
    key=("number",),
    indexes=(("log", "size"),),
    append_only=True,
)
"""Checkpoints of the county's merge log as they came here; the newest with an empty ``state`` is held to.

``state`` is the code why one was not accepted: it is kept as evidence.
"""

CORE_TABLES: Final = (
    ACTS,
    BODIES,
    CASE_KEYS,
    LOGS,
    HEADS,
    TREE,
    CHECKPOINTS,
    RECEIPTS,
    SPARSE,
    COUNTY_CHECKPOINTS,
)
"""All of the above, in the order in which they are created."""
