"""How often somebody may knock: counted in Redis for all processes, and here alone while Redis is away."""

import asyncio
import math
import time
from dataclasses import dataclass
from typing import Any, Final, Literal

import redis
from limits import RateLimitItem, RateLimitItemPerMinute, RateLimitItemPerSecond
from limits.aio.storage import RedisStorage as AsyncRedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter as AsyncCounter
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import SlidingWindowCounterRateLimiter as Counter
from redis import ConnectionPool
from redis.asyncio import ConnectionPool as AsyncPool
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.errors import RateLimited
from app.settings import LimitSettings

Kind = Literal["status", "quote", "purchase", "other", "signup", "stranger", "visit"]
"""Of agents, by their id: status, quote, purchase and all other requests. Of addresses: signup, stranger,
who shows a token that is none, and visit, at a door that needs no token."""

ANSWER_SECONDS: Final = 0.05
CONNECTIONS: Final = 16
AWAY_SECONDS: Final = 5.0
_GONE: Final = (redis.RedisError, OSError)


@dataclass(frozen=True, slots=True)
class Rule:
    """So many knocks in so many seconds; `item` is the same in the words of the library."""

    kind: Kind
    most: int
    seconds: int
    item: RateLimitItem

    def refusal(self, reset_time: float) -> RateLimited:
        """What is said to who comes too early. `reset_time` is in seconds since 1970."""
        seconds = min(max(1, math.ceil(reset_time - time.time())), self.seconds)
        return RateLimited(seconds, policy=self.kind, most=self.most, window_seconds=self.seconds)


class _Redis:
    """The counters that all processes share, for threads and for the event loop."""

    def __init__(self, url: str) -> None:
        # A second try is not worth waiting for: this process counts alone meanwhile.
        patience: dict[str, Any] = {
            "socket_timeout": ANSWER_SECONDS,
            "socket_connect_timeout": ANSWER_SECONDS,
        }
        self._pool = ConnectionPool.from_url(url, retry=Retry(NoBackoff(), 0), **patience)
        self._looping_pool = AsyncPool.from_url(url, retry=AsyncRetry(NoBackoff(), 0), **patience)
        # What it does not know itself, the library passes on to the client.
        looping: dict[str, Any] = {"connection_pool": self._looping_pool}
        self.from_thread = Counter(RedisStorage(url, connection_pool=self._pool))
        self.from_loop = AsyncCounter(AsyncRedisStorage(f"async+{url}", implementation="redispy", **looping))

    async def close(self) -> None:
        """Close every connection."""
        self._pool.disconnect()
        await self._looping_pool.aclose()


class Limits:
    """The counters of this process. Nobody waits for a Redis that is away, and nobody is refused for it."""

    def __init__(self, settings: LimitSettings | None, *, redis_url: str | None = None) -> None:
        """Count by these settings; everybody passes without any. Without Redis this process counts alone."""
        self._rules = _rules(settings) if settings is not None else {}
        self._here = Counter(MemoryStorage()) if self._rules else None
        self._redis = _Redis(redis_url) if redis_url is not None and self._rules else None
        self._away_until = 0.0
        # Five hundred who come at once need no connection each, and would all wait too long for one.
        self._turn = asyncio.Semaphore(CONNECTIONS)

    @property
    def rules(self) -> tuple[Rule, ...]:
        """What is counted here; empty if nobody is limited."""
        return tuple(self._rules.values())

    async def hit(self, kind: Kind, identity: str) -> None:
        """Count a knock, in the event loop.

        raises: RateLimited
        """
        rule = self._rules.get(kind)
        if rule is None:
            return
        async with self._turn:
            counted = await self._hit_redis(rule, identity)
        if not counted:
            self._hit_here(rule, identity)

    async def _hit_redis(self, rule: Rule, identity: str) -> bool:
        """Count a knock if Redis is there. Tells whether it was."""
        if self._redis is None or self._is_away:
            return False
        try:
            if await self._redis.from_loop.hit(rule.item, identity):
                return True
            full = await self._redis.from_loop.get_window_stats(rule.item, identity)
        except _GONE:
            self._went_away()
            return False
        raise rule.refusal(full.reset_time)

    def hit_from_thread(self, kind: Kind, identity: str) -> None:
        """Count a knock, in a thread that may wait: the twin of `hit`, on the same counters.

        raises: RateLimited
        """
        rule = self._rules.get(kind)
        if rule is None:
            return
        if self._redis is not None and not self._is_away:
            try:
                if self._redis.from_thread.hit(rule.item, identity):
                    return
                full = self._redis.from_thread.get_window_stats(rule.item, identity)
            except _GONE:
                self._went_away()
            else:
                raise rule.refusal(full.reset_time)
        self._hit_here(rule, identity)

    async def close(self) -> None:
        """Close the connections to Redis."""
        if self._redis is not None:
            await self._redis.close()

    def _hit_here(self, rule: Rule, identity: str) -> None:
        assert self._here is not None, "there are rules"
        if not self._here.hit(rule.item, identity):
            raise rule.refusal(self._here.get_window_stats(rule.item, identity).reset_time)

    @property
    def _is_away(self) -> bool:
        return time.monotonic() < self._away_until

    def _went_away(self) -> None:
        # A stopwatch, not a date: whoever comes meanwhile does not find out again what we know.
        self._away_until = time.monotonic() + AWAY_SECONDS


def _rules(settings: LimitSettings) -> dict[Kind, Rule]:
    a_second: dict[Kind, int] = {
        "status": settings.status_per_second,
        "other": settings.other_per_second,
        "visit": settings.visits_per_second,
    }
    a_minute: dict[Kind, int] = {
        "quote": settings.quotes_per_minute,
        "purchase": settings.purchases_per_minute,
        "signup": settings.signups_per_minute,
        "stranger": settings.strangers_per_minute,
    }
    rules = [Rule(kind, most, 1, RateLimitItemPerSecond(most, 1, kind)) for kind, most in a_second.items()]
    rules += [Rule(kind, most, 60, RateLimitItemPerMinute(most, 1, kind)) for kind, most in a_minute.items()]
    return {rule.kind: rule for rule in rules if rule.most}
