"""Services and endpoints, and nothing that opens a door."""

from datetime import timedelta

from app import service_tokens
from outbound import endpoints
from outbound.addresses import Rules
from tests.app.console.seats import Console


def test_services_are_told_by_name_and_state_and_never_by_secret(console: Console) -> None:
    now = console.clock.now
    with console.sessions() as session:
        _, active = service_tokens.make(
            session, name="jobs", scopes=["holds:write"], expires_at=None, now=now
        )
        service_tokens.make(
            session, name="old", scopes=["balances:read"], expires_at=now - timedelta(days=1), now=now
        )
        service_tokens.make(session, name="gone", scopes=["balances:read"], expires_at=None, now=now)
        service_tokens.revoke(session, name_or_id="gone", now=now)
    viewer = console.operator("viewer")

    told = viewer.json("/console/services")
    page = viewer.page("/console/services")

    assert {each["name"]: each["state"] for each in told["tokens"]} == {
        "jobs": "active",
        "old": "expired",
        "gone": "revoked",
    }
    for secret in (active, "token_hash", "isk_svc"):
        assert secret not in page + str(told)


def test_endpoints_are_told_with_their_state_and_no_more_of_their_address_than_is_open(
    console: Console,
) -> None:
    url = "https://hooks.example.com:8443/pennyrail?token=kept-to-themselves"
    with console.sessions() as session:
        made, secret = endpoints.create(
            session,
            url=url,
            event_types=["credits.granted"],
            rules=Rules(ports=frozenset({443, 8443})),
            vault=console.desk.vault,
            now=console.clock.now,
        )
        endpoints.disable(session, made.endpoint_id, reason="by hand", now=console.clock.now)
    viewer = console.operator("viewer")

    told = viewer.json("/console/services")
    page = viewer.page("/console/services")

    [endpoint] = told["endpoints"]
    assert (endpoint["endpoint_id"], endpoint["state"]) == (made.endpoint_id, "disabled")
    assert endpoint["url"] == "https://hooks.example.com:8443/pennyrail"
    for kept in (secret, "kept-to-themselves", "sealed"):
        assert kept not in page + str(told)


def test_a_house_that_nobody_speaks_with_says_so(console: Console) -> None:
    page = console.operator("viewer").page("/console/services")

    assert "No service has a token." in page
    assert "Nobody is told what happens." in page
