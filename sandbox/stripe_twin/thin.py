"""Thin events: the same occurrences in API v2, which name the object instead of showing it."""

from datetime import UTC, datetime
from fnmatch import fnmatchcase
from itertools import islice
from urllib.parse import urlencode

from sandbox.stripe_twin.calls import Call
from sandbox.stripe_twin.errors import InvalidRequest, NoSuchObject
from sandbox.stripe_twin.parameters import Group, Listing, Text, Whole, read
from sandbox.stripe_twin.store import Document, Wanted
from sandbox.stripe_twin.world import World

SNAPSHOT = "event"
LIFETIME_SECONDS = 30 * 86_400
LIMIT_DEFAULT = 20
TYPES_MAX = 20
PATHS = {
    "charge": "/v1/charges",
    "checkout.session": "/v1/checkout/sessions",
    "dispute": "/v1/disputes",
    "payment_intent": "/v1/payment_intents",
    "payout": "/v1/payouts",
    "radar.early_fraud_warning": "/v1/radar/early_fraud_warnings",
    "refund": "/v1/refunds",
}
MOMENTS = Group({name: Text() for name in ("gt", "gte", "lt", "lte")})
LIST_SHAPE = Group(
    {
        "created": MOMENTS,
        "limit": Whole(minimum=1, maximum=100),
        "object_id": Text(),
        "page": Text(),
        "types": Listing(Text()),
    }
)


def kind(event: Document) -> str:
    """The type of an event in v2."""
    return f"v1.{event['type']}"


def name(event: Document) -> str:
    """The id of an event in v2, which is another than in v1."""
    mode = "live" if event["livemode"] else "test"
    return f"evt_{mode}_{event['id'].removeprefix('evt_')}"


def notification(event: Document) -> Document:
    """What an endpoint is sent."""
    related = event["data"]["object"]
    return {
        "id": name(event),
        "object": "v2.core.event",
        "context": None,
        "created": datetime.fromtimestamp(event["created"], UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "livemode": event["livemode"],
        "reason": {"type": "request", "request": event["request"]} if event["request"]["id"] else None,
        "related_object": {
            "id": related["id"],
            "type": related["object"],
            "url": f"{PATHS[related['object']]}/{related['id']}",
        },
        "type": kind(event),
    }


def whole(event: Document) -> Document:
    """What the API shows: the notification, the event of v1 beside it, and what changed."""
    before = event["data"].get("previous_attributes")
    after = {} if before is None else {field: event["data"]["object"][field] for field in before}
    changes = None if before is None else {"before": before, "after": after}
    return {**notification(event), "changes": changes, "snapshot_event": event["id"]}


def retrieve(world: World, call: Call) -> Document:
    """GET /v2/core/events/{event}"""
    read(Group({}), call.nodes)
    wanted = call.names["event"]
    return whole(snapshot_of(world, wanted, livemode=call.livemode))


def snapshot_of(world: World, wanted: str, *, livemode: bool) -> Document:
    """The event of v1 that has this id in v2.

    raises: NoSuchObject also after thirty days
    """
    event = world.store.get(SNAPSHOT, f"evt_{wanted.rpartition('_')[2]}")
    if event is None or name(event) != wanted or event["livemode"] != livemode:
        raise NoSuchObject("v2.core.event", wanted)
    if event["created"] <= world.now() - LIFETIME_SECONDS:
        raise NoSuchObject("v2.core.event", wanted)
    return event


def list_page(world: World, call: Call) -> Document:
    """GET /v2/core/events, newest first, of the last thirty days

    raises: InvalidRequest
    """
    asked = read(LIST_SHAPE, call.nodes)
    types: list[str] = asked.get("types", [])
    if len(types) > TYPES_MAX:
        raise InvalidRequest(f"You may list at most {TYPES_MAX} types.", param="types")
    before: int | None = None
    if "page" in asked:
        last = snapshot_of(world, asked["page"], livemode=call.livemode)
        before = world.store.position(SNAPSHOT, last["id"])
    bounds = {bound: moment(text) for bound, text in asked.get("created", {}).items()}
    oldest = world.now() - LIFETIME_SECONDS + 1
    since = int(max(oldest, bounds.get("gte", 0), bounds.get("gt", 0)))
    named = tuple(text.removeprefix("v1.") for text in types)
    patterns = any("*" in text for text in named)
    wanted = Wanted(equal={"type": named} if named and not patterns else {}, since=since)
    fitting = (
        event
        for event in world.store.newest_first(SNAPSHOT, before=before, wanted=wanted)
        if event["livemode"] == call.livemode
        and within(event["created"], bounds)
        and (not types or any(fnmatchcase(kind(event), pattern) for pattern in types))
        and asked.get("object_id") in (None, event["data"]["object"]["id"])
    )
    return page(call, asked, list(islice(fitting, asked.get("limit", LIMIT_DEFAULT) + 1)))


def page(call: Call, asked: Document, found: list[Document]) -> Document:
    """A page, with the address of the next one if there is more."""
    limit = asked.get("limit", LIMIT_DEFAULT)
    chosen = found[:limit]
    following = None
    if len(found) > limit:
        pairs = [("page", name(chosen[-1])), ("limit", str(limit))]
        pairs += [(f"types[{place}]", text) for place, text in enumerate(asked.get("types", []))]
        pairs += [(f"created[{bound}]", text) for bound, text in asked.get("created", {}).items()]
        pairs += [("object_id", asked["object_id"])] if "object_id" in asked else []
        following = f"{call.path}?{urlencode(pairs)}"
    return {"data": [whole(event) for event in chosen], "next_page_url": following, "previous_page_url": None}


def moment(text: str) -> float:
    """The seconds since 1970 of an ISO time.

    raises: InvalidRequest
    """
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError as error:
        raise InvalidRequest(f"Invalid timestamp: {text}", param="created") from error


def within(created: int, bounds: dict[str, float]) -> bool:
    """Whether an event was made in the wanted time."""
    return (
        created > bounds.get("gt", created - 1)
        and created >= bounds.get("gte", created)
        and created < bounds.get("lt", created + 1)
        and created <= bounds.get("lte", created)
    )
