"""What no log line may hold."""

import logging

import pytest

from rails.redaction import hide_secrets, redact
from rails.telemetry.lines import Redactor, TextLines

SECRETS = [
    "isk_r_Zx81-kd_02kfmmA9s",
    "sk_test_4eC39HqLyjWDarjtT1zdp7dc",
    "rk_live_51Nv2eZvKYlo2C",
    "whsec_b1c0ffee00112233",
    "pnop_0123456789abcdefghijABCDEFGHIJ",
    "pninv-AbCd_0123-efGh",
    "pi_3MtwBwLkdIwHu7ix28a3tqPa",
    "pi_3MtwBwLkdIwHu7ix28a3tqPa_secret_YrKJUKribcBjcG8HVhfZluoGH",
    "cs_test_a1b2c3d4e5f6g7h8i9",
]


@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_is_taken_out_wherever_it_stands(secret: str) -> None:
    assert redact(f"GET /v1/payment_intents/{secret}?x={secret}, '{secret}'").count("[redacted]") == 3
    assert secret not in redact(f"a{'='}{secret}.")


def test_passwords_in_urls_and_bearer_tokens_are_taken_out() -> None:
    assert redact("postgresql://pennyrail:hunter2@db/x") == "postgresql://[redacted]@db/x"
    assert redact("redis://:hunter2@queue:6379/0") == "redis://[redacted]@queue:6379/0"
    assert redact("Authorization: Bearer abc.def-123") == "Authorization: [redacted]"


@pytest.mark.parametrize(
    "plain", ["payatt_0123456789abcdef01234567 is succeeded", "quote_0123456789ab", "receipt_0123456789ab"]
)
def test_our_own_names_stay_readable(plain: str) -> None:
    assert redact(plain) == plain


def test_a_traceback_is_redacted_too() -> None:
    formatter = TextLines(Redactor())
    try:
        raise ValueError("No such payment_intent: 'pi_3MtwBwLkdIwHu7ix28a3tqPa'")
    except ValueError as error:
        failed = (type(error), error, error.__traceback__)
    record = logging.LogRecord("x", logging.ERROR, "x.py", 1, "failed", (), failed)

    line = formatter.format(record)

    assert "ValueError" in line
    assert "pi_3Mtw" not in line


@pytest.mark.parametrize("secret", [each for each in SECRETS if not each.startswith(("pi_", "cs_"))])
def test_what_opens_a_door_is_hidden_from_operators_too(secret: str) -> None:
    assert hide_secrets(f"said '{secret}'") == "said '[redacted]'"


def test_operators_see_the_processors_ids_without_the_client_secret() -> None:
    assert (
        hide_secrets("pi_3MtwBwLkdIwHu7ix28a3tqPa_secret_YrKJUKrib")
        == "pi_3MtwBwLkdIwHu7ix28a3tqPa[redacted]"
    )
    assert hide_secrets("redis://:hunter2@queue:6379/0") == "redis://[redacted]@queue:6379/0"
