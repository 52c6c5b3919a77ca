"""The page of an error: it says what is safe as every other page does, and asks nobody to read codes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.web.counterdesk import Counter, Desk, serving


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counter]:
    with serving(tmp_path_factory.mktemp("errors") / "county") as one:
        yield one


@pytest.mark.parametrize("path", ["/nowhere", f"/case/{'00' * 16}", "/receive/999", "/roster/0", "/pads/77"])
def test_what_is_safe_stands_on_the_page_of_an_error(counter: Counter, path: str) -> None:
    page = counter.desk("V1").get(path)
    assert page.status >= 400 and page.code
    assert 'id="safety"' in page.text and "已存本机" in page.text


def test_who_has_not_signed_in_reads_nothing_of_it(counter: Counter) -> None:
    page = Desk(counter.port).get("/nowhere")
    assert page.status == 404 and page.code == "web.no_page"
    assert 'id="safety"' not in page.text and "已存本机" not in page.text
