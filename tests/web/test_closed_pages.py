"""A page that is closed before its answer came is no fault of the station; what is typed stands in no log."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Iterator

import pytest

from tests.web.counterdesk import Counter, serving


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counter]:
    with serving(tmp_path_factory.mktemp("closed") / "county") as one:
        yield one


def test_a_page_that_is_closed_at_once_is_no_fault(
    counter: Counter, caplog: pytest.LogCaptureFixture
) -> None:
    desk = counter.desk("C1")
    cookie = "; ".join(f"{name}={value}" for name, value in desk.cookies.items())
    with caplog.at_level(logging.INFO, "banjian.web"):
        for _ in range(40):
            with socket.create_connection(("127.0.0.1", counter.port)) as line:
                line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                line.sendall(f"GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {cookie}\r\n\r\n".encode())
                time.sleep(0.002)
        assert desk.get("/more").status == 200
    assert not [line for line in caplog.records if "page failed" in line.getMessage()]


def test_an_address_that_is_too_long_stands_in_no_log(
    counter: Counter, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    desk = counter.desk("C1")
    with caplog.at_level(logging.DEBUG):
        assert desk.get("/find?q=" + "赵" * 4000).status == 400
    told = capfd.readouterr()
    logs = "".join(path.read_text("utf-8") for path in counter.folder.rglob("*.log"))
    for text in (caplog.text, told.out, told.err, logs):
        assert "%E8%B5%B5" not in text and "赵" not in text
