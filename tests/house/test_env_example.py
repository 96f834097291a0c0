"""`.env.example` names every setting, and nothing that is not one."""

import dataclasses
import importlib
import re
from pathlib import Path

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from app.client_cli import settings as agents

ROOT = Path(__file__).parents[2]
ROOMS = ("ledger", "rails", "outbound", "office", "workers", "app", "sandbox")


def settings_classes() -> list[type[BaseSettings]]:
    modules = [
        importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
        for room in ROOMS
        for path in sorted((ROOT / room).rglob("settings.py"))
    ]
    return [
        found
        for module in modules
        for found in vars(module).values()
        if isinstance(found, type) and issubclass(found, BaseSettings) and found.__module__ == module.__name__
    ]


def variables() -> set[str]:
    # The agents' commands start without the settings library.
    of_agents = {agents.variable(each.name) for each in dataclasses.fields(agents.AgentSettings)}
    return of_agents | {
        (each.model_config.get("env_prefix", "") + name).upper()
        for each in settings_classes()
        for name in each.model_fields
    }


def test_every_setting_is_in_the_example_and_nothing_else() -> None:
    text = (ROOT / ".env.example").read_text()

    named = set(re.findall(r"^#? ?([A-Z][A-Z0-9_]+)=", text, re.MULTILINE))

    assert named == variables()


def test_only_files_named_settings_read_the_environment() -> None:
    reading = re.compile(r"os\.environ\b|os\.getenv|\bgetenv\(|BaseSettings\b")

    readers = {
        str(path.relative_to(ROOT))
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        if reading.search(path.read_text()) and path.name != "settings.py"
    }

    # The house hands its own environment on to its children; nothing is read from it there.
    assert readers <= {"sandbox/house.py"}


def allowed(field: FieldInfo) -> str | None:
    """The range of a setting in words, None if it has none."""
    bounds = {
        name: f"{value:.12g}"
        for each in field.metadata
        for name in ("gt", "ge", "le")
        if (value := getattr(each, name, None)) is not None
    }
    match bounds:
        case {"ge": lowest, "le": highest}:
            return f"{lowest} to {highest}"
        case {"ge": lowest}:
            return f"at least {lowest}"
        case {"gt": lowest}:
            return f"more than {lowest}"
        case _:
            return None


def test_every_range_of_a_setting_stands_beside_its_default() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()

    for kind in settings_classes():
        for name, field in kind.model_fields.items():
            if (words := allowed(field)) is not None:
                variable = f"{kind.model_config.get('env_prefix', '')}{name}".upper()
                assert f"# {variable}={field.default}  # {words}" in lines, variable
