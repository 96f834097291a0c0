"""One thing in the book that is not as it should be."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Drift:
    """`what` of `where` should be `expected`. `order` is that of the check which found it."""

    what: str
    where: str
    expected: str
    found: str
    transaction_id: int | None = None
    order: int = 0

    def __str__(self) -> str:
        return f"{self.what} of {self.where}: expected {self.expected}, found {self.found}"

    def position(self) -> tuple[bool, int, int, str, str]:
        """Where it stands among others: by transaction, then by check, without a transaction last."""
        return (self.transaction_id is None, self.transaction_id or 0, self.order, self.where, self.what)
