"""The rails this installation has: every entry point of the group `pennyrail.rails`.

A rail is a folder with a `build(sessions)`; naming it in `pyproject.toml` is all it takes to plug it in.
"""

from importlib.metadata import entry_points

from ledger.database import Sessions
from rails.rail import Rail, Rails

GROUP = "pennyrail.rails"


def names() -> list[str]:
    """The ids of the installed rails. Nothing is built, so no setting is read."""
    return sorted(entry_points(group=GROUP).names)


def load(sessions: Sessions) -> Rails:
    """Build every installed rail, by id. A rail that is badly configured refuses here, at the start."""
    built: dict[str, Rail] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda found: found.name):
        rail: Rail = entry.load()(sessions)
        assert rail.rail_id == entry.name, f"{entry.value} built a rail named {rail.rail_id}"
        built[rail.rail_id] = rail
    return built
