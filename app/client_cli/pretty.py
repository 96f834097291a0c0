"""The same answers for people: sentences and small tables, at 80 columns, without breaking what is copied."""

import re
import textwrap
from collections.abc import Callable, Mapping
from typing import Final

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from app.client_cli import outcomes
from app.client_cli.outcomes import Envelope, Outcome

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def show(outcome: Outcome) -> None:
    """Print an outcome for a person: what was done to standard output, what was not to standard error."""
    if outcome.ok:
        _done(outcome)
    else:
        _refused(outcome)


def _done(outcome: Outcome) -> None:
    out = _console()
    label = str(outcome.envelope.get("command") or "").partition(" ")[2]
    _SHOWN.get(label, _anything)(out, outcome.data)
    warnings = outcome.envelope.get("warnings")
    for warning in warnings if isinstance(warnings, list) else ():
        _prose(_console(stderr=True), f"note: {warning}")


def _refused(outcome: Outcome) -> None:
    out = _console(stderr=True)
    error = outcomes.mapping(outcome.envelope.get("error"))
    recovery = outcomes.mapping(error.get("recovery"))
    _prose(out, f"{error.get('code')}: {error.get('message')}")
    if flags := recovery.get("required_flags"):
        _line(out, f"needed: {' '.join(map(str, flags))}" if isinstance(flags, list) else "")
    if (seconds := outcomes.number(recovery.get("retry_after_seconds"))) is not None:
        _line(out, f"try again in {seconds:g} seconds")
    if command := outcomes.text(recovery.get("suggested_command")):
        _line(out, f"next: {command}")


def _methods(out: Console, data: Envelope) -> None:
    table = _table("method", "who pays", "now")
    for row in outcomes.rows(data.get("methods")):
        alone = row.get("agent_settleable") is True and row.get("requires_browser") is False
        who = "the agent, from its wallet" if alone else "a person, on a page"
        usable = row.get("available") is True
        money = "real money" if row.get("live_money") is True else "test money"
        now = money if usable else f"no: {row.get('unavailable_reason')}"
        table.add_row(_clean(row.get("method_id")), who, _clean(now))
    out.print(table)
    recommended = outcomes.mapping(outcomes.mapping(data.get("next_actions")).get("recommended_quote"))
    _next(out, recommended.get("command"))


def _packs(out: Console, data: Envelope) -> None:
    table = _table("pack", "credits", "price")
    for row in outcomes.rows(data.get("packs")):
        table.add_row(
            _clean(row.get("pack_id")), _clean(row.get("credits")), f"${_clean(row.get('price_usd'))}"
        )
    out.print(table)
    custom = outcomes.mapping(data.get("custom_quotes"))
    if custom.get("supported") is True:
        _line(out, f"or any number from {custom.get('min_credits')} to {custom.get('max_credits')} credits")


def _quote(out: Console, data: Envelope) -> None:
    _line(out, f"{data.get('credits')} credits for {_dollars(data.get('price_amount_cents'))}")
    _pairs(
        out,
        {
            "quote": data.get("quote_id"),
            "pay with": data.get("accepted_payment_method"),
            "until": data.get("expires_at"),
            "money": "real" if data.get("live_money") is True else "test",
        },
    )
    recommended = outcomes.mapping(outcomes.mapping(data.get("next_actions")).get("recommended_buy"))
    _next(out, recommended.get("command"))


def _buy(out: Console, data: Envelope) -> None:
    _line(out, f"{data.get('credits')} credits for {_dollars(data.get('amount_cents'))}: {data.get('state')}")
    _pairs(out, {"attempt": data.get("payment_attempt_id"), "quote": data.get("quote_id")})
    _how_to_pay(out, data)
    _step(out, data)


def _status(out: Console, data: Envelope) -> None:
    if "state" not in data:
        _quota(out, data)
        return
    quote, attempt = outcomes.mapping(data.get("quote")), outcomes.mapping(data.get("payment_attempt"))
    price = _dollars(quote.get("price_amount_cents"))
    _line(out, f"{data.get('state')}: {quote.get('credits')} credits for {price}")
    receipt = outcomes.mapping(data.get("receipt"))
    _pairs(
        out,
        {
            "quote": quote.get("quote_id"),
            "attempt": attempt.get("payment_attempt_id"),
            "receipt": receipt.get("receipt_id"),
            "granted": receipt.get("credits_granted"),
        },
    )
    if data.get("state") == "action_required":
        _how_to_pay(out, attempt)
    _step(out, data)


def _how_to_pay(out: Console, attempt: Envelope) -> None:
    told = outcomes.mapping(outcomes.mapping(attempt.get("stripe_x402")).get("payable_instructions"))
    if told:
        coin, network = str(told.get("token_currency")).upper(), told.get("network")
        _line(out, f"send exactly {told.get('token_amount')} {coin} on {network}, once, in one transfer:")
        _pairs(
            out,
            {
                "to": told.get("deposit_address"),
                "token": told.get("token_contract_address"),
                "until": told.get("expires_at"),
            },
        )
    elif page := outcomes.text(attempt.get("checkout_handoff_url")):
        _line(out, "a person pays on this page:")
        _line(out, f"  {page}")


def _step(out: Console, data: Envelope) -> None:
    step = outcomes.mapping(data.get("next"))
    if message := outcomes.text(step.get("message")) or outcomes.text(step.get("after_payment")):
        _prose(out, message)
    commands = step.get("suggested_commands")
    _next(out, commands[0] if isinstance(commands, list) and commands else None)


def _quota(out: Console, data: Envelope) -> None:
    limits = outcomes.mapping(data.get("limits"))
    paid, free = limits.get("payment_backed_remaining_credits"), limits.get("remaining_credits")
    _line(out, f"{paid} bought credits, {free} free credits")
    if jobs := outcomes.mapping(data.get("daily_jobs")):
        _line(
            out,
            f"{jobs.get('remaining')} of {jobs.get('limit')} free jobs left until {jobs.get('resets_at')}",
        )
    top_up = outcomes.mapping(data.get("top_up"))
    if top_up.get("recommended") is True or top_up.get("pending_purchases"):
        _next(out, top_up.get("first_command"))


def _activity(out: Console, data: Envelope) -> None:
    events = outcomes.rows(data.get("events"))
    for event in events:
        subject = outcomes.mapping(event.get("subject"))
        _line(out, f"{event.get('occurred_at')}  {event.get('type')}")
        _line(out, f"    {event.get('summary')}")
        _line(out, f"    {subject.get('id')}  {event.get('event_id')}")
    if not events:
        _line(out, "nothing has happened yet")


def _signup(out: Console, data: Envelope) -> None:
    actor, storage = outcomes.mapping(data.get("actor")), outcomes.mapping(data.get("storage"))
    _line(out, f"signed up as {actor.get('actor_id')}")
    if storage.get("saved") is True:
        _line(out, f"the token is saved in {storage.get('config_path')}")
    if data.get("token") is not None:
        _line(out, f"token {data.get('token')}")
    _next(out, outcomes.mapping(data.get("auth_handoff")).get("next_command"))


def _guide(out: Console, data: Envelope) -> None:
    quota = outcomes.mapping(outcomes.mapping(data.get("checks")).get("quota"))
    _line(out, f"stage: {data.get('stage')}")
    if (balance := quota.get("balance")) is not None:
        _line(out, f"{balance} credits")
    _next(out, data.get("next_command"))


def _anything(out: Console, data: Envelope) -> None:
    """Whatever it is, name by name. Long lists and nested ones are for the JSON."""
    _pairs(
        out,
        {
            name.replace("_", " "): ", ".join(map(str, value)) if isinstance(value, list) else value
            for name, value in _flat(data)
        },
    )


def _flat(data: Envelope, before: str = "") -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for name, value in data.items():
        if isinstance(value, dict):
            found.extend(_flat(value, f"{before}{name}."))
        else:
            found.append((f"{before}{name}", value))
    return found


def _pairs(out: Console, told: Mapping[str, object]) -> None:
    said = {name: value for name, value in told.items() if value not in (None, "", [])}
    width = max(map(len, said), default=0)
    for name, value in said.items():
        _line(out, f"  {name:<{width}}  {value}")


def _prose(out: Console, text: str) -> None:
    """A sentence, broken between words: an address in it stays whole."""
    for line in textwrap.wrap(
        _clean_text(text), min(out.width, 100), break_long_words=False, break_on_hyphens=False
    ):
        _line(out, line)


def _next(out: Console, command: object) -> None:
    if isinstance(command, str):
        _line(out, f"next: {command}")


def _line(out: Console, text: str) -> None:
    # Soft-wrapped: the terminal breaks a long line, and what is copied from it is whole.
    out.print(escape(_clean_text(text)), soft_wrap=True)


def _clean(value: object) -> str:
    return escape(_clean_text(str(value)))


def _clean_text(text: str) -> str:
    """Without what would move the cursor or turn the text around: it comes from somebody else's machine."""
    return _CONTROL.sub("", text)


def _dollars(cents: object) -> str:
    told = outcomes.number(cents)
    return "an unknown price" if told is None else f"${told / 100:.2f}"


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for place, name in enumerate(columns):
        # The first column is an id, and an id in two pieces is none.
        table.add_column(name, no_wrap=place == 0, overflow="fold")
    return table


def _console(*, stderr: bool = False) -> Console:
    return Console(highlight=False, stderr=stderr)


_SHOWN: Final[Mapping[str, Callable[[Console, Envelope], None]]] = {
    "credits methods": _methods,
    "credits packs list": _packs,
    "credits quote": _quote,
    "credits buy": _buy,
    "credits status": _status,
    "credits wait": _status,
    "usage quota": _quota,
    "activity list": _activity,
    "activity show": _activity,
    "signup": _signup,
    "top-up": _guide,
}
