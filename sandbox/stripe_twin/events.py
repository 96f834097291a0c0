"""Events: what happened, in the envelope of Stripe's snapshot events."""

from dataclasses import replace
from fnmatch import fnmatchcase

from sandbox.stripe_twin import deliveries, identifiers, lists, shown, versions
from sandbox.stripe_twin.calls import Call
from sandbox.stripe_twin.errors import InvalidRequest, NoSuchObject
from sandbox.stripe_twin.parameters import Flag, Group, Listing, Text, read
from sandbox.stripe_twin.store import Document
from sandbox.stripe_twin.world import Cause, World

KIND = "event"
LIFETIME_SECONDS = 30 * 86_400
TYPES_MAX = 20
LIST_SHAPE = Group(
    {**lists.FIELDS, "type": Text(), "types": Listing(Text()), "delivery_success": Flag()},
)


def record(
    world: World, kind: str, document: Document, cause: Cause, *, previous: Document | None = None
) -> Document:
    """Write down that `kind` happened to the object, and hand it to the webhook deliveries.

    The object is shown as the account's default version shows it, never as the request's version
    would. `previous` is what changed, as it was.
    """
    changed = {} if previous is None else {"previous_attributes": previous}
    event: Document = {
        "id": "",
        "object": "event",
        "api_version": world.config.api_version,
        "created": world.now(),
        "data": {"object": as_told(world, document), **changed},
        "livemode": document["livemode"],
        "request": {"id": cause.request_id, "idempotency_key": cause.idempotency_key},
        "type": kind,
    }
    for _ in range(1 + world.switches.duplicate_events):
        event["id"] = identifiers.new("evt")
        world.store.put(KIND, event["id"], event)
        deliveries.queue(world, event)
    return event


def as_told(world: World, document: Document) -> Document:
    """The object as events show it."""
    version = versions.parse(world.config.api_version)
    if world.switches.events_show_preview_fields:
        version = replace(version, train=versions.PREVIEW)
    return shown.to_version(document, version)


def retrieve(world: World, call: Call) -> Document:
    """GET /v1/events/{event}"""
    read(Group({"expand": Listing(Text())}), call.nodes)
    event = world.existing(KIND, call.names["event"], livemode=call.livemode)
    if event["created"] <= world.now() - LIFETIME_SECONDS:
        raise NoSuchObject(KIND, event["id"])
    return with_pending(world, event)


def list_page(world: World, call: Call) -> Document:
    """GET /v1/events, of the last thirty days."""
    asked = read(LIST_SHAPE, call.nodes)
    if "type" in asked and "types" in asked:
        raise InvalidRequest("You may only specify one of these parameters: type, types.", param="types")
    wanted: list[str] = asked.get("types", [asked["type"]] if "type" in asked else [])
    if len(wanted) > TYPES_MAX:
        raise InvalidRequest(f"You may list at most {TYPES_MAX} types.", param="types")
    patterns = any("*" in kind for kind in wanted)
    delivered: bool | None = asked.get("delivery_success")
    undelivered = deliveries.unconfirmed_events(world) if delivered is not None else set()

    def keep(event: Document) -> bool:
        return (not patterns or any(fnmatchcase(event["type"], pattern) for pattern in wanted)) and (
            not delivered or event["id"] not in undelivered
        )

    page = lists.page(
        world,
        call,
        kind=KIND,
        asked=youngest(world, asked) | {"type": wanted},
        equal=("type",) if wanted and not patterns else (),
        among=undelivered if delivered is False else None,
        keep=keep,
    )
    page["data"] = [with_pending(world, event) for event in page["data"]]
    return page


def youngest(world: World, asked: Document) -> Document:
    """The request, with nothing older than thirty days in it."""
    created: int | Document = asked.get("created", {})
    if isinstance(created, int):
        created = {"gte": created, "lte": created}
    oldest = world.now() - LIFETIME_SECONDS
    return asked | {"created": created | {"gt": max(created.get("gt", oldest), oldest)}}


def with_pending(world: World, event: Document) -> Document:
    """The event with the number of endpoints that have not confirmed it yet."""
    return {**event, "pending_webhooks": deliveries.pending(world, event["id"])}
