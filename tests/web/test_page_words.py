"""Nobody types a command at a counter: no text of a page names one, and no next step of an error does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal, get_args

import pytest
from click import Command, Context

from ledger.data import case_types
from ledger.texts import Language, catalogue
from stations.cli.main import machine
from stations.cli.tree import build_tree
from stations.texts import COMMAND, Say, words
from stations.web.cases.factforms import FILLED_IN
from stations.words.factpaths import leaves
from stations.words.fieldnames import field_name
from stations.words.naming import Names

WEB = Path(__file__).parents[2] / "stations" / "web"
LANGUAGES: tuple[Language, ...] = get_args(Literal["zh", "en"])
ELSEWHERE = ("audit.", "copy.", "trust.", "sentinel.", "demo.", "exit.", "cmd.")
"""Areas whose texts only the two command lines show."""
TECHNICIAN = frozenset((
    "cli.no_directory", "cli.no_terminal", "county.accept_confirm", "doctor.file_left", "doctor.log_beside",
    "doctor.head_alone", "doctor.head_behind", "doctor.lists_differ", "doctor.log_not_counted",
    "doctor.acts_astray", "doctor.case_keys_missing", "doctor.feeds_lack", "doctor.tree_lacks",
    "doctor.county_seen_lost", "doctor.merged_differ", "doctor.rules_without_facts", "doctor.pages_damaged",
    "doctor.county_seen_order",
    "doctor.postgres_checksums", "erase.confirm", "erase.other_act", "home.in_file",
    "ledger.changed_outside", "ledger.registry_unfounded", "ledger.rules_changed", "log.disowned",
    "doctor.no_server", "join.confirm", "join.peer", "join.staff", "key.other_person", "key.passphrase_open",
    "key.passwd_file", "key.several", "ledger.no_station",
    "ledger.second_registry", "log.beside_chain", "log.head", "log.no_checkpoint", "log.nodes_unfounded",
    "log.sentinel_other", "personal.cipher", "personal.sealed",
    "pki.csr_algorithm", "receive.head_unsigned", "registry.choose", "registry.none_waiting", "serve.answer",
    "serve.log", "store.journal", "store.not_stored", "store.row_missing", "store.schema_foreign",
    "tls.certificate_ended", "tls.other_station", "web.address",
    "certificates.clock", "invite.no_address", "join.choose_one",
))  # fmt: skip
"""Errors for which a page asks for the county's technician: nothing at a counter helps."""

ONLY_TYPED = {"import.dry_run", "import.waiting_next", "import.template"}
"""Words of importing by command; pages take others that begin alike."""


def _codes() -> list[str]:
    return [code for code in catalogue("zh") if not code.startswith(ELSEWHERE)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_error_of_a_page_names_a_command(language: Language) -> None:
    say = Say(language=language, page=True)
    told = {code: say.message(code, {}) for code in _codes()}
    named = [code for code, one in told.items() if COMMAND.search(one.what) or COMMAND.search(one.next_step)]
    assert named == []
    asks = say("page_technician")
    assert {code for code, one in told.items() if one.next_step == asks} == TECHNICIAN


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_command_line_keeps_its_commands(language: Language) -> None:
    """What a page says differs where the text of the command line names a command, and only there."""
    page, line = Say(language=language, page=True), Say(language=language)
    for code in _codes():
        on_page, typed = page.message(code, {}), line.message(code, {})
        if on_page != typed:
            either = f"{typed.what} {typed.next_step} {catalogue('en')[code].get('next', '')}"
            assert COMMAND.search(either) or re.search("banjian|命令|backup_dir", either), code


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_words_of_a_page_name_a_command(language: Language) -> None:
    begin = ("web.", "page", *_used())
    shown = {key: text for key, text in words(language).items() if key.startswith(begin)}
    assert len(shown) > 800
    assert {key for key, text in shown.items() if COMMAND.search(text)} == ONLY_TYPED


def _used() -> tuple[str, ...]:
    """Return what else templates and pages name of the words: whole keys, and beginnings of keys."""
    files = [*WEB.rglob("*.html"), *WEB.rglob("*.py")]
    text = "\n".join(path.read_text("utf-8") for path in files)
    keys = set(re.findall(r"""\b(?:t|say)\(\s*f?["']([a-z_]+\.[a-z_.]*)""", text))
    assert {"role.", "head.person"} <= keys
    return tuple(sorted(keys))


def test_no_field_of_a_form_asks_for_a_code() -> None:
    say = Say(language="zh", page=True)
    labels = {
        field_name(say, action.code, ".".join(path))
        for case_type in case_types()
        for action in case_type.actions.values()
        for path, _, _ in leaves(action.facts)
        if ".".join(path) not in FILLED_IN
    }
    assert len(labels) > 50
    assert [one for one in labels if re.search("[A-Za-z]{2,}|代码或|编码或|编号前", one)] == []


def test_no_template_names_a_command() -> None:
    for path in [*WEB.rglob("*.html"), *(WEB / "static").glob("*.js")]:
        assert not re.search(r"banjian(?:-audit)? [a-z]", path.read_text("utf-8")), path


def test_every_command_is_found_in_a_text() -> None:
    """The pattern that the others rest on knows every command that there is."""
    names = build_tree(Say(language="en"), [], machine()).list_commands(Context(Command("banjian")))
    assert len(names) > 20
    for name in names:
        assert COMMAND.search(f"请运行 banjian {name}。"), name
    for text in ("加 --level", "banjian-audit verify", "`make`", "banjian.toml"):
        assert COMMAND.search(text), text


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_field_of_a_form_has_its_name_on_a_page(language: Language) -> None:
    params = {"action": "receive", "field": "late_entry", "expected": "map", "value": "x", "name": "x"}
    line = Names(Say(language=language)).message("case.facts_missing", params)
    page = Names(Say(language=language, page=True)).message("case.facts_missing", params)
    assert "--" in line.what + line.next_step and "--" not in page.what + page.next_step


def test_a_refusal_names_what_was_chosen_as_the_form_does() -> None:
    names = Names(Say(language="zh", page=True))
    told = names.message("case.proof_unfit", {"method": "counter", "proof": "courier_receipt"})
    assert "快递签收单" in told.what and not re.search("[a-z]", told.what)
    assert not re.search("[a-z]", names.message("case.unlawful_ground", {"ground": "hearing"}).what)
