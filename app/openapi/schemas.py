"""JSON Schemas of the shapes: closed objects, without the titles that only repeat a name."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema
from typing_extensions import override

Schema = dict[str, Any]

PLACE: Final = "#/components/schemas/{model}"


class _Plain(GenerateJsonSchema):
    @override
    def field_title_should_be_set(self, schema: object) -> bool:
        return False


def components(shapes: Iterable[Any]) -> tuple[Mapping[Any, Schema], dict[str, Schema]]:
    """The schema of each shape, and the named schemas that they refer to."""
    schemas, named = TypeAdapter.json_schemas(
        [(shape, "validation", TypeAdapter(shape)) for shape in dict.fromkeys(shapes)],
        ref_template=PLACE,
        schema_generator=_Plain,
    )
    by_shape = {shape: schema for (shape, _), schema in schemas.items()}
    return by_shape, {name: _closed(schema) for name, schema in named.get("$defs", {}).items()}


def referred(name: str) -> Schema:
    """A reference to a named schema."""
    return {"$ref": PLACE.format(model=name)}


def closed(properties: Mapping[str, Schema], *, description: str) -> Schema:
    """An object of exactly these fields."""
    return {
        "type": "object",
        "description": description,
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def _closed(schema: Schema) -> Schema:
    """The same schema, refusing fields that it does not name: an undocumented one is a mistake of ours."""
    plain = {name: value for name, value in schema.items() if name != "title"}
    return {**plain, "additionalProperties": False} if "properties" in plain else plain
