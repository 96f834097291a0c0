"""Who does something in the house's name."""

from dataclasses import dataclass
from typing import Literal

from office.roles import Permission, Role, may

Via = Literal["console", "ops", "command", "service"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody at work. `name` is what the columns `actor`, `by` and `requested_by` are told."""

    name: str
    role: Role | None = None
    operator_id: str | None = None
    via: Via = "service"
    session_id: int | None = None
    address: str | None = None

    def may(self, permission: Permission) -> bool:
        """Whether this one may do this. Commands and services are let in by the machine they run on."""
        return True if self.role is None else may(self.role, permission)


def command(by: str) -> Actor:
    """Whoever runs a command on the house's own machine, by the name that was given."""
    return Actor(by, via="command")
