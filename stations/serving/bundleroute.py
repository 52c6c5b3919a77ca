"""The local socket's route for bundles: the server runs the job, step by step, and tells each step as a line.

Between two steps other work gets its turn on the thread that owns the ledger. When the caller goes away, the
job ends after its step: what was taken in is stored, parts that were written are whole.
"""

from __future__ import annotations

import json
from concurrent.futures import Executor

from aiohttp import web

from ledger.errors import BanjianError, ConfigError
from ledger.facade.base.clock import Clock, Randomness
from stations.serving.bundlejobs import BundleJob, Step, decode_job, run_job
from stations.serving.ledgerthread import LedgerThread
from stations.serving.wire import encode_error, error_object

PATH = "/bundle"
LINES = "application/x-ndjson"
_REFUSED = 409


def add_bundle_route(
    application: web.Application,
    thread: LedgerThread,
    *,
    clock: Clock,
    randomness: Randomness,
    cores: Executor,
) -> None:
    """Add the route to the server's local application; records of an import are verified on ``cores``."""

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            job = _job(await request.text())
            steps = await thread.exchange(
                lambda exchange: run_job(exchange, job, clock=clock, randomness=randomness, cores=cores)
            )
        except BanjianError as error:
            return web.Response(text=encode_error(error), status=_REFUSED, content_type="application/json")
        response = web.StreamResponse(headers={"Content-Type": LINES})
        await response.prepare(request)
        try:
            while (step := await thread.exchange(lambda _: next(steps, None))) is not None:
                await response.write(_line(step))
        except BanjianError as error:
            await response.write(_line({"step": "error", **error_object(error)}))
        await response.write_eof()
        return response

    application.router.add_post(PATH, answer)


def _job(text: str) -> BundleJob:
    try:
        held = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError("serve.request") from error
    if not isinstance(held, dict):
        raise ConfigError("serve.request")
    return decode_job(held)


def _line(step: Step) -> bytes:
    return json.dumps(step, ensure_ascii=False).encode("utf-8") + b"\n"
