"""The console's main pages, in the order of the menu."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from office.roles import Permission

if TYPE_CHECKING:
    from app.console.visit import Visit


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the menu, shown to who may open it."""

    title: str
    path: str
    permission: Permission = "read"


@dataclass(frozen=True, slots=True)
class Line:
    """An entry as one visitor sees it."""

    title: str
    path: str
    current: bool


ENTRIES: Final = (
    Entry("Overview", "/console/"),
    Entry("Purchases", "/console/purchases"),
    Entry("Agents", "/console/agents"),
    Entry("Exceptions", "/console/exceptions"),
    Entry("Proposals", "/console/proposals"),
    Entry("Reconciliation", "/console/reconciliation"),
    Entry("Periods", "/console/periods"),
    Entry("Exports", "/console/exports"),
    Entry("Rails", "/console/rails"),
    Entry("Inbox", "/console/inbox"),
    Entry("Deliveries", "/console/deliveries"),
    Entry("Services", "/console/services"),
    Entry("Audit log", "/console/audit"),
    Entry("Operators", "/console/operators", "operators"),
    Entry("My sessions", "/console/sessions"),
)


def menu(visit: "Visit", path: str) -> tuple[Line, ...]:
    """The lines that a visitor may open, the one that is open marked."""
    return tuple(
        Line(each.title, each.path, _is_current(each.path, path))
        for each in ENTRIES
        if visit.may(each.permission)
    )


def _is_current(entry: str, path: str) -> bool:
    return path == entry or (entry != "/console" and path.startswith(f"{entry}/"))
