"""Tables of what passes between stations; none of them is evidence, all evidence is signed elsewhere."""

from __future__ import annotations

from typing import Final

from ledger.store.tables import Table

FEED: Final = Table(
    "feed",
    columns=(
        ("audience", "text"),
        ("number", "int"),
        ("log", "text"),
        ("seq", "int"),
        ("case_id", "bytes"),
        ("act_id", "bytes"),
        ("chain", "bytes"),
    ),
    key=("audience", "number"),
    indexes=(("audience", "case_id"),),
)
"""What each direct subordinate is to be given, in this order; ``chain`` is a hash over all items so far."""

FEED_LEFT: Final = Table(
    "feed_left",
    columns=(("audience", "text"), ("log", "text"), ("seq", "int")),
    key=("audience", "log", "seq"),
)
"""Places of a feed that could not be given as they were signed: they are given once they are healed."""

FEED_DUE: Final = Table("feed_due", columns=(("case_id", "bytes"),), key=("case_id",))
"""Cases that got acts since the feeds were brought up to date; written only where there are subordinates."""

FEED_HELD: Final = Table(
    "feed_held", columns=(("upstream", "text"), ("number", "int"), ("chain", "bytes")), key=("upstream",)
)
"""How far this station has taken what its upstream gives, with the hash that the upstream must confirm."""

TOLD: Final = Table(
    "told",
    columns=(("station", "text"), ("log", "text"), ("size", "int"), ("chain", "bytes")),
    key=("station", "log"),
)
"""What a station said on a stick that it lacks of a log although it confirmed more; under the log "" how far
it has taken its feed; under ``@`` and a merge log which county checkpoint it holds; under a log with
``~`` and a root behind it that it holds this of a log that diverges. A guess where to begin, never a reason
to leave something out for good.
"""

COUNTY_PROOFS: Final = Table(
    "county_proofs",
    columns=(("log", "text"), ("size", "int"), ("old_size", "int"), ("hashes", "bytes")),
    key=("log", "size", "old_size"),
)
"""Proofs that came with the newest county checkpoint, to be handed on below: ``hashes`` of 32 bytes each lead
from ``old_size`` to ``size``.
"""

COUNTY_BRIDGES: Final = Table(
    "county_bridges",
    columns=(
        ("parent", "text"),
        ("old_size", "int"),
        ("log", "text"),
        ("note", "bytes"),
        ("hashes", "bytes"),
    ),
    key=("parent", "old_size"),
)
"""How stations below come from a merge log that was given up into the one that continues it: a checkpoint of
``log``, and the hashes that lead from ``old_size`` of its parent to where it goes on.
"""

COUNTY_BELOW: Final = Table(
    "county_below",
    columns=(("station", "text"), ("way", "text"), ("log", "text"), ("size", "int")),
    key=("station", "way", "log", "size"),
)
"""County checkpoints from which a station that is reached by stick may need a proof next time: the one that
it was ``given`` last, and those that stations ``below`` it hold.
"""

AWAITING: Final = Table("awaiting_cases", columns=(("case_id", "bytes"),), key=("case_id",))
"""Cases with acts that wait for a parent, an opening, a longer registry or catalogue."""

AWAITED: Final = Table(
    "awaited_sizes",
    columns=(("case_id", "bytes"), ("registry", "int"), ("catalogue", "int")),
    key=("case_id",),
)
"""From which size of registry or of catalogue on such a case may look otherwise: before that nobody folds it
again for their sake. One without a row is looked at the next time.
"""

PEERS: Final = Table(
    "peers",
    columns=(
        ("station", "text"),
        ("heard_at_ms", "int"),
        ("via", "text"),
        ("waiting", "int"),
        ("oldest_ms", "int"),
        ("said_at_ms", "int"),
        ("version", "text"),
    ),
    key=("station",),
)
"""When each subordinate was heard last, by the clock of who heard it, and what it said was still waiting.
What a stick says of a station stands beside that, in a row of its own.
"""

SYNC_MARKS: Final = Table("sync_marks", columns=(("name", "text"), ("value", "text")), key=("name",))
"""What is worth remembering of the link upward: last try, last success, the error that stands."""

SYNC_FINDINGS: Final = Table(
    "sync_findings",
    columns=(
        ("code", "text"),
        ("log", "text"),
        ("seq", "int"),
        ("found_at_ms", "int"),
        ("detail", "text"),
        ("settled", "int"),
    ),
    key=("code", "log", "seq"),
)
"""What was found while records were taken in: kept until somebody settles it."""

FORK: Final = "log.fork"
"""Code under which a divergent history is noted there, by its name."""

FOREIGN_PARENT: Final = "log.foreign_parent"
"""Code under which a log is noted there that says of another kind or station's log that it continues it."""

SECOND_FIRST: Final = "log.second_first"
"""Code under which a log is noted there that begins anew although one of its station is held already."""

CHANGED_OUTSIDE: Final = "ledger.changed_outside"
"""Code under which is noted there that another program wrote into the ledger file while it was open here."""

REOPENED_EARLY: Final = "log.reopened_early"
"""Code under which an own log is noted there of which others hold more than its successor goes on from."""

SPARSE_NOTES: Final = Table(
    "sparse_notes", columns=(("log", "text"), ("size", "int"), ("note", "bytes")), key=("log", "size")
)
"""Checkpoints under which single frames of a log were proven, with the receipts that came along."""

SPARSE_NODES: Final = Table(
    "sparse_nodes",
    columns=(("log", "text"), ("size", "int"), ("low", "int"), ("high", "int"), ("hash", "bytes")),
    key=("log", "size", "low", "high"),
)
"""Hashes over the leaves from ``low`` to ``high`` of such a tree: enough to prove the frames to others."""

MERGED: Final = Table(
    "merged",
    columns=(("log", "text"), ("seq", "int"), ("count", "int"), ("merge_log", "text"), ("position", "int")),
    key=("log", "seq"),
)
"""Where the merge log names the frames of a log or branch: ``count`` of them from ``seq`` on, one after the
other from ``position`` on.
"""

ATTACHED: Final = Table(
    "attached",
    columns=(
        ("hash", "bytes"),
        ("case_id", "bytes"),
        ("size", "int"),
        ("station", "text"),
        ("held", "int"),
        ("given", "int"),
    ),
    key=("hash", "case_id"),
    indexes=(("held", "given"), ("case_id",)),
)
"""Attachments that acts name: at which station, whether the content lies here, and whether the station above
has said that it has it.
"""

SYNC_TABLES: Final = (
    ATTACHED,
    FEED,
    FEED_LEFT,
    FEED_DUE,
    FEED_HELD,
    TOLD,
    COUNTY_PROOFS,
    COUNTY_BRIDGES,
    COUNTY_BELOW,
    AWAITING,
    AWAITED,
    PEERS,
    SPARSE_NOTES,
    SPARSE_NODES,
    SYNC_MARKS,
    SYNC_FINDINGS,
    MERGED,
)
