"""Names of accounts in journals for accountants: every name has one, and leads back."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import chart
from office.exports import account_names

OWNERS = st.text("abcxyzABCXYZ0189._-", min_size=1, max_size=60)
# source: beancount 3, parser/lexer.l, without the letters beyond ASCII.
BEANCOUNT = re.compile(r"(Assets|Liabilities|Equity|Income|Expenses)(:[A-Z0-9][A-Za-z0-9-]*)+")


@given(class_name=st.sampled_from(sorted(chart.CLASSES)), owner=OWNERS)
def test_a_name_is_one_that_beancount_takes_and_leads_back(class_name: str, owner: str) -> None:
    account = f"{class_name}:{owner}"

    name = account_names.outside(account)

    assert BEANCOUNT.fullmatch(name)
    assert account_names.inside(name) == account


@pytest.mark.parametrize("class_name", sorted(chart.CLASSES))
def test_every_class_has_its_own_place(class_name: str) -> None:
    name = account_names.outside(class_name)

    assert account_names.inside(name) == class_name
    assert not name.startswith("Equity:Other")


@given(owner=OWNERS)
def test_a_class_of_a_later_version_has_a_name_too(owner: str) -> None:
    for account in ("float_fund", f"float_fund:{owner}"):
        assert BEANCOUNT.fullmatch(account_names.outside(account))
        assert account_names.inside(account_names.outside(account)) == account


def test_two_accounts_never_share_a_name() -> None:
    owners = ("a", "A", "_a", "-a", ".a", "a_", "a--", "a-5f", "0-xa", "0xa", "0-58", "a.b", "a_b", "a-b")

    names = {account_names.outside(f"clearing:{owner}") for owner in owners}

    assert len(names) == len(owners)
