"""A reason that somebody gives: said in words, or nothing is done."""

from typing import Annotated

from fastapi import Form
from pydantic import AfterValidator

from office import errors, reasons

LONGEST = 1000


def said(text: str) -> str:
    """The text as it is kept.

    raises: ValueError if it says nothing, or too much.
    """
    if len(text.strip()) > LONGEST:
        raise ValueError(f"say it in at most {LONGEST} characters")
    try:
        return reasons.said(text)
    except errors.SayWhy as error:
        raise ValueError(str(error)) from None


Reason = Annotated[str, Form(), AfterValidator(said)]
"""The form field `reason`."""
