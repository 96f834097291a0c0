"""The key that second factors are kept under can be changed, and the old one thrown away."""

import pytest

from ledger.database import Sessions
from office import operators
from office.models import Operator
from outbound.errors import SecretUnreadable
from outbound.vault import Vault, new_key
from tests.office.people import operator


def test_after_a_rewrap_the_old_key_opens_nothing_and_the_new_one_everything(sessions: Sessions) -> None:
    old, newest = new_key(), new_key()
    enrolled = operator(sessions, "finance", "enrolled").operator_id
    operator(sessions, "viewer", "invited")
    with sessions() as session:
        found = session.get_one(Operator, enrolled)
        found.password_hash, found.totp_sealed = "$argon2id$a", Vault.of([old]).close("JBSWY3DP")

    with sessions() as session, pytest.raises(SecretUnreadable):
        operators.rewrap(session, vault=Vault.of([newest]))
    with sessions() as session:
        rewrapped = operators.rewrap(session, vault=Vault.of([newest, old]))

    with sessions() as session:
        sealed = session.get_one(Operator, enrolled).totp_sealed
    assert rewrapped == 1
    assert sealed is not None
    assert Vault.of([newest]).open(sealed) == "JBSWY3DP"
    with pytest.raises(SecretUnreadable):
        Vault.of([old]).open(sealed)
