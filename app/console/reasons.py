"""A reason that somebody gives: said in words, or nothing is done."""

from typing import Annotated

from fastapi import Form
from pydantic import AfterValidator

LONGEST = 1000


def said(text: str) -> str:
    """The text without the blanks around it.

    raises: ValueError if it says nothing, or too much.
    """
    told = text.strip()
    if not told:
        raise ValueError("say why in a few words")
    if len(told) > LONGEST:
        raise ValueError(f"say it in at most {LONGEST} characters")
    return told


Reason = Annotated[str, Form(), AfterValidator(said)]
"""The form field `reason`."""
