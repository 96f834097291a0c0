"""The tools: what each is for, what it takes, and which door it asks."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from app.commands import purchase_key
from app.mcp.asking import Doors
from app.mcp.replies import Arguments, Reply, at, refusal

Schema = Mapping[str, object]

METHODS: Final = "/v1/payment-methods"
STATUS: Final = "/v1/credit-purchases/status"


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool. `then` is the tool to call after it where the door does not say.

    It needs one of the fields `one_of`. `kept` is its description where the process itself keeps the token.
    """

    name: str
    title: str
    description: str
    ask: Callable[[Doors, Arguments], Awaitable[Reply]]
    fields: Mapping[str, Schema]
    required: tuple[str, ...] = ()
    needs_agent: bool = True
    reads_only: bool = True
    idempotent: bool = True
    open_world: bool = False
    then: str | None = None
    one_of: tuple[str, ...] = ()
    kept: str | None = None


def _text(description: str, **rules: object) -> Schema:
    return {"type": "string", "minLength": 1, "maxLength": 255, "description": description, **rules}


def _number(description: str, **rules: object) -> Schema:
    return {"type": "integer", "description": description, **rules}


async def _sign_up(doors: Doors, given: Arguments) -> Reply:
    return await doors.post("/v1/agent-signups", {**given, "return_token": True})


async def _methods(doors: Doors, given: Arguments) -> Reply:
    return await doors.get(METHODS, given)


async def _packs(doors: Doors, given: Arguments) -> Reply:
    return await doors.get("/v1/credit-packs", given)


async def _quote(doors: Doors, given: Arguments) -> Reply:
    return await doors.post("/v1/credit-quotes", given)


async def _buy(doors: Doors, given: Arguments) -> Reply:
    quote_id = given["quote_id"]
    found = await doors.get(STATUS, {"quote_id": quote_id})
    if not found["ok"]:
        return found
    method = at(found, "data", "quote", "accepted_payment_method")
    listed = await doors.get(METHODS, {})
    rows = at(listed, "data", "methods")
    endpoints = [
        at(row, "purchase_endpoint")
        for row in (rows if isinstance(rows, list) else [])
        if at(row, "method_id") == method
    ]
    if not listed["ok"]:
        return listed
    if not endpoints:
        return refusal("PAYMENT_METHOD_UNAVAILABLE", trace_id=doors.trace_id)
    key = given.get("idempotency_key", purchase_key(str(quote_id)))
    return await doors.post(str(endpoints[0]), {"quote_id": quote_id, "idempotency_key": key})


async def _status(doors: Doors, given: Arguments) -> Reply:
    return await doors.get(STATUS, given)


async def _balance(doors: Doors, given: Arguments) -> Reply:
    return await doors.get("/v1/quota", given)


async def _receipt(doors: Doors, given: Arguments) -> Reply:
    return await doors.get(f"/v1/receipts/{quote(str(given['receipt_id']), safe='')}", {})


async def _activity(doors: Doors, given: Arguments) -> Reply:
    return await doors.get("/v1/activity", given)


_SIGN_UP: Final = (
    "Become an agent of this service. Every call makes a new, empty agent, so call it once. With an"
    " agent_contact the same contact and agent_name give the same agent a fresh token, and its old one stops"
    " working, for whoever knows both: better leave it out. No money moves."
)
_ALL: Final = (
    Tool(
        "sign_up",
        "Sign up as an agent",
        f"{_SIGN_UP} The reply shows data.token once: keep it secret, and send it from now on as the header"
        " `Authorization: Bearer TOKEN` of this connection. Next: list_payment_methods.",
        _sign_up,
        {
            "agent_name": _text("A name for yourself.", maxLength=120),
            "runtime": _text("What you run in, for example claude-desktop.", maxLength=120),
            "agent_contact": _text(
                "An e-mail address to come back with. Optional, better left out.", maxLength=254
            ),
            "discovery_source": _text(
                "Where you heard of this service, as a slug. Optional.",
                maxLength=64,
                pattern="^[a-z0-9._-]{1,64}$",
            ),
        },
        ("agent_name", "runtime"),
        needs_agent=False,
        reads_only=False,
        idempotent=False,
        then="list_payment_methods",
        kept=f"{_SIGN_UP} From then on this server acts as that agent until it ends; to be the same"
        " agent later keep data.token as PENNYRAIL_TOKEN. Next: list_payment_methods.",
    ),
    Tool(
        "list_payment_methods",
        "List payment methods",
        "Read the ways to pay. Choose a row with available true: one with agent_settleable true and"
        " requires_browser false you pay alone from your own wallet; one with requires_browser true needs a"
        " person. Its method_id is the payment_method of get_quote. No money moves. Next: get_quote.",
        _methods,
        {},
        needs_agent=False,
    ),
    Tool(
        "list_packs",
        "List credit packs",
        "Read the packs of credits and their prices; one credit costs one US cent, and exact amounts are"
        " sold too. No money moves. Next: get_quote with a pack_id or a number of credits.",
        _packs,
        {},
        needs_agent=False,
        then="list_payment_methods",
    ),
    Tool(
        "get_quote",
        "Get a quote",
        "Fix the price of credits for a short time. Give either credits or pack_id. No money moves and"
        " nothing is granted. The same idempotency_key with the same terms returns the same quote. Next:"
        " buy with data.quote_id before data.expires_at.",
        _quote,
        {
            "credits": _number("How many credits, 1 to 5000. Not together with pack_id.", minimum=1),
            "pack_id": _text("A pack of list_packs, for example starter-500. Not together with credits."),
            "payment_method": _text("A method_id of list_payment_methods."),
            "idempotency_key": _text(
                "A name of your choice for this quote, so that a retry is no second one."
            ),
        },
        reads_only=False,
        idempotent=False,
        one_of=("credits", "pack_id"),
    ),
    Tool(
        "buy",
        "Open the payment of a quote",
        "Open the one payment attempt of a quote. This call moves no money itself: it returns how to pay."
        " For a wallet that is data.stripe_x402.payable_instructions: send exactly token_amount, once, in"
        " one transfer, with your own wallet outside of this server. For a person it is"
        " data.checkout_handoff_url: give them that link. Repeating the call returns the same attempt and"
        " never charges twice. Never send a private key, seed phrase or card here. Next: get_status with"
        " data.payment_attempt_id.",
        _buy,
        {
            "quote_id": _text("The quote_id of get_quote."),
            "idempotency_key": _text("Optional; left out, it is purchase:QUOTE_ID, which is what you want."),
        },
        ("quote_id",),
        reads_only=False,
        open_world=True,
    ),
    Tool(
        "get_status",
        "Read the status of a purchase",
        "Read where a purchase stands and who has to do what next: data.next says whether you may still"
        " pay (may_pay), and when to ask again. Give at most one reference; without one you get the"
        " balance. With wait the answer comes as soon as something changes, or after so many seconds. No"
        " money moves. Repeat it until data.terminal is true. While money is on its way never pay again and"
        " never buy anew.",
        _status,
        {
            "payment_attempt_id": _text("payatt_..., of buy."),
            "quote_id": _text("quote_..., of get_quote."),
            "checkout_session_id": _text("cs_..., of buy."),
            "receipt_id": _text("receipt_..., of a purchase that succeeded."),
            "wait": _number("Seconds to wait for a change, 1 to 20. Optional.", minimum=1, maximum=20),
        },
    ),
    Tool(
        "get_balance",
        "Read the balance",
        "Read how many credits you can spend: data.limits.payment_backed_remaining_credits were bought,"
        " data.limits.remaining_credits are free. data.top_up.pending_purchases are the purchases whose money"
        " may be on its way: look there for an attempt whose id you have lost, before you buy anything anew."
        " No money moves. Next, if the credits are too few and nothing is pending: get_quote.",
        _balance,
        {},
    ),
    Tool(
        "get_receipt",
        "Get a signed receipt",
        "Get the signed receipt of a purchase that succeeded: data.jws can be checked by anybody with the"
        " keys at data.public_key_url. No money moves. If it is not sealed yet, ask again after some"
        " seconds.",
        _receipt,
        {"receipt_id": _text("receipt_..., the receipt_id of get_status.")},
        ("receipt_id",),
        then="get_balance",
    ),
    Tool(
        "list_activity",
        "List your activity",
        "Read your own history, newest first: Checkout sessions that were opened, credits that came, went and"
        " were used. A deposit stands here once it is paid; until then get_balance lists it. No money moves.",
        _activity,
        {
            "limit": _number("How many events, 20 if left out.", minimum=1),
            "subject": _text("Only events of this kind. Optional.", enum=["payment", "credit", "usage"]),
        },
    ),
)
TOOLS: Final[Mapping[str, Tool]] = {tool.name: tool for tool in _ALL}
