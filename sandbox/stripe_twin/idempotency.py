"""Answers kept under their idempotency keys: a repeated POST gets the first answer again, a 500 included."""

import hashlib
import json

from sandbox.stripe_twin.calls import Call
from sandbox.stripe_twin.errors import InvalidRequest, KeyInUse, ReusedWithOtherParams
from sandbox.stripe_twin.store import Document
from sandbox.stripe_twin.world import World

KIND = "idempotency"
KEY_LENGTH_MAX = 255
LIFETIME_SECONDS = 86_400


def begin(world: World, call: Call, key: str) -> Document | None:
    """The answer kept under `key`, or None once the key is marked as being worked on.

    raises: InvalidRequest, KeyInUse, ReusedWithOtherParams
    """
    if len(key) > KEY_LENGTH_MAX:
        raise InvalidRequest(f"Idempotency keys can be at most {KEY_LENGTH_MAX} characters long.")
    name = scoped(call, key)
    if name in world.in_flight:
        raise KeyInUse
    kept = world.store.get(KIND, name)
    if kept is not None and kept["created"] > world.now() - LIFETIME_SECONDS:
        if kept["fingerprint"] != fingerprint(call):
            raise ReusedWithOtherParams(key)
        return kept
    world.in_flight.add(name)
    return None


def keep(world: World, call: Call, key: str, *, status: int, body: Document) -> None:
    """Keep the answer, so that the same request gets it again for a day."""
    document = {
        "fingerprint": fingerprint(call),
        "status": status,
        "body": body,
        "request_id": call.request_id,
        "created": world.now(),
    }
    world.store.put(KIND, scoped(call, key), document)


def end(world: World, call: Call, key: str) -> None:
    """Let the next request with this key in."""
    world.in_flight.discard(scoped(call, key))


def prune(world: World) -> None:
    """Forget what is a day old."""
    world.store.delete_up_to(KIND, "created", world.now() - LIFETIME_SECONDS)


def scoped(call: Call, key: str) -> str:
    """The key within its account: test and live mode do not share keys."""
    return f"{'live' if call.livemode else 'test'}:{key}"


def fingerprint(call: Call) -> str:
    """The same for two requests that ask for the same."""
    asked = json.dumps([call.method, call.path, call.nodes], sort_keys=True)
    return hashlib.sha256(asked.encode()).hexdigest()
