"""What an endpoint accepts, and the reading of what it was sent: Stripe refuses names it does not know."""

from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import assert_never

from sandbox.stripe_twin.errors import InvalidRequest, unknown_parameters
from sandbox.stripe_twin.form import Node, Nodes
from sandbox.stripe_twin.store import Document

METADATA_KEYS_MAX = 50
METADATA_KEY_LENGTH_MAX = 40
METADATA_VALUE_LENGTH_MAX = 500


@dataclass(frozen=True)
class Text:
    """A string, one of `choices` if there are any."""

    length_max: int = 5_000
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Whole:
    """An integer."""

    minimum: int = -(2**53)
    maximum: int = 2**53


@dataclass(frozen=True)
class Percent:
    """A number above 0 and up to 100, with decimals or without."""


@dataclass(frozen=True)
class Flag:
    """true or false."""


@dataclass(frozen=True)
class Metadata:
    """Keys and values of the caller's own."""


@dataclass(frozen=True)
class Listing:
    """Many of one shape."""

    of: "Shape"


@dataclass(frozen=True)
class Group:
    """Named parameters."""

    fields: "dict[str, Shape]"
    required: tuple[str, ...] = ()


@dataclass(frozen=True)
class Range:
    """An exact moment, or gt, gte, lt, lte of one."""

    bounds: Group = field(default_factory=lambda: Group({key: Whole() for key in ("gt", "gte", "lt", "lte")}))


Shape = Text | Whole | Percent | Flag | Metadata | Listing | Group | Range


def read(group: Group, nodes: Nodes) -> Document:
    """The parameters in their types, blank ones left out.

    raises: InvalidRequest that names the first parameter which is unknown, missing or of the wrong kind.
    """
    unknown = list(unknown_names(group, nodes, ""))
    if unknown:
        raise unknown_parameters(unknown)
    return read_group(group, nodes, "")


def unknown_names(shape: Shape, node: Node, name: str) -> list[str]:
    """The full names of everything in `node` that `shape` has no place for."""
    if isinstance(node, str):
        return []
    names: list[str] = []
    if isinstance(shape, Range):
        shape = shape.bounds
    if isinstance(shape, Group):
        for key, inner in node.items():
            full = f"{name}[{key}]" if name else key
            known = shape.fields.get(key)
            names += [full] if known is None else unknown_names(known, inner, full)
    elif isinstance(shape, Listing):
        for key, inner in node.items():
            names += unknown_names(shape.of, inner, f"{name}[{key}]")
    return names


def read_group(group: Group, node: Node, name: str) -> Document:
    """The fields of a group; what is required must be there and not blank."""
    if isinstance(node, str):
        raise InvalidRequest("Invalid object", param=name)
    for key in group.required:
        if node.get(key, "") == "":
            full = f"{name}[{key}]" if name else key
            raise InvalidRequest(f"Missing required param: {full}.", code="parameter_missing", param=full)
    return {
        key: read_one(group.fields[key], inner, f"{name}[{key}]" if name else key)
        for key, inner in node.items()
        if inner != ""
    }


def read_one(shape: Shape, node: Node, name: str) -> object:
    """One value in its type."""
    match shape:
        case Text():
            return read_text(shape, node, name)
        case Whole():
            return read_whole(shape, node, name)
        case Percent():
            return read_percent(node, name)
        case Flag():
            if node not in ("true", "false"):
                raise InvalidRequest(f"Invalid boolean: {node}", param=name)
            return node == "true"
        case Metadata():
            return read_metadata(node, name)
        case Listing():
            return read_listing(shape, node, name)
        case Group():
            return read_group(shape, node, name)
        case Range():
            return (
                read_whole(Whole(), node, name)
                if isinstance(node, str)
                else read_group(shape.bounds, node, name)
            )
        case _:
            assert_never(shape)


def read_text(shape: Text, node: Node, name: str) -> str:
    """A string within its length and choices."""
    if not isinstance(node, str):
        raise InvalidRequest("Invalid string", param=name)
    if len(node) > shape.length_max:
        raise InvalidRequest(
            f"Invalid string: the value must be at most {shape.length_max} characters", param=name
        )
    if shape.choices and node not in shape.choices:
        raise InvalidRequest(f"Invalid {name}: must be one of {', '.join(shape.choices)}", param=name)
    return node


def read_whole(shape: Whole, node: Node, name: str) -> int:
    """An integer within its bounds."""
    code = "parameter_invalid_integer"
    if not isinstance(node, str) or not node.removeprefix("-").isdecimal() or not node.isascii():
        raise InvalidRequest(f"Invalid integer: {node}", code=code, param=name)
    number = int(node)
    if number < shape.minimum:
        raise InvalidRequest(
            f"This value must be greater than or equal to {shape.minimum}.", code=code, param=name
        )
    if number > shape.maximum:
        raise InvalidRequest(
            f"This value must be less than or equal to {shape.maximum}.", code=code, param=name
        )
    return number


def read_percent(node: Node, name: str) -> int | float:
    """A percentage as JSON shows it."""
    try:
        number = Decimal(node) if isinstance(node, str) else Decimal(0)
    except InvalidOperation as error:
        raise InvalidRequest(f"Invalid decimal: {node}", param=name) from error
    if not 0 < number <= 100:
        raise InvalidRequest("This value must be greater than 0 and at most 100.", param=name)
    return int(number) if number == int(number) else float(number)


def read_metadata(node: Node, name: str) -> dict[str, str]:
    """Metadata within Stripe's limits; a blank value unsets its key."""
    if isinstance(node, str):
        raise InvalidRequest("Invalid object", param=name)
    values: dict[str, str] = {}
    for key, value in node.items():
        if not isinstance(value, str) or len(value) > METADATA_VALUE_LENGTH_MAX:
            raise InvalidRequest(
                f"Metadata values can have up to {METADATA_VALUE_LENGTH_MAX} characters",
                param=f"{name}[{key}]",
            )
        if len(key) > METADATA_KEY_LENGTH_MAX:
            raise InvalidRequest(
                f"Metadata keys can have up to {METADATA_KEY_LENGTH_MAX} characters", param=name
            )
        if value:
            values[key] = value
    if len(values) > METADATA_KEYS_MAX:
        raise InvalidRequest(f"Metadata can have up to {METADATA_KEYS_MAX} keys", param=name)
    return values


def read_listing(shape: Listing, node: Node, name: str) -> list[object]:
    """The items in the order of their numbers."""
    if isinstance(node, str) or not all(key.isdecimal() for key in node):
        raise InvalidRequest("Invalid array", param=name)
    return [read_one(shape.of, node[key], f"{name}[{key}]") for key in sorted(node, key=int)]
