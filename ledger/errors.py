"""What the book may refuse.

BookError
├── Refused                  nothing was written; the caller's transaction stays usable
│   ├── ReferenceConflict    reference_conflict: another request was posted under this reference
│   └── UnknownAccount       unknown_account: no class of the chart has this name
├── TryAgain                 try_again: another transaction was faster with the same key
└── Malformed                malformed_posting: nobody should have asked; the transaction is lost
    ├── Unbalanced           unbalanced: the legs do not sum to zero in every asset
    ├── WrongAsset           wrong_asset: an account is kept in another asset
    ├── Guarded              guarded_account: only operations on credits move an agent's account
    └── OutOfRange           amount_out_of_range: a balance would not fit
"""

from typing import ClassVar


class BookError(Exception):
    """Anything the book expects to go wrong; `code` never changes."""

    code: ClassVar[str] = "book_error"


class Refused(BookError):
    """The book said no and wrote nothing."""

    code = "refused"


class ReferenceConflict(Refused):
    """`reference` names another posting, `transaction_id`, with other legs or of another kind."""

    code = "reference_conflict"

    def __init__(self, *, reference: str, transaction_id: int) -> None:
        super().__init__(f"{reference} was used by transaction {transaction_id} for something else")
        self.reference = reference
        self.transaction_id = transaction_id


class UnknownAccount(Refused):
    """`account` belongs to no class of the chart, or is not well formed."""

    code = "unknown_account"

    def __init__(self, *, account: str) -> None:
        super().__init__(f"no such account: {account}")
        self.account = account


class TryAgain(BookError):
    """The transaction is lost, and the same call in a new one will find what the other has written."""

    code = "try_again"


class Malformed(BookError):
    """The posting contradicts itself."""

    code = "malformed_posting"


class Unbalanced(Malformed):
    """The legs do not sum to zero in every asset."""

    code = "unbalanced"


class WrongAsset(Malformed):
    """A leg counts in another asset than its account."""

    code = "wrong_asset"


class Guarded(Malformed):
    """A posting names the account of an agent, whose credits are made of lots."""

    code = "guarded_account"


class OutOfRange(Malformed):
    """An amount or a balance would not fit in a bigint."""

    code = "amount_out_of_range"
