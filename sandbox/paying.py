"""Paying an attempt the way its payer would: a wallet that sends USDC, a person who presses Pay."""

from collections.abc import Iterator

import httpx

from rails.rail import CryptoDeposit, HostedPage, Instructions


class PageRefused(RuntimeError):
    """The payment page did not offer a Pay button, or did not take the press."""


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

    raises: PageRefused.
    """
    address, _, fragment = url.partition("#")
    with httpx.Client(trust_env=False, timeout=30) as browser:
        page = browser.get(address)
        if page.status_code != 200 or 'value="pay"' not in page.text:
            raise PageRefused(f"the page offers nothing to pay (HTTP {page.status_code})")
        pressed = browser.post(address, data={"fragment": fragment, "action": "pay"})
    if pressed.status_code >= 400:
        raise PageRefused(f"the page did not take the payment (HTTP {pressed.status_code})")
    return "the Pay button was pressed and the page took the payment"
