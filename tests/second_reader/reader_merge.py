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
) -> list[bytes]:
    """Look at the rows of ``county_checkpoints``: number, log, size, note, received_at_ms, state.

    Returns:
        The hashes of the checkpoints that were taken, in order; a row with an error counts as none.
    """
    taken: list[bytes] = []
    kept: set[bytes] = set()
    newest, logs = ("", 0), set[str]()
    for due, (number, log, size, note, _, state) in enumerate(rows, 1):
        where = f"{log} {size} {number}"
        if log not in keys:
            continue  # that its opening is not here is said already
        try:
            stated, _ = f.verify_checkpoint(note, f"banjian/log/{log}", keys[log])
        except Refused as refused:
            error(refused.code, where)
            continue
        hashed = f.h("checkpoint", f.parse_note(note)[0])
        if (number, stated) != (due, size):
            error("checkpoint.row", where)
        elif re.fullmatch("merge.(inconsistent|unproven)", state):
            warning(state, where)
            kept.add(hashed)
        elif state:
            error("checkpoint.row", where)
        else:
            back = size <= newest[1] if newest[0] == log else log in logs
            if back and hashed not in kept:
                warning("merge.seen_order", where)
            logs.add(log)
            newest = log, size
            taken.append(hashed)
    return taken


def check_named(
    taken: Sequence[bytes],
    logs: Sequence[tuple[str, bool, Sequence[tuple[int, bytes]]]],
    *,
    error: Tell,
    notice: Tell,
) -> None:
    """Compare what the entries of own logs name as ``county_seen`` with what was taken.

    Args:
        taken: hashes of the county checkpoints that were taken, in order.
        logs: of each own log the name, whether it was given up, and of each entry position and county_seen.
        error: tells an error.
        notice: tells a notice.
    """
    for log, given_up, entries in logs:
        if given_up:
            if any(seen and seen not in taken for _, seen in entries):
                notice("merge.seen_given_up", log)
            continue
        began, furthest = False, 0
        for seq, seen in entries:
            where = f"{log} {seq}"
            if not seen:
                if began:
                    error("merge.seen_dropped", where)
                continue
            began = True
            if seen not in taken:
                error("merge.seen_missing", where)
            elif taken.count(seen) == 1:
                if taken.index(seen) < furthest:
                    error("merge.seen_order", where)
                furthest = max(furthest, taken.index(seen))
