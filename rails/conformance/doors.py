"""The rail as agents meet it: quoted, bought, settled and read over HTTP, told as it tells of itself."""

from collections.abc import Mapping
from typing import Any, Final, Protocol

from rails.conformance.claims import proves
from rails.conformance.stage import Stage
from rails.rail import CryptoDeposit, HostedPage

Json = Mapping[str, Any]
PATH: Final = "/v1/credit-purchases"


class Doors(Protocol):
    """The doors of a house that has this one rail. The agent behind it is signed up already."""

    def get(self, path: str, **query: str) -> Json:
        """The whole reply to a GET."""

    def post(self, path: str, **body: object) -> Json:
        """The whole reply to a POST."""


class DoorCases:
    """Over HTTP, as an agent."""

    @proves("the API says what the rail says")
    def test_the_payment_methods_show_the_capabilities(self, stage: Stage, doors: Doors) -> None:
        """Every declared word, as declared."""
        methods = _data(doors.get("/v1/payment-methods"))["methods"]

        can, rail = stage.rail.capabilities, stage.rail
        told = {each["method_id"]: each for each in methods}[rail.rail_id]
        declared = {
            "available": True,
            "unavailable_reason": None,
            "live_money": rail.live_money,
            "buyer_modes": list(can.buyer_modes),
            "requires_browser": can.requires_browser,
            "agent_initiated": can.agent_initiated,
            "agent_settleable": can.agent_settleable,
            "settlement_blocker": can.settlement_blocker,
            "purchase_endpoint": f"{PATH}/{rail.listing.purchase_path}",
            "limits": {
                "min_amount_cents": rail.limits.minimum.units,
                "max_amount_cents": rail.limits.maximum.units,
            },
        }
        shown = {name: told[name] for name in declared}
        assert shown == declared, f"the API shows {shown}, the rail declares {declared}"

    @proves("the API says what the rail says")
    def test_a_closed_rail_is_shown_as_closed(self, stage: Stage, doors: Doors) -> None:
        """With its reason, and nothing can be quoted on it."""
        reason = "closed to see what agents are told"
        with stage.harness.closed(reason):
            methods = _data(doors.get("/v1/payment-methods"))["methods"]
            refused = doors.post(
                "/v1/credit-quotes", credits=stage.usual.units, payment_method=stage.rail.rail_id
            )

        shown = [(each["available"], each["unavailable_reason"]) for each in methods]
        assert shown == [(False, reason)], f"the rail is closed, and the API shows {shown}"
        assert refused["error"]["code"] == "PAYMENT_METHOD_UNAVAILABLE", f"a closed rail quotes: {refused}"

    @proves("the API says what the rail says")
    def test_the_document_offers_the_rail(self, stage: Stage, doors: Doors) -> None:
        """`/openapi.json` names the door and what it takes."""
        operation = doors.get("/openapi.json")["paths"][f"{PATH}/{stage.rail.listing.purchase_path}"]["post"]

        offers = {each["method_id"]: each for each in operation["x-payment-info"]["offers"]}
        told, can = offers[stage.rail.rail_id], stage.rail.capabilities
        assert told["agent_settleable"] == can.agent_settleable, "the document has another agent_settleable"
        assert told["settlement_blocker"] == can.settlement_blocker, "the document has another blocker"
        assert told["requires_browser"] == can.requires_browser, "the document has another requires_browser"

    @proves("the API tells who has to act")
    def test_what_is_next_names_whoever_can_settle(self, stage: Stage, doors: Doors) -> None:
        """An agent where it can pay by itself, a person where not."""
        bought = _buy(stage, doors)

        actor, action = bought["next"]["actor"], bought["next"]["action"]
        expected = (
            ("agent", "pay_unless_sent")
            if stage.rail.capabilities.agent_settleable
            else ("human", "open_checkout_url")
        )
        assert (actor, action) == expected, f"next is {action} by {actor}, not {expected[1]} by {expected[0]}"

    @proves("the API tells how to pay")
    def test_the_reply_holds_the_instructions_untouched(self, stage: Stage, doors: Doors) -> None:
        """What an agent reads is what the rail said, byte for byte."""
        bought = _buy(stage, doors)

        payment = stage.payment(bought["payment_attempt_id"])
        match payment.instructions:
            case HostedPage(url=url):
                assert bought["checkout_url"] == url, f"the rail said {url}, the API {bought['checkout_url']}"
            case CryptoDeposit() as told:
                shown = bought["stripe_x402"]["payable_instructions"]
                said = (told.address, told.token_contract, str(told.amount.units), told.network)
                names = ("deposit_address", "token_contract_address", "token_amount_atomic", "network")
                assert tuple(shown[name] for name in names) == said, "the API tells other instructions"

    @proves("from quote to receipt over HTTP")
    def test_a_purchase_goes_from_quote_to_receipt(self, stage: Stage, doors: Doors) -> None:
        """Quoted, bought, paid, settled, and read with its witnesses."""
        bought = _buy(stage, doors)
        payment = stage.payment(bought["payment_attempt_id"])
        stage.pay(payment)
        stage.wait_for_paid(payment)
        stage.look(payment)

        told = _data(doors.get(f"{PATH}/status", payment_attempt_id=bought["payment_attempt_id"]))

        receipt = told["receipt"]
        assert (told["state"], told["terminal"]) == ("succeeded", True), (
            f"paid, and the status is {told['state']}"
        )
        assert receipt["credits_granted"] == payment.price.units, "the receipt names other credits"
        assert receipt["received_cents"] == payment.price.units, "the receipt names another sum"
        assert _sources(receipt) == set(stage.rail.witnesses), (
            f"witnesses on the receipt: {_sources(receipt)}"
        )
        assert not [each for each in receipt["witnesses"] if each["state"] == "pending"], (
            "a witness is silent"
        )

    @proves("the API shows no name of the processor")
    def test_agents_never_see_what_the_processor_calls_a_payment(self, stage: Stage, doors: Doors) -> None:
        """Whoever knows the reference could ask the processor for it. A page's address may hold it."""
        bought = _buy(stage, doors)
        payment = stage.payment(bought["payment_attempt_id"])
        told = _data(doors.get(f"{PATH}/status", payment_attempt_id=bought["payment_attempt_id"]))

        # The session of Stripe Checkout is the one reference that agents are promised.
        if not payment.reference.startswith("cs_"):
            page = payment.instructions.url if isinstance(payment.instructions, HostedPage) else ""
            shown = f"{bought} {told}".replace(page, "") if page else f"{bought} {told}"
            assert payment.reference not in shown, "the reference at the processor is shown to agents"


def _data(reply: Json) -> Json:
    assert reply["ok"], f"the door refused: {reply['error']}"
    data: Json = reply["data"]
    return data


def _buy(stage: Stage, doors: Doors) -> Json:
    quote = _data(
        doors.post("/v1/credit-quotes", credits=stage.usual.units, payment_method=stage.rail.rail_id)
    )
    return _data(
        doors.post(
            f"{PATH}/{stage.rail.listing.purchase_path}",
            quote_id=quote["quote_id"],
            idempotency_key=f"purchase:{quote['quote_id']}",
        )
    )


def _sources(receipt: Json) -> set[str]:
    return {each["source"] for each in receipt["witnesses"]}
