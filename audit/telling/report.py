"""The report of an audit: one JSON object, or text for people."""

from __future__ import annotations

from typing import TextIO

from audit.checking.outcome import Report
from audit.reading.county import TRAINING
from audit.reading.findings import SEVERITIES, Finding
from audit.telling.words import Words
from ledger.texts.tables import print_table

JsonValue = str | int | bool | None | list["JsonValue"] | dict[str, "JsonValue"]
_SHOWN_PER_CODE = 10
"""Findings of one code that people are shown; ``--json`` has more, and all are counted."""


def plain(value: object) -> JsonValue:
    """Return a value as JSON holds it; bytes as hexadecimal digits."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value if value is None or isinstance(value, str | int | bool) else str(value)


def report_json(report: Report, words: Words) -> dict[str, JsonValue]:
    """Return the report as one JSON object."""
    return {
        "ok": report.ok,
        "records": report.records,
        "cases": report.cases,
        "ledger_id": report.ledger_id.hex(),
        "purpose": report.purpose,
        "training": report.purpose == TRAINING,
        "division_code": report.division_code,
        "pinned": report.pinned,
        "counts": {severity: _count(report, severity) for severity in SEVERITIES},
        "logs": [
            {
                "log": log.log,
                "kind": log.kind,
                "station": log.station,
                "size": log.size,
                "checkpoint_size": log.checkpoint_size,
                "root": log.root,
            }
            for log in report.logs
        ],
        "findings": [finding_json(finding, words) for finding in report.findings],
    }


def finding_json(finding: Finding, words: Words) -> dict[str, JsonValue]:
    """Return one finding as JSON: code and severity, then where, then the values, then the text."""
    made: dict[str, JsonValue] = {"code": finding.code, "severity": finding.severity}
    if finding.log:
        made["log"] = finding.log
    if finding.seq:
        made["seq"] = finding.seq
    if finding.act:
        made["act"] = finding.act.hex()
    if finding.case:
        made["case"] = finding.case.hex()
    for name, value in finding.params.items():
        made.setdefault(name, plain(value))
    made["text"] = finding_text(finding, words)
    return made


def finding_text(finding: Finding, words: Words) -> str:
    """Return what a finding says, with the sentence of the reason that it names."""
    values = words.named(_values(finding))
    text = words(finding.code, **values)
    reason = finding.params.get("reason")
    if isinstance(reason, str) and reason:
        about = finding.params.get("about")
        if about is not None:
            values = words.named({**_values(finding), "action": about})
        told = words(reason, **values)
        text += f" {told} [{reason}]" if told != reason else f" [{reason}]"
    return text


def print_report(report: Report, words: Words, out: TextIO) -> None:
    """Print the report for people: what was checked, what was found, what to do."""
    if report.purpose == TRAINING:
        print(words("audit.training"), file=out)
    if report.ledger_id:
        print(words("audit.ledger", ledger=report.ledger_id), file=out)
    if report.logs:
        print_table(
            out,
            [words(f"audit.column.{name}") for name in ("kind", "station", "size", "checkpoint", "log")],
            [
                (
                    words.name("audit.kind", log.kind),
                    log.station,
                    str(log.size),
                    str(log.checkpoint_size or "—"),
                    log.log,
                )
                for log in report.logs
            ],
        )
    print(words("audit.checked", records=report.records, cases=report.cases), file=out)
    for severity in SEVERITIES:
        _print_findings(report, severity, words, out)
    print(file=out)
    print(words("audit.result.ok" if report.ok else "audit.result.bad"), file=out)
    print(
        words("audit.result.counts", **{name: _count(report, name) for name in SEVERITIES}),
        file=out,
    )


def _print_findings(report: Report, severity: str, words: Words, out: TextIO) -> None:
    shown: dict[str, int] = {}
    for finding in report.findings:
        if finding.severity != severity:
            continue
        seen = shown.get(finding.code, 0)
        shown[finding.code] = seen + 1
        if seen >= _SHOWN_PER_CODE:
            continue
        print(file=out)
        print(f"{words(f'audit.severity.{severity}')} {finding_text(finding, words)}", file=out)
        place = _place(finding, words)
        if place:
            print(f"    {place}", file=out)
        next_step = words.message(finding.code, words.named(_values(finding))).next_step
        if next_step:
            print(f"    → {next_step}", file=out)
        print(f"    [{finding.code}]", file=out)
    for (found, code), count in report.counts.items():
        if found == severity and count > _SHOWN_PER_CODE:
            print(words("audit.more", code=code, count=count - _SHOWN_PER_CODE), file=out)


def _place(finding: Finding, words: Words) -> str:
    parts: list[str] = []
    if finding.log:
        parts.append(words("audit.place.log", log=finding.log))
    if finding.seq:
        parts.append(words("audit.place.seq", seq=finding.seq))
    if finding.act:
        parts.append(words("audit.place.act", act=finding.act))
    if finding.case:
        parts.append(words("audit.place.case", case=finding.case))
    return " ".join(parts)


def _values(finding: Finding) -> dict[str, object]:
    return {
        "log": finding.log,
        "seq": finding.seq,
        "act": finding.act,
        "case": finding.case,
        **finding.params,
    }


def _count(report: Report, severity: str) -> int:
    return sum(count for (found, _), count in report.counts.items() if found == severity)
