"""Rows 136 to 144, 147 and 148: what a client's guide makes of this server's replies."""

from sqlmodel import text

from tests.app.conftest import Json, ok
from tests.contract import guide
from tests.contract.guide import Replies
from tests.contract.house import CHECKOUT, PATHS, X402, Caller, House, as_body
from tests.internal.conftest import done


def read(house: House, agent: Caller | None) -> Replies:
    """What a guide reads, in its order. None has no token."""
    visitor = house.visitor()
    return Replies(
        visitor.get("/healthz"),
        visitor.get("/v1/models"),
        visitor.get("/v1/payment-methods"),
        agent.get("/v1/quota") if agent is not None else None,
    )


def broke(house: House) -> Caller:
    """An agent that has used up its preview."""
    agent = house.agent()
    done(house.service().debit(agent.actor_id(), 20))
    return agent


def written(house: House) -> dict[str, int]:
    """How many rows every table has."""
    tables = text("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
    with house.sessions() as session:
        names = session.connection().execute(tables).scalars().all()
        return {
            name: session.connection().execute(text(f'SELECT count(*) FROM "{name}"')).scalar_one()  # noqa: S608
            for name in names
        }


def test_row_136_the_guides_reads_change_nothing(house: House) -> None:
    agent = broke(house)
    before, asked = written(house), len(house.twin.requests())

    read(house, agent)
    read(house, None)

    assert written(house) == before
    assert len(house.twin.requests()) == asked


def test_row_137_the_guide_finds_health_models_quota_and_rails(house: House, agent: Caller) -> None:
    seen = read(house, agent)

    assert all(reply["ok"] for reply in (seen.health, seen.models, seen.methods, seen.quota) if reply)
    assert ok(seen.models)["summary"] == {"executable": 1, "cataloged_not_wired": 0}
    model = guide.chosen_model(seen)
    assert model is not None
    pricing = model["economics"]["credit_pricing"]
    assert pricing["credits_required"] * pricing["credit_unit_usd"] == pricing["estimated_revenue_usd"]
    assert model["economics"]["estimated_usd_per_image"] == pricing["estimated_revenue_usd"]
    assert pricing["estimated_provider_cost_usd"] < pricing["estimated_revenue_usd"]
    assert pricing["pricing_confidence"] == "exact"


def test_row_138_every_stage_follows_from_what_is_read(house: House, agent: Caller) -> None:
    capped = house.agent()
    for _ in range(4):
        done(house.service().debit(capped.actor_id(), 1))
    payer = broke(house)
    before = guide.stage(read(house, payer))

    house.paid(payer)

    assert guide.stage(read(house, agent), prompt=None) == "prompt_required"
    assert guide.stage(read(house, None)) == "auth_required"
    assert guide.stage(read(house, house.visitor("isk_r_nobody-has-this"))) == "auth_required"
    assert guide.stage(read(house, agent)) == "ready_to_create"
    assert guide.stage(read(house, capped)) == "quota_required"
    assert (before, guide.stage(read(house, payer))) == ("quota_required", "ready_to_create")


def test_row_139_quota_required_points_at_the_preferred_rails_commands(house: House) -> None:
    seen = read(house, broke(house))
    rows = {row["method_id"]: row["recovery"] for row in guide.usable(seen)}

    commands = guide.suggested(seen)

    assert guide.stage(seen) == "quota_required"
    assert commands[2:5] == list(rows[X402].values())
    assert commands[5:] == list(rows[CHECKOUT].values())
    assert guide.next_command(seen) == rows[X402]["quote_command"]


def test_row_140_the_self_fund_command_is_the_next_command_and_runs(house: House) -> None:
    agent = broke(house)
    seen = read(house, agent)

    command = guide.next_command(seen)

    assert seen.quota is not None
    assert command == ok(seen.quota)["top_up"]["quote_command"]
    assert guide.copy_runnable(command)
    assert ok(agent.post("/v1/credit-quotes", **as_body(command)))["accepted_payment_method"] == X402


def test_row_141_live_money_and_the_path_can_be_warned_of(house: House) -> None:
    seen = read(house, broke(house))

    row = guide.preferred(seen)

    assert row is not None
    assert row["live_money"] is True
    assert seen.quota is not None
    assert guide.top_up_path(row) == ok(seen.quota)["top_up"]["path"]


def test_row_142_the_rails_lead_to_the_three_paths(house: House, agent: Caller) -> None:
    both = guide.preferred(read(house, agent))
    house.x402.stripe_x402_closed = "closed"
    page = guide.preferred(read(house, agent))
    house.checkout.stripe_checkout_closed = "closed"

    nothing = read(house, agent)

    assert both is not None
    assert page is not None
    assert guide.top_up_path(both) == "browserless_agent_self_fund"
    assert guide.top_up_path(page) == "human_payment_handoff"
    # No rail of this house is browserless without being settleable; such a row would be inspected.
    assert guide.top_up_path({**both, "agent_settleable": False}) == "payment_method_inspection"
    assert guide.preferred(nothing) is None
    assert nothing.quota is not None
    assert ok(nothing.quota)["top_up"]["available"] is False


def test_row_143_the_handoffs_commands_lead_to_a_real_attempt_and_back(house: House) -> None:
    agent = broke(house)
    row = guide.preferred(read(house, agent))
    assert row is not None
    commands: Json = row["recovery"]

    quote = ok(agent.post("/v1/credit-quotes", **as_body(commands["quote_command"])))
    bought = as_body(
        commands["purchase_command"].replace("QUOTE_ID", quote["quote_id"]).replace("KEY", "guide-1")
    )
    assert bought.pop("provider") == quote["next_actions"]["recommended_buy"]["provider"]
    attempt = ok(agent.post(PATHS[quote["accepted_payment_method"]], **bought))
    asked = commands["status_command"].replace("PAYMENT_ATTEMPT_ID", attempt["payment_attempt_id"])

    assert agent.status(payment_attempt_id=asked.split()[4])["state"] == "action_required"
    house.pay(attempt)
    house.settle(agent, attempt)
    assert guide.stage(read(house, agent)) == "ready_to_create"


def test_row_144_a_wallet_finds_the_instruction_fields_for_x402_alone(house: House, agent: Caller) -> None:
    settleable = guide.wallet_settlement(read(house, agent))
    attempt = agent.buy(agent.quote())
    status = agent.status(payment_attempt_id=attempt["payment_attempt_id"])
    house.x402.stripe_x402_closed = "closed"

    page_only = guide.wallet_settlement(read(house, agent))

    assert (settleable, page_only) == (True, False)
    fields = {"deposit_address", "token_contract_address", "token_amount_atomic", "network", "expires_at"}
    assert fields <= set(attempt["stripe_x402"]["payable_instructions"])
    assert fields <= set(status["payment_attempt"]["stripe_x402"]["payable_instructions"])
    page = agent.buy(agent.quote(payment_method=CHECKOUT))
    assert "stripe_x402" not in page


def test_row_147_browserless_settleable_and_human_rails_are_told_apart(house: House, agent: Caller) -> None:
    seen = read(house, agent)

    row = guide.preferred(seen)

    assert guide.browserless(seen) == guide.agent_payable(seen) == [X402]
    assert guide.human_handoff(seen) == [CHECKOUT]
    assert row is not None
    assert row["method_id"] == X402


def test_row_148_before_the_wall_there_is_a_quote_without_placeholders(house: House, agent: Caller) -> None:
    seen = read(house, agent)
    row = guide.preferred(seen)

    assert guide.stage(seen) == "ready_to_create"
    assert row is not None
    command = row["recovery"]["quote_command"]
    assert guide.copy_runnable(command)
    assert "KEY" not in command
    assert ok(agent.post("/v1/credit-quotes", **as_body(command)))["state"] == "created"
