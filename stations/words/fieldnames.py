"""What a field of an action's facts is called on a page, on its form and in every message about it."""

from __future__ import annotations

from stations.texts import Say


def field_name(say: Say, action: str, path: str) -> str:
    """Return the name of a field of an action's facts, by its dotted path; its code where it has none.

    Some fields are typed on the command line and chosen on a page; those have a name of their own here.
    """
    # What an amendment changes is called as in the act that it amends.
    path = path.removeprefix("changes.")
    last = path.rpartition(".")[2]
    own = (f"web.field_{action}_{last}", f"field.{action}.{path}", f"web.field_{last}")
    keys = (*own, f"field.{path}", f"field.{last}")
    return say(next((key for key in keys if say.has(key)), last))
