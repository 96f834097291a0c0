"""Quotes. Numbers are rows of the contract."""

import shlex
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from tests.app.conftest import Client, Doors, Json, ok

SANDBOX = "test money: this quote and its address are of a sandbox; send nothing real"


def as_body(command: str) -> Json:
    """What the client sends for a quote command, flag by flag."""
    words = shlex.split(command)
    assert words[:3] == ["pennyrail", "credits", "quote"]
    assert words[-1] == "--json"
    flags = dict(zip(words[3:-1:2], words[4:-1:2], strict=True))
    names = {
        "--pack": "pack_id",
        "--payment-method": "payment_method",
        "--idempotency-key": "idempotency_key",
    }
    body: Json = {names[flag]: word for flag, word in flags.items() if flag != "--credits"}
    return body | ({"credits": int(flags["--credits"])} if "--credits" in flags else {})


def ask(agent: Client, **terms: object) -> Json:
    return agent.post("/v1/credit-quotes", **terms)


def test_rows_60_to_64_a_quote_of_an_exact_amount_says_all_its_terms(doors: Doors) -> None:
    reply = ask(doors.agent(), credits=10, payment_method="fake_deposit", idempotency_key="quote-run-001")

    data = ok(reply)
    assert data.pop("next_actions").keys() == {"recommended_buy"}
    assert data.pop("payment_policy")["pay_until"] is None
    assert data.pop("quote_id").startswith("quote_")
    assert data == {
        "state": "created",
        "credits": 10,
        "price_amount_cents": 10,
        "currency": "USD",
        "expires_at": "2026-11-20T12:30:00.000Z",
        "accepted_payment_method": "fake_deposit",
        "idempotency_key": "quote-run-001",
        "pack_id": None,
        "pack": None,
        "live_money": True,
    }
    assert reply["command"] == "pennyrail credits quote"


def test_test_money_says_so_in_every_reply_about_a_payment_and_nowhere_in_its_instructions(
    doors: Doors,
) -> None:
    agent = doors.agent()
    doors.deposit.live_money = False

    quoted = ask(agent, credits=500, payment_method="fake_deposit")
    quote_id = ok(quoted)["quote_id"]
    opened = agent.post(
        "/v1/credit-purchases/fake-deposits", quote_id=quote_id, idempotency_key=f"purchase:{quote_id}"
    )
    status = agent.get("/v1/credit-purchases/status", quote_id=quote_id)
    real = ask(agent, credits=500, payment_method="fake_page")

    for reply in (quoted, opened, status):
        assert SANDBOX in reply["warnings"]
        assert ok(reply)
    assert "sandbox" not in str(ok(opened)["stripe_x402"])
    assert SANDBOX not in real["warnings"]


def test_a_quote_without_a_method_names_the_one_that_was_chosen_and_the_other(doors: Doors) -> None:
    reply = ask(doors.agent(), credits=500)

    assert ok(reply)["accepted_payment_method"] == "fake_page"
    assert reply["warnings"] == [
        "payment_method was left out, so this quote is for fake_page; there is also: fake_deposit"
    ]


def test_row_63_a_quote_of_a_pack_holds_the_pack(doors: Doors) -> None:
    data = doors.agent().quote(credits=None, pack_id="builder-2000")

    assert (data["credits"], data["pack_id"]) == (2000, "builder-2000")
    assert data["pack"]["display_name"] == "Builder (2000 credits)"


def test_rows_65_and_66_a_quote_grants_nothing_and_tells_nobody_where_to_pay(doors: Doors) -> None:
    agent = doors.agent()

    data = agent.quote()

    assert "0x" not in str(data)
    assert agent.balance() == 0
    assert doors.deposit.opened == {}


def test_row_67_the_same_key_and_terms_replay_the_same_quote(doors: Doors) -> None:
    agent = doors.agent()
    first = agent.quote(idempotency_key="k")
    doors.clock.now += timedelta(minutes=5)

    second = agent.quote(idempotency_key="k")

    assert second == first


def test_the_key_of_an_expired_quote_returns_it_as_expired_with_a_fresh_quote_to_ask_for(
    doors: Doors,
) -> None:
    agent = doors.agent()
    first = agent.quote(idempotency_key="k")
    doors.clock.now += timedelta(minutes=30)

    again = agent.quote(idempotency_key="k")
    fresh = ok(ask(agent, **as_body(again["next"]["suggested_commands"][0])))

    assert (again["quote_id"], again["state"], again["next_actions"]) == (first["quote_id"], "expired", {})
    assert agent.status(quote_id=first["quote_id"])["quote"]["state"] == "expired"
    assert (fresh["state"], fresh["credits"]) == ("created", 500)
    assert fresh["quote_id"] != first["quote_id"]


def test_a_quote_that_is_being_paid_keeps_its_price_after_its_time(doors: Doors) -> None:
    agent = doors.agent()
    first = agent.quote(idempotency_key="k")
    attempt_id = agent.buy(first)["payment_attempt_id"]
    doors.clock.now += timedelta(minutes=30)
    while_open = agent.quote(idempotency_key="k")
    doors.deposit.fail(doors.reference(attempt_id))
    doors.settle(attempt_id)

    when_closed = agent.quote(idempotency_key="k")

    assert (while_open["state"], when_closed["state"]) == ("created", "expired")
    # Whoever has paid and asks again must not be led to buy.
    assert while_open["next_actions"] == {}
    assert "do not send it again" in while_open["next"]["message"]
    assert "do not pay again" in when_closed["next"]["message"]


@pytest.mark.parametrize(
    "changed",
    [
        {"credits": 501},
        {"credits": None, "pack_id": "starter-500"},
        {"payment_method": "fake_page"},
    ],
)
def test_rows_68_to_70_other_terms_under_one_key_conflict_and_the_suggested_command_works(
    doors: Doors, changed: Json
) -> None:
    agent = doors.agent()
    first = agent.quote(idempotency_key="k")
    wanted = {"credits": 500, "payment_method": "fake_deposit", **changed}

    reply = ask(agent, **wanted, idempotency_key="k")
    suggested = as_body(reply["error"]["recovery"]["suggested_command"])
    second = ok(ask(agent, **suggested))

    assert reply["error"]["code"] == "CREDIT_QUOTE_CONFLICT"
    assert agent.seen[-2].status_code == 409
    assert suggested["idempotency_key"] != "k"
    assert second["quote_id"] != first["quote_id"]
    for name, value in wanted.items():
        assert suggested.get(name) == value


def test_row_71_the_same_key_of_another_agent_is_another_quote(doors: Doors) -> None:
    one, other = doors.agent("one"), doors.agent("other")

    first, second = one.quote(idempotency_key="k"), other.quote(idempotency_key="k", credits=7)

    assert first["quote_id"] != second["quote_id"]


def test_row_72_any_printable_key_is_accepted_and_echoed(doors: Doors) -> None:
    agent = doors.agent()

    for key in ("quote-1763640000000-1a2b3c4d", 'run 7: it\'s "mine" $HOME', "schlüssel", "x" * 255):
        assert agent.quote(idempotency_key=key)["idempotency_key"] == key


def test_row_72_a_caller_without_a_key_is_told_the_one_it_was_given(doors: Doors) -> None:
    agent = doors.agent()

    data = agent.quote()

    assert agent.quote(idempotency_key=data["idempotency_key"])["quote_id"] == data["quote_id"]


def test_row_73_racing_quotes_with_one_key_are_one_quote(doors: Doors) -> None:
    agent = doors.agent()

    with ThreadPoolExecutor(8) as pool:
        quotes = list(pool.map(lambda _: agent.quote(idempotency_key="k")["quote_id"], range(16)))

    assert len(set(quotes)) == 1


def test_row_74_amounts_outside_the_range_or_of_another_kind_are_refused(doors: Doors) -> None:
    agent = doors.agent()

    for credits in (0, -5, 5001, 10**30, 1.5, "500", True, [500], {"a": 1}):
        error = ask(agent, credits=credits, payment_method="fake_page", idempotency_key="k")["error"]

        assert error["code"] == "INVALID_ARGUMENTS", credits
        assert agent.seen[-1].headers["x-image-skill-exit-code"] == "2"
        assert ok(ask(agent, **as_body(error["recovery"]["suggested_command"])))


def test_row_62_either_credits_or_a_pack_and_not_both_or_neither(doors: Doors) -> None:
    agent = doors.agent()

    both = ask(agent, credits=500, pack_id="starter-500", idempotency_key="k")
    neither = ask(agent, idempotency_key="k")

    assert both["error"]["code"] == neither["error"]["code"] == "INVALID_ARGUMENTS"
    assert both["error"]["message"] == "give either credits or pack_id"


def test_row_74_unknown_packs_and_methods_are_refused_with_where_to_look(doors: Doors) -> None:
    agent = doors.agent()

    pack = ask(agent, pack_id="jumbo", idempotency_key="k")["error"]
    method = ask(agent, credits=5, payment_method="x402.fake.exact", idempotency_key="k")["error"]

    assert (pack["code"], agent.seen[-2].headers["x-image-skill-exit-code"]) == ("CREDIT_PACK_NOT_FOUND", "2")
    assert pack["recovery"]["suggested_command"] == "pennyrail credits packs list --json"
    assert (method["code"], agent.seen[-1].status_code) == ("PAYMENT_METHOD_UNAVAILABLE", 400)
    assert method["recovery"]["suggested_command"] == "pennyrail credits methods --json"


@pytest.mark.parametrize("wrong", [{"credits": 5001}, {"credits": "five"}, {"credits": 5, "creditz": 1}, {}])
def test_a_refusal_suggests_a_quote_on_the_rail_that_was_asked_for(doors: Doors, wrong: Json) -> None:
    error = ask(doors.agent(), payment_method="fake_deposit", idempotency_key="k", **wrong)["error"]

    assert (
        error["recovery"]["suggested_command"]
        == "pennyrail credits quote --pack starter-500 --payment-method fake_deposit --json"
    )


def test_row_54_a_closed_rail_takes_no_quote(doors: Doors) -> None:
    doors.page.unavailable_reason = "closed"

    error = ask(doors.agent(), credits=5, payment_method="fake_page", idempotency_key="k")["error"]

    assert error["code"] == "PAYMENT_METHOD_UNAVAILABLE"


def test_row_75_a_caller_that_names_no_method_gets_the_default_one(doors: Doors) -> None:
    data = ok(ask(doors.agent(), credits=5, idempotency_key="k"))

    assert data["accepted_payment_method"] == "fake_page"


def test_row_77_the_recommended_buy_holds_the_real_quote_and_its_key(doors: Doors) -> None:
    data = doors.agent().quote()

    recommended = data["next_actions"]["recommended_buy"]
    quote_id = data["quote_id"]
    assert recommended["purchase_idempotency_key"] == f"purchase:{quote_id}"
    assert recommended["command"] == (
        f"pennyrail credits buy --provider fake_deposit --quote-id {quote_id}"
        f" --idempotency-key purchase:{quote_id} --json"
    )
    assert recommended["status_command"] == f"pennyrail credits status --quote-id {quote_id} --json"
    assert recommended["human_handoff_required"] is False
    assert recommended["command_effect"]["no_spend"] is False
