"""What the book may refuse.

BookError
├── Refused                  nothing was written; the caller's transaction stays usable
│   ├── ReferenceConflict    reference_conflict: another request was posted under this reference
│   └── UnknownAccount       unknown_account: no class of the chart has this name
├── HorizonWentBack          horizon_went_back: this is another cluster than the one that sealed before
├── ReceiptError             about signed receipts
│   ├── UnknownTransaction   unknown_transaction: nothing to give a receipt for
│   ├── NotSealedYet         not_sealed_yet: ask again in a few seconds
│   ├── BadKey               bad_receipt_key: not an Ed25519 key
│   └── BadReceipt           the receipt proves nothing
│       ├── NotAReceipt      not_a_receipt: not signed JSON, cut off, or of another kind
│       ├── UnsealedReceipt  unsealed_receipt: the answer says that there is no receipt yet
│       ├── OtherKey         signed_with_another_key: of another book, or the key was changed
│       ├── RetiredKey       signed_with_a_retired_key: sealed after its key had stopped signing
│       └── ChangedReceipt   changed_receipt: something in it is not what was signed or sealed
├── ArchiveError             about archives of the book
│   ├── NotSealed            not_sealed: there are no such seals to archive
│   └── BrokenArchive        broken_archive: the file is not what was sealed
├── NotClosable              month_not_closable: what stands against closing a month
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


class NotClosable(BookError):
    """A month cannot be closed, or not yet; the message says why. Nothing was written."""

    code = "month_not_closable"


class HorizonWentBack(BookError):
    """Transaction numbers were greater when the last seal was made: the database was copied as text.

    New transactions would come before those that are sealed, and never be sealed themselves.
    """

    code = "horizon_went_back"

    def __init__(self, *, before: int, now: int) -> None:
        super().__init__(
            f"the last seal was made at transaction number {before}, this cluster is at {now}: let an"
            f" administrator advance it with pg_resetwal --next-transaction-id"
        )


class ReceiptError(BookError):
    """About signed receipts."""

    code = "receipt_error"


class UnknownTransaction(ReceiptError):
    """No such transaction."""

    code = "unknown_transaction"


class NotSealedYet(ReceiptError):
    """The transaction is in no seal yet."""

    code = "not_sealed_yet"


class BadKey(ReceiptError):
    """Not an Ed25519 key in PEM, or none of the wanted kind. The message never holds any of it."""

    code = "bad_receipt_key"


class BadReceipt(ReceiptError):
    """The receipt proves nothing."""

    code = "bad_receipt"


class NotAReceipt(BadReceipt):
    """Not a receipt at all, or only a part of one."""

    code = "not_a_receipt"


class UnsealedReceipt(BadReceipt):
    """The answer of a service that had no receipt yet."""

    code = "unsealed_receipt"


class OtherKey(BadReceipt):
    """The receipt names another key than the one at hand."""

    code = "signed_with_another_key"


class RetiredKey(BadReceipt):
    """Its key had stopped signing before it can have been issued."""

    code = "signed_with_a_retired_key"


class ChangedReceipt(BadReceipt):
    """Something in it is not what was signed or sealed."""

    code = "changed_receipt"


class ArchiveError(BookError):
    """About archives of the book."""

    code = "archive_error"


class NotSealed(ArchiveError):
    """The book has not all of these seals."""

    code = "not_sealed"


class BrokenArchive(ArchiveError):
    """The file is not what was sealed, or not all of it; the message names the first line that is wrong."""

    code = "broken_archive"


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
