"""A day at one counter: plays to the end, marked as training, and leaves a ledger that verifies."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Result, Terminal


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """The day, played once."""
    folder = tmp_path_factory.mktemp("demo") / "kept"
    return folder, Terminal().ok("demo", "--counter", "--keep", str(folder), "--json")


def test_it_plays_to_the_end(played: tuple[Path, Result]):
    answer = played[1].json
    assert answer["ok"] and answer["commands"] > 60 and len(answer["steps"]) == answer["commands"]
    assert played[1].err == ""


def test_every_screen_says_training_and_none_shows_a_traceback(played: tuple[Path, Result]):
    for step in played[1].json["steps"]:
        assert "Traceback" not in step["output"] and "[internal]" not in step["output"]
        if step["exit_code"] == 0:
            assert "演练" in step["output"] or '"training":true' in step["output"], step["command"]


def test_it_shows_what_an_office_wants_to_see(played: tuple[Path, Result]):
    text = "\n".join(step["output"] for step in played[1].json["steps"])
    for words in (
        "代收代办", "▲ 黄灯", "■ 红灯", "‖ 暂停计时", "已作废", "（补录）", "待补正",
        "[case.unlawful_ground]", "有冲突", "已被裁定为不采用",
        "[case.same_person]", "[case.proof_refused]", "超过承诺时限", "结论：没有发现错误",
    ):  # fmt: skip
        assert words in text, words


def test_one_can_go_on_by_hand_where_it_ended(played: tuple[Path, Result]):
    folder = played[0]
    terminal = Terminal(folder=folder / "ledger")
    terminal.clock.set("2026-03-20 09:00")
    assert len(terminal.ok("worklist", "--all", "--json").lines) == 6
    assert (folder / "cases.xlsx").stat().st_size > 4_000
    secret = (folder / "passphrase.txt").read_text(encoding="utf-8").strip()
    terminal.passphrase = secret
    assert terminal.ok("receive", "林木采伐", "--as", "V001", "--name", "吴老根", "--materials", "all").number
