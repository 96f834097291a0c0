"""What a person types: endpoints, the delivery log, and telling again."""

import os

import pytest
from sqlmodel import text
from typer.testing import CliRunner, Result

from app import errors, settings
from app.cli import cli
from outbound.errors import EndpointDisabled, NoSuchEndpoint
from outbound.settings import OutboundSettings
from outbound.vault import Vault, new_key
from rails.stripe.settings import StripeSettings
from tests.ledger import make
from tests.outbound.conftest import House, Receiver


@pytest.fixture(autouse=True)
def environment(house: House, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of a sandbox whose key this house has."""
    key = new_key()
    house.vault = Vault.of([key])
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("PENNYRAIL_WEBHOOK_KEYS", key)
    monkeypatch.setenv("PENNYRAIL_WEBHOOK_ALLOW_LOOPBACK", "true")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments), env={"COLUMNS": "300"})


def test_an_endpoint_is_made_tested_and_its_deliveries_are_shown(house: House, receiver: Receiver) -> None:
    made = run("webhook-endpoint", "create", receiver.url + "?theirs=secret", "--event", "credits.granted")
    secret = made.stdout.strip()
    endpoint_id = made.stderr.partition(":")[0]
    tested = run("webhook-endpoint", "test", endpoint_id)
    event_id = tested.stdout.partition(" ")[0]
    receiver.status, receiver.answer = 200, b"thank you"
    before = run("webhook", "deliveries", "--state", "pending")
    house.now = house.now.replace(year=house.now.year + 1)
    house.deliver()

    after = run("webhook", "deliveries", "--endpoint", endpoint_id)
    log = run("webhook", "deliveries", "--event", event_id)
    listed = run("webhook-endpoint", "list")

    assert (made.exit_code, secret[:6], len(secret)) == (0, "whsec_", 50)
    assert "not tried yet" in before.stdout
    assert f"{event_id}  webhook.test  " in after.stdout
    assert "delivered  200 ok in" in after.stdout
    assert "thank you" in log.stdout
    assert f"{endpoint_id}  {receiver.url}  enabled  credits.granted" in listed.stdout
    for shown in (after, log, listed, tested):
        assert secret not in shown.output
        assert "theirs" not in shown.output


def test_a_disabled_endpoint_is_shown_and_what_it_missed_can_be_told(
    house: House, receiver: Receiver
) -> None:
    endpoint_id, _ = house.endpoint(receiver.url)
    disabled = run("webhook-endpoint", "disable", endpoint_id)
    shown = run("webhook-endpoint", "list")
    house.do(make.grant("g", 5, cents=5))
    house.tell()
    enabled = run("webhook-endpoint", "enable", endpoint_id)
    again = run("webhook", "replay", "--since", "2026-01-01", "--endpoint", endpoint_id)
    house.now = house.now.replace(year=house.now.year + 1)

    assert house.deliver() == {"delivered": 1}
    assert [each.exit_code for each in (disabled, enabled, again)] == [0, 0, 0]
    assert ": by hand" in shown.stdout
    assert f"pennyrail webhook replay --since 20{''}" in enabled.stdout
    assert again.stdout == "1 event is on its way\n"


def test_the_hint_of_enable_runs_as_it_stands(house: House, receiver: Receiver) -> None:
    endpoint_id, _ = house.endpoint(receiver.url)
    run("webhook-endpoint", "disable", endpoint_id)

    hint = run("webhook-endpoint", "enable", endpoint_id).stdout.rpartition("pennyrail ")[2].split()

    assert run(*hint).stdout == "0 events are on their way\n"


def test_what_the_log_does_not_know_is_refused_instead_of_showing_nothing(house: House) -> None:
    state = run("webhook", "deliveries", "--state", "nonsense")
    endpoint = run("webhook", "deliveries", "--endpoint", "ep_x")

    assert state.exit_code == 2
    assert "pending, delivered or failed" in state.output
    assert isinstance(endpoint.exception, NoSuchEndpoint)


def test_a_disabled_endpoint_is_not_tested(house: House, receiver: Receiver) -> None:
    endpoint_id, _ = house.endpoint(receiver.url)
    run("webhook-endpoint", "disable", endpoint_id)

    tested = run("webhook-endpoint", "test", endpoint_id)

    assert tested.exit_code != 0
    assert "on its way" not in tested.output
    assert isinstance(tested.exception, EndpointDisabled)


def test_a_hint_names_the_folder_and_stays_on_one_line(
    house: House, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    endpoint_id, _ = house.endpoint(receiver.url)
    monkeypatch.setattr("app.where.owner_url", lambda _folder: database_url)
    narrow = {"COLUMNS": "40"}

    tested = CliRunner().invoke(
        cli, ["webhook-endpoint", "test", endpoint_id, "--folder", "my house"], env=narrow
    )
    run("webhook-endpoint", "disable", endpoint_id)
    enabled = CliRunner().invoke(
        cli, ["webhook-endpoint", "enable", endpoint_id, "--folder", "my house"], env=narrow
    )

    for shown in (tested, enabled):
        assert shown.stdout.rstrip().splitlines()[-1].endswith(" --folder 'my house'")


def test_a_secret_is_rotated_and_shown_once(house: House, receiver: Receiver) -> None:
    endpoint_id, old = house.endpoint(receiver.url)

    rotated = run("webhook-endpoint", "rotate-secret", endpoint_id, "--overlap-hours", "1")

    assert rotated.stdout.startswith("whsec_")
    assert rotated.stdout.strip() != old
    assert "signs until" in rotated.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("create", "ftp://example.com"),
        ("create", "http://127.0.0.1:1/", "--event", "credits.stolen"),
        ("create", "https://user:hunter2@example.com/"),
    ],
)
def test_what_no_endpoint_may_be_is_refused_without_repeating_it(arguments: tuple[str, ...]) -> None:
    refused = run("webhook-endpoint", *arguments)

    assert refused.exit_code == 2
    assert "hunter2" not in refused.output


@pytest.mark.parametrize("arguments", [(), ("msg_1", "--since", "2026-01-01")])
def test_a_replay_is_of_one_event_or_since_a_time(arguments: tuple[str, ...]) -> None:
    assert run("webhook", "replay", *arguments, "--endpoint", "ep_1").exit_code == 2


def test_without_a_key_no_endpoint_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENNYRAIL_WEBHOOK_KEYS", "")

    refused = run("webhook-endpoint", "create", "http://127.0.0.1:1/")

    assert "PENNYRAIL_WEBHOOK_KEYS is not set" in str(refused.exception)


def test_a_key_that_is_none_refuses_to_start_and_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENNYRAIL_WEBHOOK_KEYS", "hunter2")

    with pytest.raises(errors.SettingsRefused, match="PENNYRAIL_WEBHOOK_KEYS: not a key") as refusal:
        settings.require(OutboundSettings)

    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize(("mode", "refused"), [("live", True), ("test", False)])
def test_live_mode_refuses_to_send_to_this_machine(
    mode: str, refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRIPE_SECRET_KEY", f"sk_{mode}_{'0' * 24}")
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRETS", "whsec_" + "0" * 24)
    needed = (StripeSettings, OutboundSettings)

    if refused:
        with pytest.raises(errors.SettingsRefused, match="PENNYRAIL_WEBHOOK_ALLOW_LOOPBACK"):
            settings.require(*needed)
    else:
        settings.require(*needed)


def test_keys_can_be_rotated(monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = new_key(), new_key()
    sealed = Vault.of([old]).close("a secret")
    monkeypatch.setenv("PENNYRAIL_WEBHOOK_KEYS", f"{new}, {old}")

    assert OutboundSettings().vault.open(sealed) == "a secret"
    assert Vault.of([new]).open(OutboundSettings().vault.close("another")) == "another"


def test_after_a_rewrap_the_old_key_is_needed_no_more(
    house: House, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("webhook-endpoint", "create", receiver.url, "--event", "credits.granted")
    old, newest = os.environ["PENNYRAIL_WEBHOOK_KEYS"], new_key()
    monkeypatch.setenv("PENNYRAIL_WEBHOOK_KEYS", newest)
    too_early = run("webhook-endpoint", "rewrap")
    monkeypatch.setenv("PENNYRAIL_WEBHOOK_KEYS", f"{newest},{old}")

    done, again = run("webhook-endpoint", "rewrap"), run("webhook-endpoint", "rewrap")

    monkeypatch.setenv("PENNYRAIL_WEBHOOK_KEYS", newest)
    with house.sessions() as session:
        [sealed] = session.connection().execute(text("SELECT sealed FROM webhook_secret")).scalars()
    assert too_early.exit_code != 0
    assert (done.output, again.output) == ("1 secrets are under the newest key\n",) * 2
    assert Vault.of([newest]).open(bytes(sealed)).startswith("whsec_")
