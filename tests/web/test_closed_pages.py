"""A page that is closed before its answer came is no fault of the station."""

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
