"""Groups of commands that are imported when they are used, so that no command waits for the others'."""

from importlib import import_module
from typing import TYPE_CHECKING, ClassVar

import typer
from typer.core import TyperGroup
from typer.main import get_group
from typing_extensions import override

if TYPE_CHECKING:
    from typer._click import Context
    from typer._click.core import Command


def group(module: str, attribute: str = "cli", *, about: str) -> typer.Typer:
    """The commands of the typer application `attribute` of a module, behind a help that needs no import."""

    class Later(_Later):
        place = (module, attribute)

    return typer.Typer(cls=Later, help=about, no_args_is_help=True)


class _Later(TyperGroup):
    place: ClassVar[tuple[str, str]]

    @override
    def list_commands(self, ctx: "Context") -> list[str]:
        """The names of the commands."""
        self._import()
        return super().list_commands(ctx)

    @override
    def get_command(self, ctx: "Context", cmd_name: str) -> "Command | None":
        """A command, None if there is none of this name."""
        self._import()
        return super().get_command(ctx, cmd_name)

    def _import(self) -> None:
        if not self.commands:
            module, attribute = self.place
            self.commands.update(get_group(getattr(import_module(module), attribute)).commands)
