"""Every finding that an audit can have, with its severities: the list that the page of the protocol shows.

A code has two severities where its place decides: see "Severities" in docs/protocol.md.

Source: docs/protocol.md, "Findings".
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from audit.reading.findings import SEVERITIES, Severity

STEPS: Final[Mapping[str, Mapping[Severity, str]]] = MappingProxyType(
    {
        "the file": {"error": "file.unreadable file.damaged file.journal file.schema"},
        "1. openings": {
            "error": """
                ledger.no_registry ledger.genesis trust.other_ledger ledger.other_registry
                ledger.genesis_damaged log.unlisted log.missing log.positions
                log.row log.opening log.genesis log.other_ledger log.truncated
                genesis.version genesis.suite genesis.field""",
            "warning": """
                trust.unpinned ledger.not_synced ledger.no_catalogue ledger.second_registry
                ledger.second_catalogue log.superseded log.parent log.foreign_parent
                log.second_first log.key_reused""",
        },
        "2. registry and catalogue": {
            "warning": """
                registry.not_founded registry.ledger_id registry.genesis registry.other_ledger
                registry.facts_missing registry.actor_unknown registry.duplicate registry.already_open
                registry.other_station registry.action_unknown registry.field_unknown registry.field_missing
                registry.field_value registry.opening registry.parent registry.thread registry.actor_retired
                registry.not_root registry.not_registrar registry.countersign_target
                registry.countersign_same registry.pending registry.key_weak registry.key_enrolled
                registry.possession registry.staff_enrolled registry.not_registrar_key registry.key_unknown
                registry.key_retired registry.root_last registry.station_enrolled registry.station_unknown
                registry.out_of_scope registry.upstream registry.station_has_subordinates registry.replaces
                registry.purpose registry.staff_unknown registry.role_held registry.role_not_held
                registry.stand_in_self act.facts_hash act.facts_missing catalogue.duplicate catalogue.shape
                calendar.date calendar.date_repeated calendar.date_year calendar.field
                calendar.field_missing calendar.field_unknown calendar.region calendar.year""",
            "error": """
                registry.not_founded registry.ledger_id registry.genesis registry.other_ledger
                registry.facts_missing registry.field_unknown registry.field_missing registry.field_value
                registry.opening registry.not_root""",
        },
        "3. each log": {
            "error": """
                log.gap frame.repeated frame.field frame.act frame.signature entry.version entry.field
                entry.log entry.sequence entry.chain encoding.limit encoding.malformed encoding.canonical
                tree.missing tree.row tree.extra head.missing head.row head.unlisted
                checkpoint.row checkpoint.malformed checkpoint.origin checkpoint.root checkpoint.unproven
                note.limit note.malformed note.unsigned note.signature
                receipt.row cosignature.key cosignature.signature
                log.branch_place log.branch_unproven sparse.unproven
                merge.version merge.field merge.frame merge.order merge.head
                merge.seen_missing merge.seen_dropped merge.seen_order""",
            "warning": """
                log.no_checkpoint log.uncovered log.branch sparse.fork receipt.key_unknown
                entry.version entry.field entry.log entry.sequence entry.chain
                merge.inconsistent merge.unproven merge.seen_order""",
            "notice": "log.uncovered merge.behind merge.seen_given_up",
        },
        "4. each act": {
            "error": """
                act.version act.field act.ledger act.signature act.facts_missing act.facts_hash
                authority.key_unknown authority.key_too_new authority.key_retired authority.registry_none
                authority.station_unknown authority.station_closed authority.not_root
                authority.not_registrar authority.no_role
                frame.topic sparse.row acts.missing acts.row acts.orphan body.orphan
                personal.unexpected personal.cipher personal.length personal.key
                act.personal_hash body.salt encoding.depth encoding.type""",
            "warning": """
                act.version act.field act.ledger act.signature act.other_station
                act.misplaced act.key_ended
                authority.key_unknown authority.key_too_new authority.key_retired authority.registry_none
                authority.station_unknown authority.station_closed authority.root_key authority.purpose
                authority.not_registrar authority.no_role authority.not_root
                grant.action grant.form grant.grantor grant.grantor_ended grant.expired grant.limit
                grant.old_key grant.other_key grant.possession grant.rank grant.scope grant.self
                grant.signature grant.station
                encoding.limit encoding.malformed encoding.type encoding.depth encoding.canonical
                body.salt personal.no_key personal.taken""",
            "notice": """
                authority.registry_ahead act.repeated act.stand_in_unregistered frame.opaque_sound
                personal.sealed personal.erased attachment.not_held grant.given grant.not_logged""",
        },
        "5. time": {
            "notice": "time.backwards time.claimed_ahead time.backdated time.late_entry time.entered_before"
        },
        "6. copies held elsewhere": {
            "error": """
                copy.older copy.other copy.log_missing copy.unsigned sentinel.unsigned sentinel.other
                sentinel.log_missing sentinel.disowned""",
            "warning": "sentinel.missing copy.single_records",
            "notice": "copy.consistent",
        },
        "7. cases": {
            "warning": "audit.conflict audit.number_repeated",
            "notice": """
                audit.case_unfolded audit.case_awaiting audit.without_effect
                audit.conflict_settled case.finding.asked_again case.finding.before_parent
                case.finding.due_not_ahead case.finding.entered_ahead
                case.finding.irreversible_in_conflict
                case.finding.late_unmarked case.finding.permit_only
                case.finding.promise_untrue case.finding.refusal_not_same_day
                case.finding.second_correction case.finding.second_extension
                case.finding.step_missing
                case.finding.unlawful_ground case.notice.corrected_when_deemed
                case.notice.extension_late
                case.notice.in_time_by_late_entry case.notice.lapse_early
                case.notice.lapsed_when_deemed case.notice.refused_when_deemed
                case.notice.waived_in_time""",
        },
    }
)
"""Codes by the step of the protocol that finds them, and by severity."""


def severities() -> dict[str, tuple[Severity, ...]]:
    """Return the severities of every code, the worst first."""
    found: dict[str, set[Severity]] = {}
    for step in STEPS.values():
        for severity, codes in step.items():
            for code in codes.split():
                found.setdefault(code, set()).add(severity)
    return {code: tuple(one for one in SEVERITIES if one in found[code]) for code in sorted(found)}
