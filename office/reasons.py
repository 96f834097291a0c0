"""Why an operator did something: said in words, and without keys that were pasted into them."""

from office import errors
from rails import redaction


def said(text: str) -> str:
    """The text as it is kept, for everybody on duty to read.

    raises: SayWhy if it says nothing
    """
    words = redaction.hide_secrets(text.strip())
    if not words:
        raise errors.SayWhy("say why in a few words")
    return words
