"""What merge logs say of the other logs of a file, as ``docs/protocol.md`` has it under "Merge log"."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgpack
import reader_formats as f
from reader_formats import Refused

Tell = Callable[[str, str], None]


def check_merge_logs(
    merge_logs: Sequence[tuple[str, Sequence[tuple[int, bytes]]]],
    stations: Mapping[str, Mapping[int, bytes]],
    branches: Mapping[str, Sequence[tuple[int, bytes]]],
    root: Callable[[str, int], bytes | None],
    *,
    error: Tell,
    notice: Tell,
) -> None:
    """Compare the leaves of merge logs, in the order of their incarnations, with what a file holds.

    Args:
        merge_logs: name of each, with position and bytes of the leaves behind its first.
        stations: of each station log the entry hashes by position.
        branches: of each branch the position in its log and the hash of its entries, in order.
        root: returns the root of a registry or catalogue log at a size; None for any other log or size.
        error: tells an error.
        notice: tells a notice.
    """
    rows = {name: [hashed for _, hashed in sorted(held.items())] for name, held in stations.items()}
    rows |= {name: [hashed for _, hashed in held] for name, held in branches.items()}
    done = dict.fromkeys(rows, 0)
    for name, leaves in merge_logs:
        for position, raw in leaves:
            where = f"{name} {position}"
            try:
                f.check_merge_leaf(raw)
            except Refused:
                continue
            kind, log_id, number, hashed, _ = msgpack.unpackb(raw)
            if kind == 2:
                if root(log_id.hex(), number) != hashed:
                    error("merge.head", where)
                continue
            places = list(_places(log_id.hex(), number, hashed, stations, branches))
            if not places:
                error("merge.frame", where)
                continue
            row, index = next((one for one in places if one[1] == done[one[0]] + 1), places[0])
            if index != done[row] + 1:
                error("merge.order", where)
            done[row] = max(done[row], index)
    left = sum(len(row) - done[name] for name, row in rows.items())
    if left and any(done.values()):
        notice("merge.behind", str(left))


def _places(
    log: str,
    number: int,
    hashed: bytes,
    stations: Mapping[str, Mapping[int, bytes]],
    branches: Mapping[str, Sequence[tuple[int, bytes]]],
) -> Iterator[tuple[str, int]]:
    if stations.get(log, {}).get(number) == hashed:
        yield log, number
    for name, held in branches.items():
        if name.startswith(f"{log}~") and (number, hashed) in held:
            yield name, held.index((number, hashed)) + 1


def check_seen(
    rows: Sequence[tuple[Any, ...]], keys: Mapping[str, bytes], *, error: Tell, warning: Tell
) -> None:
    """Look at the rows of ``county_checkpoints``: number, log, size, note, received_at_ms, state."""
    for due, (number, log, size, note, _, state) in enumerate(rows, 1):
        where = f"{log} {size} {number}"
        if log not in keys:
            continue  # that its opening is not here is said already
        try:
            stated, _ = f.verify_checkpoint(note, f"banjian/log/{log}", keys[log])
        except Refused as refused:
            error(refused.code, where)
            continue
        if (number, stated) != (due, size):
            error("checkpoint.row", where)
        elif re.fullmatch("merge.(inconsistent|unproven)", state):
            warning(state, where)
        elif state:
            error("checkpoint.row", where)
