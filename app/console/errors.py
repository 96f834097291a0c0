"""Why the console does not let somebody do something.

ConsoleError
├── SignInNeeded       nobody is signed in, or not any more
├── Forbidden          this role may not do this
├── CodeNeeded         it moves money, and no code was shown lately
├── ForeignForm        the form did not come from this console
├── NoSuchPage
└── BadForm            a field is missing or wrong; the message names it
"""


class ConsoleError(Exception):
    """Root of the tree. `code` is stable, `status` the HTTP status."""

    code = "CONSOLE_ERROR"
    status = 400


class SignInNeeded(ConsoleError):
    """Nobody is signed in, or not any more."""

    code, status = "SIGN_IN_NEEDED", 401


class Forbidden(ConsoleError):
    """This role may not do this."""

    code, status = "FORBIDDEN", 403


class CodeNeeded(ConsoleError):
    """It moves money, and no code was shown lately."""

    code, status = "CODE_NEEDED", 403


class ForeignForm(ConsoleError):
    """The form did not come from this console."""

    code, status = "FOREIGN_FORM", 403


class NoSuchPage(ConsoleError):
    """Nothing is here, or not any more."""

    code, status = "NOT_FOUND", 404


class BadForm(ConsoleError):
    """A field is missing or wrong; the message names it."""

    code, status = "BAD_FORM", 422
