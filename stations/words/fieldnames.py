"""What a field of an action's facts is called on a page, on its form and in every message about it."""

from __future__ import annotations

from ledger.texts import facts
from stations.texts import Say


def typed_name(say: Say, action: str, name: str) -> str:
    """Return what a field of a form is called on its page, by the name under which the form sends it.

    Args:
        say: the language.
        action: of the form, where it signs one.
        name: ``applicant.name``, ``f.reason``, ``text``.
    """
    about = name.rpartition("applicant.")[1:] if "applicant." in name else name.rpartition("agent.")[1:]
    keys = (f"person.{name}", f"person.{''.join(about)}")
    known = next((key for key in keys if say.has(key)), None)
    if known is not None:
        return say(known)
    if name.startswith("f."):
        return field_name(say, action, name.removeprefix("f."))
    others = (f"web.field_{name}", f"head.{name}", f"field.{name}", f"web.{name}")
    return say(next((key for key in others if say.has(key)), "web.field_other"))


def field_name(say: Say, action: str, path: str) -> str:
    """Return the name of a field of an action's facts, by its dotted path; its code where it has none.

    Some fields are typed on the command line and chosen on a page; those have a name of their own here.
    """
    return facts.field_name(say.language, action, path)
