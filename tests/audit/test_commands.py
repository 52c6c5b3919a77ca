"""The commands as people and programs use them: output, exit codes, languages, documentation."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from audit import cli
from audit.checking.codes import severities
from audit.telling.words import Words
from ledger.facade import Command, Home, Ledger
from ledger.texts import catalogue
from tests.audit.forge import append_act, log_of
from tests.audit.ledgers import CLERK, NOON_MS, VILLAGE, StepClock, Stream, ask, hurt, make_ledger, receive
from tests.house.sources import pure

DOCS = Path(__file__).parents[2] / "docs" / "audit.md"
HOUR_MS = 3_600_000


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BANJIAN_LANG", "en")
    monkeypatch.delenv("BANJIAN_DIR", raising=False)


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    code = cli.main([str(word) for word in words])
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    return code, out, err


def test_verify_as_json_is_one_object(sound: Home, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "verify", sound.path, "--json")
    report = json.loads(out)
    assert (code, err) == (0, "")
    assert report["ok"] is True and report["records"] == 50
    assert {"code", "severity"} <= set(report["findings"][0])
    assert report["counts"] == {"error": 0, "warning": 1, "notice": 1}


def test_verify_of_a_changed_file_exits_1(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hurt(copy, "UPDATE heads SET recorded_at_ms = recorded_at_ms + 1")
    code, out, _ = run(capsys, "verify", copy, "--json")
    assert code == 1 and json.loads(out)["ok"] is False
    code, out, _ = run(capsys, "verify", copy)
    assert code == 1 and "[head.row]" in out and "errors found" in out


@pytest.mark.parametrize(
    "words",
    [
        ("verify", "/nowhere/at/all"),
        ("verify",),
        ("verify", ".", "--trust", "/nowhere"),
        ("verify", ".", "--workers", "0"),
        ("nonsense",),
        ("replay", "a", "b", "c"),
    ],
)
def test_what_cannot_run_exits_2_and_says_why(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, *words)
    assert code == 2 and out == "" and err.strip().endswith("]")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nonsense",), "audit.command_unknown"),
        (("--lang", "zh"), "audit.command_missing"),
        (("verify",), "audit.missing"),
        (("replay",), "audit.missing"),
        (("verify", ".", "--trsut", "x"), "audit.option_unknown"),
        (("verify", ".", "--trust"), "audit.option_value"),
        (("verify", ".", "--json=1"), "audit.option_no_value"),
        (("verify", "甲", "乙", "丙"), "audit.extra"),
        (("verify", ".", "--lang", "fr"), "audit.choice"),
        (("verify", ".", "--workers", "0"), "audit.number"),
        (("verify", ".", "--workers", "many"), "audit.number"),
    ],
)
def test_a_wrong_command_is_told_in_the_readers_language(
    words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BANJIAN_LANG", "zh")
    code, out, err = run(capsys, *words)
    assert (code, out) == (2, "") and err.rstrip().endswith(f"[{said}]")
    names = r"banjian-audit|PATH|CASE|FILE|verify|replay|show-act|checkpoint|trust|nonsense|--?[a-z-]+|zh|en"
    prose = re.sub(names, "", err.rpartition("[")[0])
    assert not re.search(r"[A-Za-z{}]", prose), prose


def test_without_a_word_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys)
    assert code == 0 and "show-act" in out and err == ""


def test_chinese_is_spoken_where_no_language_is_named(
    sound: Home, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("BANJIAN_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    assert "没有发现错误" in run(capsys, "verify", sound.path)[1]
    assert "no error found" in run(capsys, "verify", sound.path, "--lang", "en")[1]


def test_trust_file_pins_the_ledger(sound: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "trust", sound.path)
    assert code == 0 and "phone" in err
    file = tmp_path / "trust.txt"
    file.write_text(out, encoding="utf-8")
    _, out, _ = run(capsys, "verify", sound.path, "--trust", file, "--json")
    assert json.loads(out)["pinned"] is True
    assert "trust.unpinned" not in out
    stranger = make_ledger(tmp_path / "stranger", cases=1, seed="stranger")
    code, out, _ = run(capsys, "verify", stranger.path, "--trust", file, "--json")
    assert code == 1 and "trust.other_ledger" in out
    file.write_text("ledger_id = 12\n")
    assert run(capsys, "verify", sound.path, "--trust", file)[0] == 2


def test_kept_checkpoints_are_taken_back(
    sound: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capsys, "checkpoint", sound.path)
    assert code == 0 and out.count("banjian/log/") == 10
    file = tmp_path / "kept.txt"
    file.write_text(out, encoding="utf-8")
    code, told, _ = run(capsys, "verify", sound.path, "--against", file, "--json")
    findings = json.loads(told)["findings"]
    assert code == 0 and [one["code"] for one in findings].count("copy.consistent") == 5
    # One that would be cut off where a note ends passes for nothing less than the whole.
    room = 1 << 20
    file.write_text("\n" * (room - len(out.encode("utf-8"))) + out * 2, encoding="utf-8")
    code, _, err = run(capsys, "verify", sound.path, "--against", file)
    assert code == 2 and "[audit.file_long]" in err
    file.write_text("nothing of the kind\n")
    assert run(capsys, "verify", sound.path, "--against", file)[0] == 2


def test_storage_key_opens_personal_bodies(sound: Home, capsys: pytest.CaptureFixture[str]) -> None:
    key = sound.secrets_dir / "storage.key"
    _, out, _ = run(capsys, "verify", sound.path, "--storage-key", key, "--json")
    assert "personal.sealed" not in out
    assert run(capsys, "verify", sound.path, "--storage-key", sound.database_path)[0] == 2


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, str]:
    """A case with a note of the next day and an act that has no effect."""
    home = make_ledger(tmp_path_factory.mktemp("told") / "home", cases=0)
    clock = StepClock(NOON_MS + HOUR_MS)
    with Ledger.open(home, clock=clock, randomness=Stream("told"), write=True) as ledger:
        case_id = receive(ledger, 1)
        clock.at_ms += 24 * HOUR_MS
        ledger.perform(Command(action="note", station=VILLAGE, case=case_id, facts={"note_code": "n"}), CLERK)
    ((head,),) = ask(home.path, "SELECT act_id FROM acts WHERE action = 'note'")
    assert isinstance(head, bytes)
    village = log_of(home.path, "station", VILLAGE)
    append_act(home, village, CLERK, action="issue", facts={}, case_id=case_id, parents=(head,))
    return home, case_id.hex()


def test_replay_tells_every_act(told: tuple[Home, str], capsys: pytest.CaptureFixture[str]) -> None:
    home, case = told
    code, out, _ = run(capsys, "replay", home.path, case, "--json")
    replay = json.loads(out)
    assert code == 0
    assert [act["action"] for act in replay["acts"]] == ["receive", "note", "issue"]
    assert [act["effective"] for act in replay["acts"]] == [True, True, False]
    assert replay["acts"][2]["reason"] and replay["acts"][2]["reason_text"]
    assert replay["acts"][0]["staff_no"] == "S001" and replay["acts"][0]["roles"] == ["window"]
    code, out, _ = run(capsys, "replay", home.path, replay["number"])
    assert code == 0 and "no effect" in out and "S001 (counter clerk)" in out and "effective" in out
    _, out, _ = run(capsys, "replay", home.path, replay["number"], "--lang", "zh")
    assert "S001 (窗口人员)" in out and "window" not in out and "officer" not in out


def test_replay_as_of_and_as_known_at(told: tuple[Home, str], capsys: pytest.CaptureFixture[str]) -> None:
    home, case = told
    for option in ("--as-of", "--known-at"):
        _, out, _ = run(capsys, "replay", "--dir", home.path, case[:10], option, "2026-03-03", "--json")
        replay = json.loads(out)
        assert [act["action"] for act in replay["acts"]] == ["receive"] and replay["left_out"] == 2
    for option, said in (("--known-at", "audit.not_recorded"), ("--as-of", "audit.not_received")):
        code, _, err = run(capsys, "replay", home.path, case, option, "2026-03-03 11:00")
        assert code == 1 and said in err and "At 2026-03-03 11:00:00" in err and "2026-03-03 13:00" in err
    assert run(capsys, "replay", home.path, case, "--as-of", "soon")[0] == 2


def test_replay_takes_the_beginning_of_a_number(sound: Home, capsys: pytest.CaptureFixture[str]) -> None:
    ((case,), *_) = ask(sound.path, "SELECT case_id FROM acts WHERE action = 'receive' ORDER BY seq")
    assert isinstance(case, bytes)
    number = json.loads(run(capsys, "replay", sound.path, case.hex(), "--json")[1])["number"]
    typed = number.rpartition("-")[0].lower()
    for ref in (number, typed, typed.replace("-", ""), f" {typed.replace('-', '－')}"):
        code, out, _ = run(capsys, "replay", sound.path, ref, "--json")
        assert code == 0 and json.loads(out)["number"] == number, ref
    code, _, err = run(capsys, "replay", sound.path, number[:12])
    assert code == 1 and "case.ambiguous" in err and number[:12] in err and "{" not in err
    told = re.findall(r"([0-9a-f]{8}) \(([0-9A-Z-]{30,})\)", err)
    assert told
    for short, number in told:
        assert json.loads(run(capsys, "replay", sound.path, short, "--json")[1])["number"] == number


def test_replay_of_nothing(told: tuple[Home, str], capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "replay", told[0].path, "ffffffff")
    assert code == 1 and "case.unknown" in err


def test_a_training_ledger_says_so_everywhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = make_ledger(tmp_path / "home", cases=1, purpose="training")
    ((case,),) = ask(home.path, "SELECT case_id FROM acts WHERE action = 'receive'")
    assert isinstance(case, bytes)
    for words in (
        ("verify", home.path),
        ("replay", home.path, case.hex()),
        ("show-act", home.path, case.hex()),
    ):
        assert run(capsys, *words)[1].startswith("[TRAINING]"), words
        assert run(capsys, *words, "--lang", "zh")[1].startswith("【演练】"), words
    for command in ("replay", "show-act"):
        assert json.loads(run(capsys, command, home.path, case.hex(), "--json")[1])["training"] is True


def test_show_act(told: tuple[Home, str], capsys: pytest.CaptureFixture[str]) -> None:
    home, case = told
    code, out, _ = run(capsys, "show-act", home.path, case[:12], "--json")
    shown = json.loads(out)
    assert code == 0 and shown["header"]["action"] == "receive" and shown["faults"] == []
    assert shown["training"] is False
    assert (
        json.loads(run(capsys, "show-act", home.path, f"{case[:4].upper()} {case[4:8]}", "--json")[1])
        == shown
    )
    village = log_of(home.path, "station", VILLAGE)
    assert run(capsys, "show-act", home.path, f"{village}:2")[0] == 0
    code, _, err = run(capsys, "show-act", home.path, f"{village}:99")
    assert code == 1 and "audit.act_unknown" in err
    for odd in ("zz", f"{village}:{2**63}", f"{village}:{'9' * 5000}", case[:4], "7" * 65):
        code, _, err = run(capsys, "show-act", home.path, odd)
        assert code == 1 and "audit.act_unknown" in err, odd[:40]


def test_as_a_process_without_the_store_and_the_network(sound: Home) -> None:
    script = (
        "import sys; from audit.cli import main; code = main(sys.argv[1:]);"
        "loaded = {name.partition('.')[0] for name in sys.modules};"
        "print(sorted(loaded & {'eventsourcing', 'aiohttp', 'psycopg'}));"
        "sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "verify", str(sound.path), "--lang", "en"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=DOCS.parents[1],
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.rstrip().endswith("[]")


def _process(*words: object, stdout: int) -> tuple[int, str]:
    """Run the command with an output of its own and return exit code and what stands on stderr."""
    done = subprocess.run(
        [sys.executable, "-m", "audit.cli", *(str(word) for word in words), "--lang", "en"],
        stdout=stdout,
        stderr=subprocess.PIPE,
        cwd=DOCS.parents[1],
        check=False,
    )
    return done.returncode, done.stderr.decode("utf-8")


@pytest.mark.skipif(sys.platform == "win32", reason="pipes without reader are told differently there")
def test_a_reader_that_went_away_does_not_change_the_verdict(sound: Home, copy: Path) -> None:
    hurt(copy, "UPDATE heads SET recorded_at_ms = recorded_at_ms + 1")
    reader, writer = os.pipe()
    os.close(reader)
    try:
        assert _process("verify", sound.path, stdout=writer) == (0, "")
        assert _process("verify", sound.path, "--json", stdout=writer) == (0, "")
        assert _process("verify", copy, stdout=writer) == (1, "")
        assert _process("verify", "--help", stdout=writer) == (0, "")
        code, err = _process("trust", sound.path, stdout=writer)
        assert code == 0 and "phone" in err
    finally:
        os.close(writer)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_a_full_disk_is_said_and_is_no_fault_of_the_program(sound: Home) -> None:
    with open("/dev/full", "wb") as full:
        for words in (("verify", sound.path), ("verify", sound.path, "--json"), ("checkpoint", sound.path)):
            code, err = _process(*words, stdout=full.fileno())
            assert code == 2 and err.rstrip().endswith("[audit.output]") and "Exception" not in err


def test_every_command_and_option_is_documented() -> None:
    text = DOCS.read_text(encoding="utf-8")
    around = cli.Surroundings(out=sys.stdout, err=sys.stderr, env={}, words=Words("en"), now_ms=0)
    for name, command in cli.build_cli(around).commands.items():
        assert f"### banjian-audit {name}" in text
        for param in command.params:
            if isinstance(param, click.Option) and param.expose_value:
                assert all(option in text for option in param.opts), (name, param.opts)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_code_of_the_audit_has_a_text(language: str) -> None:
    texts = catalogue(language)  # type: ignore[arg-type]
    folder = Path(cli.__file__).parent
    pattern = re.compile(
        r"(?:error|warning|notice|words|_find|_block|Error|message)\("
        r'\s*(?:error, |warning, |notice, )?"([a-z_]+\.[a-z_.]+)"'
    )
    codes = {code for path in folder.rglob("*.py") for code in pattern.findall(path.read_text("utf-8"))}
    assert len(codes) > 60
    missing = sorted(code for code in codes if code not in texts)
    assert missing == []


def test_every_finding_is_listed_once_the_code_names_it() -> None:
    """Nothing is listed that no code can find, and no finding is left out of the list."""
    folder, ledger = Path(cli.__file__).parent, Path(cli.__file__).parents[1] / "ledger"
    audit = {path.name: path.read_text("utf-8") for path in folder.rglob("*.py") if path.name != "codes.py"}
    listed = set(severities())
    made = re.compile(
        r"(?:\berror|\bwarning|\bnotice|_find|_block|make)\("
        r'\s*(?:error, |warning, |notice, )?"([a-z_]+\.[a-z_.]+)"'
    )
    refusals = {
        code
        for path in (ledger / "registry").glob("*.py")
        for code in re.findall(r'code="([a-z_.]+)"', path.read_text("utf-8"))
    }
    findings = {code for text in audit.values() for code in made.findall(text)} | refusals
    assert len(findings) > 100
    assert sorted(findings - listed) == []
    folded = "".join(source.text for source in pure())
    assert sorted(set(re.findall(r'"(case\.finding\.[a-z_]+)"', folded)) - listed) == []
    sources = "".join(audit.values()) + folded
    generic = {"frame.field", "entry.field", "entry.version", "act.version", "act.field", "genesis.version"}
    assert sorted(code for code in listed - generic if f'"{code}"' not in sources) == []
    for language in ("zh", "en"):
        assert sorted(code for code in listed if code not in catalogue(language)) == []  # type: ignore[arg-type]


def test_both_languages_have_the_same_audit_codes() -> None:
    folder = Path(cli.__file__).parents[1] / "ledger" / "texts"
    codes = [
        re.findall(r'^\["([^"]+)"\]', (folder / language / "audit.toml").read_text("utf-8"), re.MULTILINE)
        for language in ("zh", "en")
    ]
    assert codes[0] == codes[1] and len(codes[0]) == len(set(codes[0]))


def test_verify_names_an_action_as_people_do(
    told: tuple[Home, str], capsys: pytest.CaptureFixture[str]
) -> None:
    home, _ = told
    _, out, _ = run(capsys, "verify", home.path, "--lang", "zh")
    assert "“制证”不起作用" in out and "“issue”" not in out


@pytest.mark.parametrize("words", [("-h",), ("verify", "-h"), ("replay", "--help")])
def test_a_help_page_speaks_one_language(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--lang", "zh", *words]) == 0
    told = capsys.readouterr().out
    assert told.startswith("用法：banjian-audit") and "显示这一页。" in told
    for english in ("Usage", "Options", "OPTIONS", "Show this", "Commands"):
        assert english not in told
    assert cli.main(["--lang", "en", *words]) == 0
    assert capsys.readouterr().out.startswith("Usage: banjian-audit")
