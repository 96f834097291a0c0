"""The API under /v1: one way through authentication, version, idempotency and faults for every endpoint."""

import json
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from fastapi import FastAPI, Request, Response

from sandbox.stripe_twin import calls, faults, form, idempotency, identifiers, versions
from sandbox.stripe_twin.calls import Call
from sandbox.stripe_twin.endpoints import ENDPOINTS, Endpoint
from sandbox.stripe_twin.errors import Injected, NoSuchPath, StripeError
from sandbox.stripe_twin.models import Fault, SeenRequest
from sandbox.stripe_twin.store import Document
from sandbox.stripe_twin.world import World, log

EVERY_METHOD = ["GET", "POST", "PUT", "PATCH", "DELETE"]


@dataclass(frozen=True)
class Answer:
    """What goes back to the caller."""

    status: int
    body: Document
    call: Call | None = None
    replayed_from: str | None = None


def add_endpoints(application: FastAPI, world: World) -> None:
    """Open every endpoint, and refuse every other path in Stripe's words."""
    for method, path, endpoint in ENDPOINTS:
        application.add_api_route(
            path, doorway(world, path, endpoint), methods=[method], include_in_schema=False
        )
    application.add_api_route(
        "/{anything:path}",
        doorway(world, "unknown path", unknown_path),
        methods=EVERY_METHOD,
        include_in_schema=False,
    )


def unknown_path(world: World, call: Call) -> Document:  # noqa: ARG001 (the shape of an endpoint)
    """raises: NoSuchPath"""
    raise NoSuchPath(call.method, call.path)


def doorway(world: World, template: str, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
    """The handler that lets requests through to `endpoint`."""

    async def enter(request: Request) -> Response:
        seen = note(world, request)
        fault = faults.take(world.faults, request.method, request.url.path)
        if fault is not None and fault.kind == "drop":
            return await faults.cut(request)
        answer = await answered(world, endpoint, request, fault)
        # The template, never the path: ids of payments do not belong in a log.
        log.info("%s %s %s", request.method, template, answer.status)
        if fault is not None and fault.kind == "lost_answer":
            return await faults.cut(request)
        seen.status = answer.status
        return written(answer)

    return enter


def note(world: World, request: Request) -> SeenRequest:
    """Remember that the API was asked."""
    seen = SeenRequest(
        method=request.method,
        path=request.url.path,
        idempotency_key=request.headers.get("idempotency-key"),
        stripe_version=request.headers.get("stripe-version"),
    )
    world.seen.append(seen)
    return seen


async def answered(world: World, endpoint: Endpoint, request: Request, fault: Fault | None) -> Answer:
    """The answer to a request, whatever happens."""
    call: Call | None = None
    try:
        call = await read_call(world, request)
        if call.method == "POST" and call.idempotency_key is not None:
            return await once(world, endpoint, call, call.idempotency_key, fault)
        await faults.hang(fault)
        return perform(world, endpoint, call, fault)
    except StripeError as error:
        return Answer(error.status, error.body(), call)


async def read_call(world: World, request: Request) -> Call:
    """The request in the twin's words.

    raises: WrongKey, InvalidRequest
    """
    body = await request.body()
    livemode = calls.livemode(world.config, request.headers.get("authorization"))
    encoded = request.url.query if request.method in ("GET", "DELETE") else body.decode("utf-8", "replace")
    return Call(
        method=request.method,
        path=request.url.path,
        base_url=str(request.base_url).rstrip("/"),
        livemode=livemode,
        version=versions.served(
            request.headers.get("stripe-version", world.config.api_version), world.switches.oldest_preview
        ),
        nodes=form.decode(encoded),
        request_id=identifiers.new("req", length=14),
        idempotency_key=request.headers.get("idempotency-key") or None,
        names=dict(request.path_params),
    )


async def once(world: World, endpoint: Endpoint, call: Call, key: str, fault: Fault | None) -> Answer:
    """The answer to a POST with an idempotency key: the kept one if there is one.

    raises: StripeError
    """
    kept = idempotency.begin(world, call, key)
    if kept is not None:
        return Answer(kept["status"], kept["body"], call, replayed_from=kept["request_id"])
    try:
        await faults.hang(fault)
        with world.store.transaction():
            answer = perform(world, endpoint, call, fault)
            idempotency.keep(world, call, key, status=answer.status, body=answer.body)
        return answer
    finally:
        idempotency.end(world, call, key)


def perform(world: World, endpoint: Endpoint, call: Call, fault: Fault | None) -> Answer:
    """The answer of an endpoint that began its work, a 500 included.

    raises: StripeError if it refused before it began
    """
    try:
        with world.store.transaction():
            if fault is not None and fault.kind == "status":
                raise Injected(fault.status)
            done = Answer(200, endpoint(world, call), call)
            if fault is not None and fault.kind == "broken_answer":
                return Answer(fault.status, Injected(fault.status).body(), call)
            return done
    except StripeError as error:
        if not error.began:
            raise
        return Answer(error.status, error.body(), call)
    except Exception as error:
        log_bug(error)
        return Answer(500, Injected(500).body(), call)


def log_bug(error: Exception) -> None:
    """Log where something broke, and no values: they may be secret."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    log.error("bug: %s in %s line %s", type(error).__name__, place.name, place.lineno)


def written(answer: Answer) -> Response:
    """The answer on the wire."""
    headers = {"Request-Id": identifiers.new("req", length=14)}
    if answer.call is not None:
        headers["Request-Id"] = answer.call.request_id
        headers["Stripe-Version"] = str(answer.call.version)
        if answer.call.idempotency_key is not None:
            headers["Idempotency-Key"] = answer.call.idempotency_key
    if answer.replayed_from is not None:
        headers["Idempotent-Replayed"] = "true"
        headers["Original-Request"] = answer.replayed_from
    return Response(json.dumps(answer.body), answer.status, headers, media_type="application/json")
