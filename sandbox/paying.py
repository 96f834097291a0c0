"""Paying an attempt the way its payer would: a wallet that sends USDC, a person who presses Pay."""

from collections.abc import Iterator
from typing import Final

import httpx

from rails.rail import CryptoDeposit, HostedPage, Instructions
from sandbox.errors import AskedWrongly, SandboxError

MONEY_SEEN: Final = frozenset({"processing", "needs_review", "succeeded"})


class CannotPay(SandboxError):
    """The page or the attempt takes no payment now."""


def warning(told: Instructions, *, state: str, amount_atomic: int | None, times: int) -> str | None:
    """What somebody should know before paying an attempt in this state, None if there is nothing.

    raises: AskedWrongly, CannotPay.
    """
    match told:
        case HostedPage() if amount_atomic is not None:
            raise AskedWrongly(
                "--amount-atomic is for USDC deposits; a Checkout page takes exactly its price"
            )
        case HostedPage() if times > 1:
            raise AskedWrongly("--times is for USDC deposits; a Checkout page takes one payment")
        case HostedPage() if state != "requires_action":
            raise CannotPay(f"the attempt is {state}, so its page takes no payment; buy a new quote")
        case CryptoDeposit() if state in MONEY_SEEN:
            return f"warning: the attempt is {state} already; what is sent now comes on top of what was asked"
        case _:
            return None


def pay(told: Instructions, *, rpc_url: str, amount_atomic: int | None, times: int) -> Iterator[str]:
    """Pay as told, `times` times. Yields a line for each payment.

    `amount_atomic` replaces the exact amount of a deposit, in atomic units of USDC.
    """
    match told:
        case HostedPage(url=url):
            for _ in range(times):
                yield press_pay(url)
        case CryptoDeposit() as deposit:
            # web3 takes most of a second to import; a person on a page does not need it.
            from sandbox.wallet import Wallet

            units = deposit.amount.units if amount_atomic is None else amount_atomic
            wallet = Wallet.create(rpc_url, usdc_units=units * times)
            for _ in range(times):
                sent = wallet.send_usdc(deposit.address, units)
                yield f"sent {units} atomic USDC to {deposit.address} in {sent}"


def press_pay(url: str) -> str:
    """Open a hosted page, as a browser does, and press its Pay button.

    The part of `url` behind the # never reaches a server by itself; the page's own script sends it along.

    raises: CannotPay.
    """
    address, _, fragment = url.partition("#")
    with httpx.Client(trust_env=False, timeout=30) as browser:
        page = browser.get(address)
        if page.status_code != 200 or 'value="pay"' not in page.text:
            raise CannotPay(f"the page offers nothing to pay (HTTP {page.status_code}): paid or expired")
        pressed = browser.post(address, data={"fragment": fragment, "action": "pay"})
    if pressed.status_code >= 400:
        raise CannotPay(f"the page did not take the payment (HTTP {pressed.status_code})")
    return "the Pay button was pressed and the page took the payment"
