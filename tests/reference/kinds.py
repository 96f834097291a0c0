"""How a JSON Schema is said in a cell of a table."""

import json
from typing import Any, Final

Json = dict[str, Any]

_PLACE: Final = "#/components/schemas/"
_PLAIN: Final = {"boolean": "true or false", "string": "text", "number": "number", "null": "null"}


def kind(schema: Json) -> str:
    """What a value may be: a link to its fields, the values there are, or a kind of number or text."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(_PLACE)
        return f"[{name}](#{name.lower()})"
    if "const" in schema:
        return _value(schema["const"])
    if "enum" in schema:
        return ", ".join(_value(each) for each in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(kind(each) for each in schema["anyOf"]))
    match schema.get("type"):
        case "array":
            return f"list of {kind(schema['items'])}" if schema.get("items") else "list"
        case "object":
            inside = schema.get("additionalProperties")
            return f"map to {kind(inside)}" if isinstance(inside, dict) else "object"
        case "integer":
            return "whole number" + _bounds(schema)
        case str(name):
            return _PLAIN[name]
        case _:
            return "anything"


def meaning(schema: Json, shapes: Json) -> str:
    """What a value is: its own words, or those of the shape it has."""
    if "description" in schema:
        return str(schema["description"])
    if "$ref" in schema:
        return str(shapes[schema["$ref"].removeprefix(_PLACE)].get("description", ""))
    inside = [*schema.get("anyOf", ()), *([schema["items"]] if schema.get("items") else ())]
    return next((told for told in (meaning(each, shapes) for each in inside) if told), "")


def example(value: object) -> str:
    """An example as it is sent."""
    return "" if value is None else _value(value)


def shape_of(schema: Json) -> tuple[str, ...]:
    """The names of the shapes that a value may have."""
    if "$ref" in schema:
        return (schema["$ref"].removeprefix(_PLACE),)
    return tuple(name for each in schema.get("anyOf", ()) for name in shape_of(each))


def row(*cells: str) -> str:
    """A row of a table."""
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"


def head(*names: str) -> list[str]:
    """The two lines that a table begins with."""
    return [row(*names), row(*("---" for _ in names))]


def _bounds(schema: Json) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is None:
        return ""
    return f" from {least}" if most is None else f", {least} to {most}"


def _value(value: object) -> str:
    return f"`{value}`" if isinstance(value, str) else f"`{json.dumps(value)}`"
