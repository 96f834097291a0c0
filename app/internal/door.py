"""The operations: /internal/v1/holds, debits, unwinds, grants and batch."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import msgspec
import psycopg
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.house import house
from app.internal import answers, requests, telling
from app.internal.callers import Caller, Callers
from app.internal.errors import Declined, Unavailable, invalid
from app.internal.requests import Wish
from app.internal.settings import InternalSettings
from app.internal.writer import Writer
from ledger.errors import Malformed, TryAgain

Answering = Callable[[Request], Awaitable[Response]]
PREFIX: Final = "/internal/v1"
RETRY_AFTER_SECONDS: Final = 1


@dataclass(frozen=True, slots=True)
class Door:
    """Who may come in, and who writes."""

    callers: Callers
    writer: Writer
    settings: InternalSettings

    def routes(self) -> list[Route]:
        """The doors of the operations."""
        return [
            self.route("/holds", self._alone(requests.Hold)),
            self.route("/holds/{hold_id}/start", self._alone(requests.Start)),
            self.route("/holds/{hold_id}/capture", self._alone(requests.Capture)),
            self.route("/holds/{hold_id}/release", self._alone(requests.Release)),
            self.route("/debits", self._alone(requests.Debit)),
            self.route("/unwinds", self._alone(requests.Unwind)),
            self.route("/grants", self._alone(requests.Grant)),
            self.route("/batch", self._batch),
        ]

    def route(self, path: str, answering: Answering, method: str = "POST") -> Route:
        """A door at `path`, every refusal answered in the one shape."""

        async def answered(request: Request) -> Response:
            # Where the log and the measures look for the path; the framework says it of its own routes alone.
            request.scope["route"] = route
            try:
                return await answering(request)
            except Declined as declined:
                return answers.failure(request, declined)
            except (Unavailable, TryAgain):
                return answers.failure(request, _UNAVAILABLE)
            except Malformed as error:
                return answers.failure(request, invalid(str(error)))
            except psycopg.errors.DatabaseError as error:
                if error.sqlstate not in _REFUSED_BY_THE_BOOK:
                    raise
                return answers.failure(request, invalid("the book takes no such amount or time"))

        route = Route(f"{PREFIX}{path}", answered, methods=[method])
        return route

    async def admit(self, request: Request, scope: str) -> Caller:
        """The service that calls, which may do this.

        raises: Declined
        """
        caller = await self.callers.admit(request.headers.get("authorization", ""))
        caller.must(scope)
        return caller

    async def body(self, request: Request) -> bytes:
        """The JSON that was sent."""
        return await requests.body(request, max_bytes=self.settings.body_max_bytes)

    def _alone(self, kind: type[Wish]) -> Answering:
        decode, scope = msgspec.json.Decoder(kind).decode, requests.SCOPES[kind]

        async def one(request: Request) -> Response:
            caller = await self.admit(request, scope)
            wish = requests.decoded(decode, await self.body(request))
            requests.name_hold(wish, request.path_params.get("hold_id"))
            dry = requests.dry_run(request)
            told = telling.tell(request, wish, caller, requests.key(wish, request, needed=not dry))
            if isinstance(wish, requests.Grant):
                # Or a grant to a name that was mistyped would open an account that is nobody's.
                await telling.must_exist(request, wish.agent_id)
            if dry:
                rows = await run_in_threadpool(telling.dry_run, house(request), [told])
            else:
                rows = await self.writer.write([told.line()])
            [row] = rows
            if not answers.is_done(row):
                return answers.failure(request, await telling.refusal(request, told, row), replayed=row[1])
            return answers.success(telling.done(told, row, dry=dry), replayed=row[1])

        return one

    async def _batch(self, request: Request) -> Response:
        caller = await self.callers.admit(request.headers.get("authorization", ""))
        asked = requests.decoded(_BATCH.decode, await self.body(request))
        for scope in dict.fromkeys(requests.SCOPES[type(wish)] for wish in asked.operations):
            caller.must(scope)
        if "idempotency-key" in request.headers:
            raise invalid("each operation of a batch has an idempotency_key of its own", "idempotency_key")
        dry = requests.dry_run(request)
        told = [
            telling.tell(request, wish, caller, requests.key(wish, request, needed=True))
            for wish in asked.operations
        ]
        strangers = await telling.strangers(request, asked.operations)
        wanted = [each for each in told if each.wish.agent_id not in strangers]
        if dry:
            rows = await run_in_threadpool(telling.dry_run, house(request), wanted)
        else:
            rows = await self.writer.write([each.line() for each in wanted]) if wanted else []
        left = iter(rows)
        results = [
            answers.item_failure(request, Declined("AGENT_NOT_FOUND"))
            if each.wish.agent_id in strangers
            else await telling.result(request, each, next(left), dry=dry)
            for each in told
        ]
        replayed = len(rows) == len(told) and all(row[1] for row in rows)
        return answers.success({"results": results, "dry_run": dry}, replayed=replayed)


_BATCH: Final = msgspec.json.Decoder(requests.Batch)
_UNAVAILABLE: Final = Declined(
    "SERVICE_UNAVAILABLE",
    "it may have been done or not; repeat with the same idempotency key",
    {"retry_after_seconds": RETRY_AFTER_SECONDS},
)
# What PostgreSQL says of a lot that ends before it begins, and of numbers and times too large for it.
_REFUSED_BY_THE_BOOK: Final = frozenset({"PR003", "22003", "22008"})
