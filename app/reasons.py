"""Why an operator did something: said in words, or the command does nothing."""

import typer

from office import errors, reasons


def said(text: str) -> str:
    """The text as it is kept.

    raises: typer.BadParameter if it says nothing.
    """
    try:
        return reasons.said(text)
    except errors.SayWhy:
        raise typer.BadParameter("say something") from None
