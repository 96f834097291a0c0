"""The rails this installation has: those of the entry points `pennyrail.rails`, and those a setting names.

A rail is a folder with a `build(sessions)`. A package plugs its own in by an entry point. A folder that is in
no package is named in `PENNYRAIL_RAILS` as `module:build`, and says what it is called with `RAIL_ID`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points
from typing import Final

from ledger import chart
from ledger.database import Sessions
from ledger.errors import UnknownAccount
from rails.rail import Rail, Rails
from rails.settings import RegistrySettings

GROUP = "pennyrail.rails"
VARIABLE: Final = "PENNYRAIL_RAILS"
Build = Callable[[Sessions], Rail]


class BrokenRail(Exception):
    """A rail that was asked for cannot be had: the message says which, why, and where it was asked for."""

    code = "BROKEN_RAIL"


@dataclass(frozen=True, slots=True)
class Plugged:
    """A rail that somebody asked for."""

    rail_id: str
    module: str
    place: str
    """Where it was asked for, for whoever has to put it right."""
    build: Build


def names() -> list[str]:
    """The ids of the installed rails. Nothing is built, so no setting of a rail is read.

    raises: BrokenRail.
    """
    return sorted({*entry_points(group=GROUP).names, *(each.rail_id for each in _of_the_setting())})


def problems() -> list[str]:
    """What is wrong with the rails that the setting names, a line each."""
    found = []
    for named in _named():
        try:
            _plugged(named)
        except BrokenRail as error:
            found.append(str(error))
    return found


def plugged() -> Sequence[Plugged]:
    """Every installed rail, by id, still to be built.

    raises: BrokenRail, also if two of them have one id.
    """
    found: dict[str, Plugged] = {}
    for each in (*_of_the_packages(), *_of_the_setting()):
        if each.rail_id in found:
            other = found[each.rail_id].place
            raise BrokenRail(f"{each.place} and {other} are both called {each.rail_id}: take one of them out")
        found[each.rail_id] = each
    return [found[rail_id] for rail_id in sorted(found)]


def load(sessions: Sessions) -> Rails:
    """Build every installed rail, by id. A rail that is badly configured refuses here, at the start.

    raises: BrokenRail, and whatever a rail's settings raise.
    """
    built: dict[str, Rail] = {}
    for each in plugged():
        rail = each.build(sessions)
        _fits(rail, each, built)
        built[rail.rail_id] = rail
    return built


def _of_the_packages() -> Sequence[Plugged]:
    return [
        Plugged(entry.name, entry.module, f"the entry point {entry.name} = {entry.value}", entry.load())
        for entry in sorted(entry_points(group=GROUP), key=lambda found: found.name)
    ]


def _of_the_setting() -> Sequence[Plugged]:
    return [_plugged(named) for named in _named()]


def _named() -> Sequence[str]:
    return list(filter(None, (part.strip() for part in RegistrySettings().rails.split(","))))


def _plugged(named: str) -> Plugged:
    place, (module_name, _, attribute) = f"{VARIABLE}: {named}", named.partition(":")
    if not module_name or not attribute:
        raise BrokenRail(f"{place} is not of the form module:build, such as my_rail:build")
    try:
        module = import_module(module_name)
    except Exception as error:
        # Whatever a stranger's module raises while it is imported: the operator has to know which one it was.
        raise BrokenRail(f"{place} cannot be imported: {type(error).__name__}: {error}") from error
    build, rail_id = getattr(module, attribute, None), getattr(module, "RAIL_ID", None)
    if not callable(build):
        raise BrokenRail(f"{place}: the module {module_name} has no function {attribute}")
    if not isinstance(rail_id, str) or not _can_be_booked(rail_id):
        raise BrokenRail(f'{place}: the module {module_name} needs RAIL_ID = "the_name_of_the_rail"')
    return Plugged(rail_id, module_name, place, build)


def _can_be_booked(rail_id: str) -> bool:
    try:
        chart.clearing(rail_id)
    except UnknownAccount:
        return False
    return True


def _fits(rail: object, asked: Plugged, built: Mapping[str, Rail]) -> None:
    """Refuse what is no rail, what goes by another name, and what clients would take for another."""
    missing = [name for name in _PARTS if not hasattr(rail, name)]
    if missing:
        raise BrokenRail(f"{asked.place} built something that is no rail: it has no {', '.join(missing)}")
    rail_id, listing = getattr(rail, "rail_id", None), getattr(rail, "listing", None)
    if rail_id != asked.rail_id:
        raise BrokenRail(f"{asked.place} built a rail named {rail_id}, not {asked.rail_id}")
    for other in built.values():
        for name in ("provider", "purchase_path"):
            if getattr(listing, name, None) == getattr(other.listing, name):
                raise BrokenRail(
                    f"{asked.place} and the rail {other.rail_id} have one {name}: which is which?"
                )


_PARTS: Final = (
    *("rail_id", "capabilities", "listing", "limits", "live_money", "unavailable_reason", "witnesses"),
    *("open", "look_up"),
)
