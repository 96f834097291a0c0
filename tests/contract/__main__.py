"""`python -m tests.contract`: every row of the contract, and where it is tested."""

from tests.contract.client_only import CLIENT_ONLY
from tests.contract.coverage import named_tests
from tests.contract.rows import ROWS


def main() -> None:
    """Print a line for each row."""
    held = dict(named_tests())
    for number, statement in ROWS.items():
        where = held.get(number) or f"client only: {CLIENT_ONLY.get(number, 'NOT TESTED')}"
        print(f"{number:3}  {statement}\n     {where}")  # noqa: T201


main()
