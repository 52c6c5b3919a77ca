"""``banjian amend`` about people: new texts go into the personal body, names of fields into the facts."""

from __future__ import annotations

from collections.abc import Mapping

from ledger.errors import InputError
from ledger.facade import CasePage
from ledger.identity import check_personal
from ledger.types import Facts
from stations.cli.personal import read_personal, typed_people
from stations.correcting import corrected_people, named_by, parties_of

AMEND = "amend"


def amended_personal(page: CasePage, facts: Facts, values: Mapping[str, object]) -> Facts | None:
    """Return the personal body of an amendment, and name in its facts the fields about people that differ.

    Args:
        page: the case.
        facts: of the amendment; gets ``personal_fields``.
        values: the parsed options.

    Raises:
        InputError: ``amend.nothing`` when nothing is corrected; ``amend.nobody`` for somebody whom the
            amended act does not name, or no longer does here; ``identity.*``.
        ConfigError: ``cli.option_empty``.
    """
    typed = typed_people(values, corrects=True)
    target = next((step for step in page.state.steps if step.act.act_id == facts.get("target")), None)
    changed, personal = bool(facts.get("changes")), read_personal({"text": values.get("text")})
    if typed and target is not None:
        parties, named = parties_of(page, target), named_by(page, target)
        for role, texts in typed.items():
            if role not in parties:
                raise InputError("amend.nobody", whose=role)
            if "id_no" in texts:
                texts.setdefault("id_kind", named.get(role, {}).get("id_kind") or "resident")
        people, fields = corrected_people(named, typed)
        if fields:
            facts["personal_fields"] = fields
            personal, changed = {**people, **(personal or {})}, True
            check_personal(personal, corrects=True)
    if not changed and (typed or personal is None):
        raise InputError("amend.nothing")
    return personal
