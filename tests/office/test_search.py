"""The one box: every id that anybody can know leads to its page, and nothing that is typed breaks it."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy import Engine
from sqlmodel import col, select

from app import service_tokens
from ledger import database
from ledger.database import Sessions
from ledger.models import Transaction
from office import search
from office.search import Answer
from rails import catalog, purchase
from rails.models import Activity, PaymentException
from tests.conftest import new_database
from tests.office.market import AGENTS_ADDRESS, MINUTE, WALLET, Market
from tests.office.walks import asked
from tests.reconciliation.world import AGENT, HOUR, NOON


@dataclass
class Known:
    """What was bought, and the names of it."""

    url: str
    engine: Engine
    sessions: Sessions
    names: dict[str, str]

    def search(self, typed: str) -> Answer:
        with self.sessions() as session:
            return search.search(session, typed.format(**self.names))

    def suggest(self, typed: str) -> list[tuple[str, str]]:
        with self.sessions() as session:
            return [(each.kind, each.key) for each in search.suggest(session, typed.format(**self.names))]


@pytest.fixture(scope="module")
def known(postgres_url: str) -> Iterator[Known]:
    """A market in which everything has happened once."""
    with new_database(postgres_url) as url:
        engine = database.connect(url)
        sessions = database.sessions(engine)
        yield Known(url, engine, sessions, _names(Market(sessions)))
        engine.dispose()


def _names(market: Market) -> dict[str, str]:
    shop = market.shop
    deposit, page = shop.grant(shop.deposit), shop.grant(shop.page)
    hash_of_deposit = market.transfer(deposit, 1, sender="0x" + "de" * 20)
    shop.charge(page)
    shop.page.dispute(shop.reference(page), "du_1Dispute", 500)
    market.look_back(shop.page, page)
    shop.reconcile(at=NOON + HOUR)
    market.own_address()
    shared = market.buy_at_agents_address("1")
    claimed = market.transfer(shared, 2)
    market.claim(shared)
    unclaimed = market.transfer(shared, 3, cents=7)
    underpaid = market.underpay()
    refund = market.refund(shop.deposit, deposit, 100)
    market.spend("render", 3)
    held = market.hold("video", 5)
    with market.sessions() as session:
        item = session.exec(select(PaymentException)).one()
        quote = market.attempt(deposit).quote_id
        told = session.exec(select(Activity.event_id).where(col(Activity.type).endswith("granted"))).first()
        grant = session.exec(
            select(Transaction.id).where(Transaction.reference == f"purchase:{deposit}")
        ).one()
        debit = session.exec(select(Transaction.id).where(Transaction.reference == "render")).one()
    return {
        "deposit": deposit,
        "page": page,
        "shared": shared,
        "underpaid": underpaid,
        "quote": quote,
        "unbought": _unbought(market),
        "receipt": market.receipt(deposit).receipt_id,
        "credit_event": market.receipt(deposit).credit_event_id,
        "cs": shop.reference(page),
        "pi": shop.reference(deposit),
        "address": market.attempt(deposit).deposit_address or "",
        "hash": hash_of_deposit,
        "claimed": claimed,
        "unclaimed": unclaimed,
        "refund": refund,
        "re": next(iter(shop.deposit._reversed[shop.reference(deposit)])),
        "event": told or "",
        "notice": str(market.notice("evt_1Notice", "payment_intent.succeeded", shop.reference(deposit))),
        "message": market.tell(),
        "service": _service(market),
        "item": str(item.exception_id),
        "grant": str(grant),
        "debit": str(debit),
        "hold": held,
        "buyer": market.buyer,
        "charge": f"ch_{page}",
        "charged": f"pi_{page}",
    }


def _service(market: Market) -> str:
    with market.sessions() as session:
        made, _ = service_tokens.make(
            session, name="runner", scopes=[service_tokens.SCOPES[0]], expires_at=None, now=NOON
        )
        return made.id


def _unbought(market: Market) -> str:
    rail = market.shop.page
    terms = catalog.terms(credits_wanted=500, pack_id=None, rail_id=rail.rail_id)
    return purchase.quote(
        market.sessions,
        {rail.rail_id: rail},
        agent_id=AGENT,
        terms=terms,
        idempotency_key="never bought",
        now=NOON + MINUTE,
    ).quote.quote_id


ONE_THING = [
    ("{deposit}", "purchase", "{deposit}"),
    ("  {deposit}\n", "purchase", "{deposit}"),
    ('"{deposit}"', "purchase", "{deposit}"),
    ("{quote}", "purchase", "{deposit}"),
    ("{unbought}", "quote", "{unbought}"),
    ("{receipt}", "purchase", "{deposit}"),
    ("{credit_event}", "purchase", "{deposit}"),
    ("{cs}", "purchase", "{page}"),
    ("{pi}", "purchase", "{deposit}"),
    ("{charge}", "purchase", "{page}"),
    ("{charged}", "purchase", "{page}"),
    ("txn_1", "purchase", "{page}"),
    ("du_1Dispute", "purchase", "{page}"),
    ("{re}", "purchase", "{deposit}"),
    ("{refund}", "purchase", "{deposit}"),
    ("refund of {deposit}", "purchase", "{deposit}"),
    ("evt_1Notice", "notice", "{notice}"),
    ("{event}", "purchase", "{deposit}"),
    ("{message}", "message", "{message}"),
    ("{service}", "service", "{service}"),
    ("{hash}", "purchase", "{deposit}"),
    ("{claimed}", "purchase", "{shared}"),
    ("{unclaimed}", "agent", "{buyer}"),
    ("{address}", "purchase", "{deposit}"),
    (AGENTS_ADDRESS, "agent", "{buyer}"),
    ("0x" + "DE" * 20, "purchase", "{deposit}"),
    ("{buyer}", "agent", "{buyer}"),
    (AGENT, "agent", AGENT),
    (f"agent:{AGENT}", "agent", AGENT),
    ("exception {item}", "exception", "{item}"),
    ("Exception #{item}", "exception", "{item}"),
    ("notice {notice}", "notice", "{notice}"),
    ("transaction {grant}", "transaction", "{grant}"),
    ("purchase:{deposit}", "transaction", "{grant}"),
    ("credit_event_{grant}", "transaction", "{grant}"),
    ("evt_use_{debit}", "transaction", "{debit}"),
    ("job_render", "transaction", "{debit}"),
    ("job_video", "hold", "{hold}"),
    ("{hold}", "hold", "{hold}"),
    ("https://basescan.example/tx/{hash}#eventlog", "purchase", "{deposit}"),
    ("https://dashboard.example/test/payments/{pi}", "purchase", "{deposit}"),
    ("what became of {deposit}?", "purchase", "{deposit}"),
]


@pytest.mark.parametrize(("typed", "kind", "key"), ONE_THING, ids=lambda each: each[:40])
def test_what_names_one_thing_leads_to_it(known: Known, typed: str, kind: str, key: str) -> None:
    answer = known.search(typed)

    assert answer.only is not None, answer
    assert (answer.only.kind, answer.only.key) == (kind, key.format(**known.names))


def test_a_hash_is_found_however_it_is_written(known: Known) -> None:
    bare = known.names["hash"].removeprefix("0x").upper()

    assert [each.key for each in known.search(bare).found] == [known.names["deposit"]]


def test_a_wallet_leads_to_all_that_it_paid(known: Known) -> None:
    answer = known.search(WALLET)

    assert answer.only is None
    assert {(each.kind, each.key) for each in answer.found} == {
        ("purchase", known.names["shared"]),
        ("agent", known.names["buyer"]),
    }


def test_a_bare_number_may_be_several_things(known: Known) -> None:
    answer = known.search("1")

    assert answer.only is None
    assert {each.kind for each in answer.found} == {"exception", "notice", "transaction"}


@pytest.mark.parametrize("typed", ["shop-b", "SHOP-BOT", "buyer@exam"])
def test_a_name_or_contact_is_found_by_its_beginning_and_never_jumped_to(known: Known, typed: str) -> None:
    answer = known.search(typed)

    assert [(each.kind, each.key) for each in answer.found] == [("agent", known.names["buyer"])]
    assert answer.only is None


def test_the_beginning_of_an_id_lists_what_begins_so(known: Known) -> None:
    answer = known.search(known.names["deposit"][:12])

    assert known.names["deposit"] in [each.key for each in answer.found]
    assert answer.only is None


def test_what_was_found_says_what_it_is(known: Known) -> None:
    [found] = known.search("{deposit}").found

    assert found.about == "500 credits for $5.00, fake_deposit"
    assert (found.state, found.agent_id, found.at) == ("succeeded", AGENT, NOON)


NOTHING = [
    "",
    "   ",
    "payatt_",
    "payatt_%",
    "payatt_' OR '1'='1",
    "'; DROP TABLE payment_attempt; --",
    "%",
    "_",
    "\\",
    "\x00",
    "\x00\x01\x02",
    "\ud800",
    "\u200b\u202e",
    "<script>alert(1)</script>",
    "{{7*7}}",
    "../../etc/passwd",
    "99999999999999999999",
    "9223372036854775807",
    "9223372036854775808",
    "exception 9999999999999999999",
    "credit_event_9999999999999999999",
    "-1",
    "0x",
    "0x" + "0" * 64,
    "0x" + "g" * 40,
    "pi_nobody",
    "evt_nobody",
    "agt_nobody",
    "hold_nobody",
    "shop%",
    "a" * 5000,
    "x_" * 1000,
    "١٢٣",
    "🙂" * 100,
    "=1+1",
    "\r\nSet-Cookie: a=b",
    "purchase:",
    "agent:",
    "NULL",
    "$1",
    ":q",
]


@pytest.mark.parametrize("typed", NOTHING, ids=lambda each: ascii(each)[:30])
def test_what_names_nothing_finds_nothing(known: Known, typed: str) -> None:
    with known.sessions() as session:
        assert search.search(session, typed).found == ()
        assert search.suggest(session, typed) == ()


def test_suggestions_come_from_the_beginning_of_an_id(known: Known) -> None:
    assert ("purchase", known.names["deposit"]) in known.suggest(known.names["deposit"][:14])
    assert known.suggest("{deposit}") == [("purchase", known.names["deposit"])]
    assert known.suggest("Shop") == [("agent", known.names["buyer"])]


@pytest.mark.parametrize(
    "typed",
    [
        *("{deposit}", "{quote}", "{receipt}", "{credit_event}", "evt_use_{debit}", "{refund}", "{hold}"),
        *(
            "{buyer}",
            "org_1",
            "{message}",
            "{hash}",
            "{address}",
            "12",
            "exception 1",
            "agent:agt_1",
            "du_1x",
        ),
        *("some words", "payatt_12", "quote_12", "receipt_12", "agt_12", "hold_12", "cs_12", "pi_12"),
    ],
)
def test_nothing_that_is_typed_makes_it_walk_over_a_table(known: Known, typed: str) -> None:
    with asked(known.engine) as statements:
        known.search(typed)
        known.suggest(typed)

    assert len(statements.statements) > 1
    assert statements.walks(known.url) == []
