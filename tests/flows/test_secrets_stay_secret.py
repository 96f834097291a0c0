"""Recognisable secrets, planted everywhere, and found nowhere: no log, no reply, no row of the database."""

import base64
import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from psycopg import sql
from sqlalchemy.engine import make_url

from app import service_tokens
from ledger import database
from sandbox import paying
from sandbox.agent import Agent, Refused
from sandbox.house import House, answers
from sandbox.stripe_twin.models import Fault
from sandbox.wallet import Wallet
from tests.flows.buying import CHECKOUT, X402, deposit_address, succeeded
from tests.waiting import eventually

PASSWORD = "database-password-4f1d9c"
HOSTILE = {
    "private key": "0x" + "5ec7e7" * 10 + "abcd",
    "bare private key": "c0ffee" * 10 + "1234",
    "seed phrase": "legal winner thank year wave sausage worth useful legal winner thank yellow",
    "card": "4000 0566 5566 5556",
    "foreign Stripe key": "sk_live_hostile51Nv2eZvKYlo2C",
    "foreign client secret": "pi_3Hostile00000000000000_secret_Hostile1234567890",
    "bearer": "Bearer hostile-bearer-token-0001",
    "x402": base64.b64encode(b'{"x402Version":1,"payload":{"signature":"0xhostile"}}').decode(),
}


@dataclass
class Caller:
    """Somebody who sends what nobody should, and keeps every reply."""

    http: httpx.Client
    seen: list[str] = field(default_factory=list)

    def send(self, method: str, path: str, **sent: Any) -> int:
        """The status of the reply."""
        response = self.http.request(method, path, **sent)
        self.keep(response)
        return response.status_code

    def keep(self, response: httpx.Response) -> None:
        """Keep a reply, headers and all."""
        response.read()
        self.seen.append(f"{response.status_code} {dict(response.headers)} {response.text}")


@pytest.fixture
def planted(home: House) -> Iterator[House]:
    """The house, its processes knowing the database by a password."""
    url = make_url(home.environment["DATABASE_URL"]).set(password=PASSWORD)
    _restart(home, DATABASE_URL=url.render_as_string(hide_password=False))
    yield home
    _restart(home)


def _restart(home: House, **changed: str) -> None:
    for name in ("api", "worker", "watcher", "beat"):
        home.children[name].kill()
        home.start(name, **changed)
    eventually(lambda: answers(home.addresses.api_url))


@pytest.fixture
def caller(planted: House) -> Iterator[Caller]:
    with httpx.Client(base_url=planted.addresses.api_url, timeout=60, trust_env=False) as http:
        yield Caller(http)


def test_no_secret_is_in_a_log_a_reply_or_a_row(planted: House, caller: Caller, agent: Agent) -> None:
    agent._http.event_hooks["response"].append(caller.keep)
    service_token = _service_token(planted)

    _buy_on_both_rails(planted, agent)
    _break_the_processor(planted, agent)
    _be_hostile(planted, caller, agent.token, service_token)
    _break_the_database(planted, agent)
    secrets = {
        **HOSTILE,
        **_of_the_house(planted),
        "agent token": agent.token,
        "service token": service_token,
    }
    found = [
        *_in_replies(caller.seen, secrets),
        *_in_files(planted, secrets),
        *_in_rows(planted, secrets),
    ]

    assert len([name for name in secrets if name.startswith("client secret")]) >= 1
    assert len(caller.seen) > 200
    assert found == []


def test_the_search_finds_what_is_there(home: House, agent: Agent) -> None:
    replies = ["a reply with flow-agent in it"]
    wanted = {"an agent's name": "flow-agent", "nothing": "never-written-anywhere"}
    (home.logs / "found.log").write_text("a line with flow-agent in it")

    found = [*_in_replies(replies, wanted), *_in_files(home, wanted), *_in_rows(home, wanted)]
    (home.logs / "found.log").unlink()

    assert {place.split(":")[0] for place in found} == {"reply", "file", "column agent.agent_name"}
    assert all("an agent's name" in place for place in found)


def _service_token(home: House) -> str:
    engine = database.connect(home.addresses.database_url, pool_size=1)
    with database.sessions(engine)() as session:
        _, token = service_tokens.make(
            session, name="seeded", scopes=service_tokens.SCOPES, expires_at=None, now=datetime.now(UTC)
        )
    engine.dispose()
    return token


def _buy_on_both_rails(home: House, agent: Agent) -> None:
    wallet = Wallet.create(home.addresses.rpc_url)
    deposit = agent.buy(_quote(agent, X402, "q-1"), endpoint=X402[1], key="b-1")
    wallet.send_usdc(deposit_address(deposit), 5_000_000)
    page = agent.buy(_quote(agent, CHECKOUT, "q-2"), endpoint=CHECKOUT[1], key="b-2")
    paying.press_pay(page["checkout_url"])
    for attempt in (deposit, page):
        agent.wait(attempt["payment_attempt_id"], until=succeeded)


def _quote(agent: Agent, rail: tuple[str, str], key: str) -> str:
    quote_id: str = agent.quote(pack_id="starter-500", method=rail[0], key=key)["quote_id"]
    return quote_id


def _break_the_processor(home: House, agent: Agent) -> None:
    # More often than a purchase asks again, under its further idempotency keys too.
    for fault in (Fault(kind="status", status=500, times=99), Fault(kind="drop", times=99)):
        for rail in (CHECKOUT, X402):
            quote_id = _quote(agent, rail, f"q-{fault.kind}-{rail[0]}")
            home.twin.control.fail(fault)
            with pytest.raises(Refused):
                agent.buy(quote_id, endpoint=rail[1], key=f"b-{fault.kind}-{rail[0]}")
            home.twin.control.clear_faults()


def _break_the_database(home: House, agent: Agent) -> None:
    with psycopg.connect(home.addresses.database_url, autocommit=True) as owner:
        for _ in range(3):
            owner.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name LIKE 'pennyrail%'"
            )
            with suppress(Refused):
                agent.paid_credits()
        owner.execute("ALTER TABLE quote RENAME TO quote_away")
        try:
            with suppress(Refused):
                _quote(agent, CHECKOUT, "q-no-table")
        finally:
            owner.execute("ALTER TABLE quote_away RENAME TO quote")


def _be_hostile(home: House, caller: Caller, token: str, service_token: str) -> None:
    ours = _of_the_house(home)
    # Nobody can tell a password from a name: it must only not get out.
    del ours["database password"]
    for secret in [*HOSTILE.values(), token, service_token, *ours.values()]:
        for headers in ({}, {"authorization": f"Bearer {token}"}):
            for sent in _requests(secret):
                assert caller.send(**sent, headers={**headers, **sent.pop("more", {})}) >= 400
    for secret in (token, service_token):
        headers = {"authorization": f"Bearer {secret}"}
        caller.send("POST", "/internal/v1/tokens/introspect", json={"token": token}, headers=headers)
        caller.send("POST", "/internal/v1/holds", json={"agent_id": token, "credits": "x"}, headers=headers)
        caller.send("POST", "/internal/v1/holds", content=secret, headers=headers)
        caller.send("GET", f"/internal/v1/{secret}", headers=headers)


def _requests(secret: str) -> Iterator[dict[str, Any]]:
    text = json.dumps(secret)
    name = {"agent_name": secret, "runtime": "tests", "return_token": False}
    yield {"method": "POST", "path": "/v1/agent-signups", "json": name}
    yield {"method": "POST", "path": "/v1/agent-signups", "json": {secret: 1}}
    yield {"method": "POST", "path": "/v1/credit-quotes", "json": {"credits": 5, "idempotency_key": secret}}
    yield {"method": "POST", "path": "/v1/credit-quotes", "json": {"credits": [{"deep": secret}]}}
    yield {"method": "POST", "path": "/v1/credit-quotes", "json": {"wallet_private_key": secret}}
    yield {"method": "POST", "path": "/v1/credit-quotes", "content": f'{{"credits": {text}'}
    yield {"method": "POST", "path": "/v1/credit-quotes", "content": secret}
    yield {"method": "POST", "path": CHECKOUT[1], "json": {"quote_id": secret, "idempotency_key": secret}}
    yield {"method": "GET", "path": "/v1/credit-purchases/status", "params": {"quote_id": secret}}
    yield {"method": "GET", "path": "/v1/credit-purchases/status", "params": {secret: "1"}}
    yield {"method": "GET", "path": f"/v1/activity/{secret}"}
    yield {"method": "GET", "path": f"/v1/receipts/{secret}"}
    yield {"method": "GET", "path": f"/pay/{secret}"}
    yield {"method": "GET", "path": f"/{secret}"}
    yield {"method": "GET", "path": "/v1/quota", "more": {"x-payment": secret}}
    yield {"method": "GET", "path": "/v1/quota", "more": {"x-note": secret}}
    yield {
        "method": "POST",
        "path": "/webhooks/stripe",
        "content": secret,
        "more": {"stripe-signature": secret},
    }


def _of_the_house(home: House) -> dict[str, str]:
    pem = Path(home.environment["PENNYRAIL_RECEIPT_KEY_FILE"]).read_text().splitlines()
    found = {
        "Stripe key": home.environment["STRIPE_SECRET_KEY"],
        "webhook secret": home.environment["STRIPE_WEBHOOK_SECRETS"],
        "receipt key": pem[1],
        "database password": PASSWORD,
    }
    with httpx.Client(base_url=home.twin.url, auth=(found["Stripe key"], ""), trust_env=False) as stripe:
        for intent in home.twin.control.payment_intents():
            shown = stripe.get(f"/v1/payment_intents/{intent.id}").json()
            if shown.get("client_secret"):
                found[f"client secret of {intent.id}"] = shown["client_secret"]
    return found


def _in_replies(replies: list[str], secrets: dict[str, str]) -> Iterator[str]:
    for reply in replies:
        yield from (f"reply: {name} in {reply[:200]}" for name, secret in secrets.items() if secret in reply)


def _in_files(home: House, secrets: dict[str, str]) -> Iterator[str]:
    for path in sorted(home.folder.rglob("*.log")):
        said = path.read_text(errors="replace")
        yield from (f"file: {name} in {path.name}" for name, secret in secrets.items() if secret in said)


def _in_rows(home: House, secrets: dict[str, str]) -> Iterator[str]:
    """Every column of every table: text as text, JSON and arrays as their text, bytes as bytes."""
    with psycopg.connect(home.addresses.database_url) as reader:
        columns = reader.execute(
            "SELECT table_name, column_name, data_type FROM information_schema.columns"
            " JOIN information_schema.tables USING (table_schema, table_name)"
            " WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
        ).fetchall()
        assert {"text", "jsonb", "bytea", "ARRAY"} <= {kind for _, _, kind in columns}
        for table, column, kind in columns:
            value = sql.SQL("{}" if kind == "bytea" else "{}::text").format(sql.Identifier(column))
            query = sql.SQL("SELECT coalesce(max(1), 0) FROM {} WHERE position({} IN {}) > 0").format(
                sql.Identifier(table), sql.SQL("%s::bytea" if kind == "bytea" else "%s"), value
            )
            for name, secret in secrets.items():
                wanted = secret.encode() if kind == "bytea" else secret
                [there] = reader.execute(query, (wanted,)).fetchone() or (0,)
                if there:
                    yield f"column {table}.{column}: {name}"
