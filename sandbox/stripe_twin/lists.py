"""Pages of objects, newest first, with Stripe's cursors."""

from collections.abc import Callable, Collection, Iterator
from itertools import islice

from sandbox.stripe_twin.calls import Call
from sandbox.stripe_twin.errors import InvalidRequest, NoSuchObject
from sandbox.stripe_twin.parameters import Listing, Range, Shape, Text, Whole
from sandbox.stripe_twin.store import Document, Wanted
from sandbox.stripe_twin.world import World

LIMIT_DEFAULT = 10
FIELDS: dict[str, Shape] = {
    "created": Range(),
    "ending_before": Text(),
    "expand": Listing(Text()),
    "limit": Whole(minimum=1, maximum=100),
    "starting_after": Text(),
}


def page(
    world: World,
    call: Call,
    *,
    kind: str,
    asked: Document,
    equal: tuple[str, ...] = (),
    keep: Callable[[Document], bool] = lambda _: True,
    among: Collection[str] | None = None,
) -> Document:
    """One page of the objects that this key may see and `keep` accepts.

    `equal` names the parameters that ask for objects whose field of that name has that value, or one
    of those values; `among` names the ids that come into question.

    raises: NoSuchObject if a cursor names nothing, InvalidRequest if both cursors are given
    """
    if "starting_after" in asked and "ending_before" in asked:
        raise InvalidRequest("You may only specify one of these parameters: starting_after, ending_before.")
    limit = asked.get("limit", LIMIT_DEFAULT)
    wanted = Wanted(
        equal={name: one_or_several(asked[name]) for name in equal if name in asked},
        since=earliest(asked.get("created")),
        among=among,
    )
    backwards = "ending_before" in asked
    fitting = (
        document
        for document in candidates(world, kind, asked, wanted)
        if document["livemode"] == call.livemode and within(document, asked.get("created")) and keep(document)
    )
    found = list(islice(fitting, limit + 1))
    chosen = found[:limit]
    return {
        "object": "list",
        "data": chosen[::-1] if backwards else chosen,
        "has_more": len(found) > limit,
        "url": call.path,
    }


def candidates(world: World, kind: str, asked: Document, wanted: Wanted) -> Iterator[Document]:
    """Everything on the wanted side of the cursor, beginning next to it."""
    if "ending_before" in asked:
        after = place(world, kind, asked, "ending_before")
        return world.store.oldest_first(kind, after=after, wanted=wanted)
    before = place(world, kind, asked, "starting_after") if "starting_after" in asked else None
    return world.store.newest_first(kind, before=before, wanted=wanted)


def one_or_several(value: str | list[str]) -> str | tuple[str, ...]:
    """The value or values that a field may have, each once."""
    return tuple(dict.fromkeys(value)) if isinstance(value, list) else value


def earliest(created: int | Document | None) -> int:
    """The moment before which nothing is wanted, or 0."""
    if isinstance(created, dict):
        return max(int(created.get("gte", 0)), int(created.get("gt", 0)))
    return created or 0


def place(world: World, kind: str, asked: Document, cursor: str) -> int:
    """Where the object that a cursor names stands."""
    position = world.store.position(kind, asked[cursor])
    if position is None:
        raise NoSuchObject(kind, asked[cursor], param=cursor)
    return position


def within(document: Document, created: int | Document | None) -> bool:
    """Whether the object was made in the wanted time."""
    moment = document["created"]
    if created is None:
        return True
    if isinstance(created, int):
        return bool(moment == created)
    return bool(
        moment > created.get("gt", moment - 1)
        and moment >= created.get("gte", moment)
        and moment < created.get("lt", moment + 1)
        and moment <= created.get("lte", moment)
    )
