"""The county after its demonstration: village, township and county serve their pages until Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from ledger.facade.base.clock import Clock, SystemClock
from stations.config import load_config
from stations.county.founding import home_of
from stations.county.people import REGISTRAR_NO, Person, staff_of
from stations.county.plan import Place, Plan
from stations.server import Listening, StationServer

FIRST_PAGES_PORT = 8721


@dataclass(frozen=True, slots=True, kw_only=True)
class Alive:
    """One station that serves.

    Attributes:
        pages: address for a browser.
        people: who can sign in there.
    """

    place: Place
    pages: str
    people: tuple[Person, ...]


class GoingOn:
    """A clock that goes on from a moment: the lights of a demonstration stay what they were.

    Args:
        from_ms: the moment, in milliseconds since 1970.
    """

    def __init__(self, from_ms: int) -> None:
        self._machine = SystemClock()
        self._offset_ms = from_ms - self._machine.monotonic_ms()

    def now_ms(self) -> int:
        """Return the moment, by the machine's counter."""
        return self._offset_ms + self._machine.monotonic_ms()

    def monotonic_ms(self) -> int:
        """Return the machine's counter."""
        return self._machine.monotonic_ms()

    def boot_id(self) -> bytes:
        """Return the id of the machine's boot."""
        return self._machine.boot_id()


def shown_places(plan: Plan) -> tuple[Place, ...]:
    """Return the stations that serve, each above the next: county, township, village."""
    village = plan.villages[0]
    return (plan.county, plan.place(village.upstream), village)


def serve_county(plan: Plan, folder: Path, *, from_ms: int, told: Callable[[Sequence[Alive]], None]) -> None:
    """Serve until the process is asked to stop.

    Args:
        told: is given the stations once all of them serve.
    """
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(plan, folder, GoingOn(from_ms), told))


async def _serve(plan: Plan, folder: Path, clock: Clock, told: Callable[[Sequence[Alive]], None]) -> None:
    stop = asyncio.Event()
    if sys.platform != "win32":
        for asked in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(asked, stop.set)
    running: list[asyncio.Task[None]] = []
    alive: list[Alive] = []
    try:
        for number, place in enumerate(shown_places(plan)):
            if stop.is_set():
                break
            task, pages = await _start(folder, place, clock, stop, port=free_port(FIRST_PAGES_PORT + number))
            running.append(task)
            people = [one for one in staff_of(place, seed=plan.seed) if not one.is_service]
            if not place.upstream:
                people.append(Person(staff_no=REGISTRAR_NO, name="李登记", station=place.station, roles=()))
            alive.append(Alive(place=place, pages=pages, people=tuple(people)))
        if not stop.is_set():
            told(alive)
        await stop.wait()
    finally:
        stop.set()
        # The lowest first: what it still has may go up while the others answer.
        for task in reversed(running):
            await task


async def _start(
    folder: Path, place: Place, clock: Clock, stop: asyncio.Event, *, port: int
) -> tuple[asyncio.Task[None], str]:
    home = home_of(folder, place)
    config = replace(load_config(home.path), web=f"127.0.0.1:{port}")
    listening: asyncio.Future[Listening] = asyncio.get_running_loop().create_future()
    server = StationServer(
        home, config=config, clock=clock, randomness=os.urandom, started=listening.set_result
    )
    task = asyncio.create_task(server.run(stop))
    await asyncio.wait((task, listening), return_when=asyncio.FIRST_COMPLETED)
    if not listening.done():
        await task
    at = listening.result()
    if at.fault is not None:
        raise at.fault
    return task, at.pages


def free_port(wanted: int) -> int:
    """Return a port that nobody listens on: the wanted one, else any."""
    for port in (wanted, 0):
        with socket.socket() as tried, suppress(OSError):
            tried.bind(("127.0.0.1", port))
            return int(tried.getsockname()[1])
    return wanted
