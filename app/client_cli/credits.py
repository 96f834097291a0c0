"""`pennyrail credits`: what is for sale, its price, buying it and waiting for it."""

import secrets
import shlex
import sys
import time
from collections.abc import Callable, Mapping
from typing import Annotated, Final

import typer

from app.client_cli import outcomes, waiting
from app.client_cli.arguments import AgentGroup
from app.client_cli.command import command
from app.client_cli.outcomes import PROGRAM, SUGGESTED, Outcome, Refused
from app.client_cli.visit import Visit
from app.commands import purchase_key

cli = typer.Typer(help="Credits: prices, buying, status, receipts.", cls=AgentGroup, no_args_is_help=True)

_ENDPOINTS: Final[Mapping[str, str]] = {
    "stripe_x402": "/v1/credit-purchases/stripe-x402-deposits",
    "stripe": "/v1/credit-purchases/stripe-checkout-sessions",
}
_KINDS: Final[Mapping[str, str]] = {
    "quote_": "quote_id",
    "cs_": "checkout_session_id",
    "receipt_": "receipt_id",
}
_ANY_QUOTE: Final = SUGGESTED.quote(rail_id="stripe_x402.exact.usdc", pack_id="starter-500")

QuoteId = Annotated[str | None, typer.Option(metavar="QUOTE_ID", help="the purchase of this quote")]
AttemptId = Annotated[str | None, typer.Option(metavar="PAYATT_ID", help="this payment attempt")]
SessionId = Annotated[str | None, typer.Option(metavar="CS_ID", help="the attempt of this Checkout session")]
ReceiptId = Annotated[str | None, typer.Option(metavar="RECEIPT_ID", help="the purchase of this receipt")]


@command(cli, "credits methods", example=SUGGESTED.methods())
def methods(visit: Visit) -> Outcome:
    """Show the ways to pay. Needs no token and sends none."""
    visit.drain()
    return visit.call("GET", "/v1/payment-methods")


@command(cli, "credits packs", example=SUGGESTED.packs())
def packs(
    visit: Visit, what: Annotated[str, typer.Argument(metavar="[list]", help="the packs for sale")] = "list"
) -> Outcome:
    """Show the credit packs. Needs no token and sends none."""
    visit.drain()
    if what != "list":
        message = "credits packs knows only `list`"
        raise Refused(
            outcomes.invalid(visit.label, message, recovery={"suggested_command": SUGGESTED.packs()})
        )
    return visit.call("GET", "/v1/credit-packs")


def _quote_that_fits(given: Mapping[str, str]) -> str:
    if (rail_id := given.get("payment_method")) is None:
        return _ANY_QUOTE
    credits = given.get("credits", "")
    whole = int(credits) if credits.isascii() and credits.isdigit() else None
    return (
        SUGGESTED.quote(rail_id=rail_id, pack_id=given.get("pack") if whole is None else None, credits=whole)
        if whole is not None or "pack" in given
        else SUGGESTED.quote(rail_id=rail_id, pack_id="starter-500")
    )


@command(cli, "credits quote", example=_ANY_QUOTE, suggest=_quote_that_fits)
def quote(
    visit: Visit,
    payment_method: Annotated[
        str, typer.Option(metavar="METHOD_ID", help="how it will be paid: see `pennyrail credits methods`")
    ],
    pack: Annotated[str | None, typer.Option(metavar="PACK_ID", help="a pack, such as starter-500")] = None,
    credits: Annotated[int | None, typer.Option(help="or exactly this many credits")] = None,
    idempotency_key: Annotated[
        str | None, typer.Option(metavar="KEY", help="the same key gives the same quote; made if not given")
    ] = None,
) -> Outcome:
    """Ask for a price. Nothing is charged by it."""
    terms: dict[str, object] = {"pack_id": pack, "credits": credits}
    terms = {name: value for name, value in terms.items() if value is not None}
    if len(terms) != 1:
        recovery = {"required_flags": ["--pack", "--credits"], "suggested_command": _ANY_QUOTE}
        raise Refused(outcomes.invalid(visit.label, "give either --pack or --credits", recovery=recovery))
    made = None if idempotency_key else f"quote-{time.time_ns() // 1_000_000}-{secrets.token_hex(4)}"
    key = idempotency_key or made or ""
    same = SUGGESTED.quote(rail_id=payment_method, pack_id=pack, credits=credits, key=key)
    visit.required_token(
        after_auth=SUGGESTED.quote(rail_id=payment_method, pack_id=pack, credits=credits, key=idempotency_key)
    )
    body = {**terms, "payment_method": payment_method, "idempotency_key": key}
    outcome = visit.post("/v1/credit-quotes", body, same_again=same)
    return _with_warning(outcome, f"the idempotency key {key} was made for this quote") if made else outcome


def _buy_that_fits(given: Mapping[str, str]) -> str:
    quote_id, provider = given.get("quote_id"), given.get("provider")
    if quote_id is None:
        return _ANY_QUOTE
    if provider is None:
        # Its status names the provider and the whole command.
        return SUGGESTED.status_of_quote(quote_id)
    return SUGGESTED.buy(
        provider=provider,
        quote_id=quote_id,
        key=given.get("idempotency_key") or purchase_key(quote_id),
    )


@command(
    cli,
    "credits buy",
    example=SUGGESTED.buy(provider="stripe_x402", quote_id="QUOTE_ID", key="purchase:QUOTE_ID"),
    suggest=_buy_that_fits,
)
def buy(
    visit: Visit,
    provider: Annotated[
        str, typer.Option(metavar="PROVIDER", help="stripe_x402 for USDC, stripe for a Checkout page")
    ],
    quote_id: Annotated[str, typer.Option(metavar="QUOTE_ID", help="the quote to buy")],
    idempotency_key: Annotated[
        str, typer.Option(metavar="KEY", help="the same key never opens a second payment: purchase:QUOTE_ID")
    ],
    pay_with_wallet: Annotated[bool, typer.Option("--pay-with-wallet", hidden=True)] = False,
) -> Outcome:
    """Open the payment of a quote, and say how to pay it. It sends no money, and takes no key of a wallet."""
    same = SUGGESTED.buy(provider=provider, quote_id=quote_id, key=idempotency_key)
    if pay_with_wallet:
        message = (
            "this command opens a payment and never makes one: it takes no wallet and no key of one."
            " Pay the address of its answer from a wallet of your own"
        )
        recovery = {"rejected_flag": "--pay-with-wallet", "suggested_command": same}
        raise Refused(outcomes.invalid(visit.label, message, recovery=recovery))
    visit.required_token(after_auth=same)
    body = {"quote_id": quote_id, "idempotency_key": idempotency_key}
    return visit.post(_endpoint(visit, provider), body, same_again=same)


def _endpoint(visit: Visit, provider: str) -> str:
    """Where a provider's payments are opened. The service is asked about one that is not known here."""
    if provider in _ENDPOINTS:
        return _ENDPOINTS[provider]
    listed = visit.call("GET", "/v1/payment-methods")
    if not listed.ok:
        raise Refused(listed)
    for row in outcomes.rows(listed.data.get("methods")):
        line = outcomes.text(outcomes.mapping(row.get("recovery")).get("purchase_command")) or ""
        path = outcomes.text(row.get("purchase_endpoint")) or ""
        if f"--provider {shlex.quote(provider)} " in line and path.startswith("/v1/credit-purchases/"):
            return path
    recovery = {"required_flag": "--provider", "suggested_command": SUGGESTED.methods()}
    raise Refused(outcomes.invalid(visit.label, "no way to pay has this provider", recovery=recovery))


@command(cli, "credits status", example=SUGGESTED.status_of_attempt())
def status(
    visit: Visit,
    quote_id: QuoteId = None,
    payment_attempt_id: AttemptId = None,
    checkout_session_id: SessionId = None,
    receipt_id: ReceiptId = None,
) -> Outcome:
    """Show where a purchase stands and who does what next. Without a reference: the balance."""
    given = {
        "quote_id": quote_id,
        "payment_attempt_id": payment_attempt_id,
        "checkout_session_id": checkout_session_id,
        "receipt_id": receipt_id,
    }
    query = {name: value for name, value in given.items() if value is not None}
    if len(query) > 1:
        flags = [f"--{name.replace('_', '-')}" for name in query]
        [(_name, value), *_] = query.items()
        recovery = {
            "optional_flags": flags,
            "suggested_command": f"{PROGRAM} credits status {flags[0]} {shlex.quote(value)} --json",
        }
        message = "give at most one reference"
        raise Refused(outcomes.invalid(visit.label, message, recovery=recovery))
    return visit.get(waiting.STATUS_PATH, query)


@command(
    cli,
    "credits wait",
    example=f"{PROGRAM} credits wait PAYMENT_ATTEMPT_ID --timeout-seconds 600 --json",
    suggest=lambda _given: SUGGESTED.quota(),
)
def wait(
    visit: Visit,
    reference: Annotated[
        str, typer.Argument(metavar="ATTEMPT_ID", help="payatt_..., or a quote_..., cs_... or receipt_... id")
    ],
    timeout_seconds: Annotated[
        float, typer.Option(help="give up waiting after this time; the purchase goes on", min=0, max=86_400)
    ] = 600,
) -> Outcome:
    """Wait until a purchase has ended. It reads only; exit code 0 if it succeeded, 8 if the time was over."""
    kind = next((name for start, name in _KINDS.items() if reference.startswith(start)), "payment_attempt_id")
    return waiting.wait(visit, kind, reference, timeout_seconds=timeout_seconds, tell=_progress())


def _with_warning(outcome: Outcome, warning: str) -> Outcome:
    told = outcome.envelope.get("warnings")
    warnings = [*(told if isinstance(told, list) else []), warning]
    return Outcome(outcome.envelope | {"warnings": warnings}, outcome.exit_code)


def _progress() -> Callable[[str], None]:
    """Lines on a terminal's standard error; nothing where nobody looks."""
    if not sys.stderr.isatty():
        return lambda _line: None
    begun = time.monotonic()
    return lambda line: typer.echo(f"{time.monotonic() - begun:5.0f} s  {line}", err=True)
