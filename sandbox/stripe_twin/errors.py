"""The refusals of the twin, in Stripe's shape.

StripeError
├── InvalidRequest          400, the parameters are wrong
├── UnexpectedState         400, the object cannot do this now
├── Refused                 400, what was asked for turned out wrong once it was looked into
├── NoSuchObject            404
├── NoSuchPath              404
├── WrongKey                401
├── ReusedWithOtherParams   400, idempotency_error
├── KeyInUse                409, the same idempotency key is being worked on
└── Injected                whatever a test asked for
"""

from collections.abc import Iterable

from sandbox.stripe_twin.store import Document


class StripeError(Exception):
    """A refusal; `began` tells whether the endpoint had begun its work, so that its answer is kept."""

    status = 400
    type = "invalid_request_error"
    began = False

    def __init__(self, message: str, *, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.param = param

    def body(self) -> Document:
        """The answer's JSON."""
        error: Document = {"message": self.message, "type": self.type}
        if self.code is not None:
            error["code"] = self.code
            error["doc_url"] = f"https://stripe.com/docs/error-codes/{self.code.replace('_', '-')}"
        if self.param is not None:
            error["param"] = self.param
        return {"error": error}


class InvalidRequest(StripeError):
    """The parameters are wrong."""


class UnexpectedState(StripeError):
    """The object exists but cannot do this now."""

    began = True


class Refused(StripeError):
    """What was asked for turned out wrong once it was looked into; the answer is kept under its key."""

    began = True


class NoSuchObject(StripeError):
    """There is no such object for this key."""

    status = 404

    def __init__(self, kind: str, identifier: str, *, hint: str = "", param: str = "id") -> None:
        super().__init__(f"No such {kind}: '{identifier}'{hint}", code="resource_missing", param=param)


class NoSuchPath(StripeError):
    """The twin, or this version of the API, does not know the path."""

    status = 404

    def __init__(self, method: str, path: str) -> None:
        super().__init__(f"Unrecognized request URL ({method}: {path}).")


class WrongKey(StripeError):
    """The API key is missing or unknown."""

    status = 401


class ReusedWithOtherParams(StripeError):
    """An idempotency key came back with other parameters."""

    type = "idempotency_error"

    def __init__(self, key: str) -> None:
        super().__init__(
            "Keys for idempotent requests can only be used with the same parameters they were first used "
            f"with. Try using a key other than '{key}' if you meant to execute a different request."
        )


class KeyInUse(StripeError):
    """Another request with this idempotency key is still being worked on."""

    status = 409

    def __init__(self) -> None:
        super().__init__(
            "The idempotency key provided is currently being used in another request. This occurs if your "
            "integration is making duplicate requests simultaneously.",
            code="idempotency_key_in_use",
        )


class Injected(StripeError):
    """A failure that a test asked for; like a real 500 it is kept under its idempotency key."""

    type = "api_error"

    def __init__(self, status: int) -> None:
        if status == 429:
            super().__init__("Too many requests hit the API too quickly.", code="rate_limit")
            self.type = "invalid_request_error"
        else:
            super().__init__("An unknown error occurred.")
        self.status = status
        self.began = status == 500


def unknown_parameters(names: Iterable[str]) -> InvalidRequest:
    """The refusal of parameters that this version of the API does not know."""
    listed = list(names)
    plural = "s" if len(listed) > 1 else ""
    return InvalidRequest(
        f"Received unknown parameter{plural}: {', '.join(listed)}", code="parameter_unknown", param=listed[0]
    )
