"""Why an operator did something: said in words, or the command does nothing."""

import typer


def said(text: str) -> str:
    """The text as it was given.

    raises: typer.BadParameter if it says nothing.
    """
    if not text.strip():
        raise typer.BadParameter("say something")
    return text
