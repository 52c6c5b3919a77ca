"""Every page of the counter's further work: both languages, nobody signed in, forms of other sites."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.web.counterdesk import Counter, Desk, serving

PAGES = (
    "/platform", "/platform/list", "/platform/differences", "/rosters", "/pads", "/orders", "/sticks",
    "/more",
)  # fmt: skip
FORMS = (
    "/platform/enter", "/platform/list", "/platform/link", "/rosters", "/pads", "/orders", "/orders/answer",
    "/sticks/register", "/sticks/write", "/sticks/read", "/attach", "/roster/0/tick", "/roster/0/sign",
)  # fmt: skip
RAW_KEY = re.compile(r">\s*(?:web|head|platform|field|value|document)\.[a-z_.]+\s*<")


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counter]:
    with serving(tmp_path_factory.mktemp("pages") / "county") as one:
        yield one


@pytest.fixture(scope="module")
def desk(counter: Counter) -> Desk:
    return counter.desk("V1")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_each_page_speaks_both_languages_without_a_bare_key(desk: Desk, language: str) -> None:
    desk.post("/language", {"language": language, "next": "/more"})
    try:
        for path in PAGES:
            page = desk.get(path)
            assert page.status == 200 and not RAW_KEY.search(page.text), path
            assert ('lang="zh-CN"' in page.text.partition("<body")[0]) == (language == "zh"), path
            assert "style=" not in page.text and "<script>" not in page.text, path
            labels = set(re.findall(r'<label for="([^"]+)"', page.text))
            for field in re.findall(r'<(?:input|select|textarea) [^>]*id="([^"]+)"', page.text):
                assert field in labels or field == "find", (path, field)
    finally:
        desk.post("/language", {"language": "zh", "next": "/more"})


def test_nobody_signed_in_sees_nothing(counter: Counter) -> None:
    stranger = Desk(counter.port)
    stranger.word = stranger.get("/sign-in").field("form")
    for path in PAGES:
        assert "passphrase" in stranger.get(path).text, path
    for path in FORMS:
        answer = stranger.send(path, {"count": "10"})
        assert answer.status == 303 and answer.headers["Location"].startswith("/sign-in"), path


def test_a_form_of_another_site_does_nothing(desk: Desk) -> None:
    word, desk.word = desk.word, "0" * 48
    try:
        for path in FORMS:
            answer = desk.send(path, {"count": "10"})
            assert (answer.status, answer.code) == (403, "web.form"), path
    finally:
        desk.word = word


def test_a_file_that_is_too_large_is_refused(desk: Desk) -> None:
    answer = desk.send("/platform/list", {}, {"file": ("a.xlsx", bytes(22 << 20))})
    assert (answer.status, answer.code) == (413, "web.too_large")
