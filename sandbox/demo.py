"""The demo: an agent and a person buy credits, all is delivered again, and nothing is granted twice."""

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from sandbox import paying, stripe_twin
from sandbox.agent import Agent
from sandbox.house import House, running
from sandbox.wallet import Wallet

Data = dict[str, Any]
DELIVERIES = 3
PACK = "starter-500"


@dataclass(frozen=True)
class Bought:
    """One purchase of the demo, and who paid it."""

    payer: str
    method: str
    attempt_id: str


def run(folder: Path, *, out: Console) -> bool:
    """Play the demo over a throw-away folder. Tells whether everything came out as it must."""
    started = time.monotonic()
    out.print("[bold]Pennyrail demo[/bold]: credits bought on two rails, settled for real, granted once\n")
    with running(folder, say=lambda what: out.print(f"  {what}", style="dim")) as house:
        house.twin.control.set_switches(stripe_twin.Switches(duplicate=DELIVERIES - 1))
        out.print(
            f"  ready {house.addresses.api_url} after {time.monotonic() - started:.1f} s\n", style="dim"
        )
        agent = Agent(house.addresses.api_url, name="demo-agent")
        bought = [_agent_buys(house, agent, out=out), _person_buys(agent, out=out)]
        settled = [agent.wait(each.attempt_id, until=_complete) for each in bought]
        out.print("\n[bold]Again[/bold], to show that repeating changes nothing")
        fine = _repeat_everything(house, agent, bought, out=out)
        out.print(_table(bought, settled))
        for seen in settled:
            receipt = seen["receipt"]
            out.print(f"  {receipt['receipt_id']}  {receipt['credits_granted']} credits", style="dim")
        fine = _prove(house, agent, out=out) and fine
        agent.close()
    verdict = "[green]everything came out as it must[/green]" if fine else "[red]something is wrong[/red]"
    out.print(f"\n{verdict}, in {time.monotonic() - started:.1f} s")
    return fine


def _agent_buys(house: House, agent: Agent, *, out: Console) -> Bought:
    out.print("[bold]An agent[/bold] buys with USDC, no browser")
    method = next(row for row in agent.methods() if row["agent_settleable"])
    attempt = _open(agent, method, key="demo-agent-1", out=out)
    told = attempt["stripe_x402"]["payable_instructions"]
    # Every address has a line of its own, or a narrow terminal breaks it in two.
    out.print(f"  pay exactly {told['token_amount']} USDC on Base to the address that Stripe returned")
    out.print(f"  {told['deposit_address']}", soft_wrap=True)
    wallet = Wallet.create(house.addresses.rpc_url)
    sent = wallet.send_usdc(told["deposit_address"], int(told["token_amount_atomic"]))
    out.print(f"  the wallet sent it in {sent[:18]}...; now polling status")
    return _wait(agent, Bought("a wallet", method["method_id"], attempt["payment_attempt_id"]), out=out)


def _person_buys(agent: Agent, *, out: Console) -> Bought:
    out.print("\n[bold]A person[/bold] pays on Stripe's page, for the agent that asked")
    method = next(row for row in agent.methods() if row["requires_browser"])
    attempt = _open(agent, method, key="demo-person-1", out=out)
    out.print("  handed over")
    out.print(f"  {attempt['checkout_handoff_url']}", soft_wrap=True)
    out.print(f"  {paying.press_pay(attempt['checkout_url'])}; now polling status")
    return _wait(agent, Bought("a card", method["method_id"], attempt["payment_attempt_id"]), out=out)


def _open(agent: Agent, method: Data, *, key: str, out: Console) -> Data:
    quoted = agent.quote(pack_id=PACK, method=method["method_id"], key=key)
    price = quoted["price_amount_cents"]
    out.print(f"  {method['method_id']}: {quoted['credits']} credits for {price} cents")
    return agent.buy(quoted["quote_id"], endpoint=method["purchase_endpoint"], key=f"purchase:{key}")


def _wait(agent: Agent, bought: Bought, *, out: Console) -> Bought:
    began, last = time.monotonic(), ""

    def arrived(seen: Data) -> bool:
        nonlocal last
        told = _progress(seen)
        if told != last:
            out.print(f"    {time.monotonic() - began:4.1f} s  {told}", style="dim")
            last = told
        return bool(seen["state"] == "succeeded")

    agent.wait(bought.attempt_id, until=arrived)
    return bought


def _progress(seen: Data) -> str:
    said = ", ".join(
        f"{each['source']} says {each['state']}" for each in seen["payment_attempt"]["witnesses"]
    )
    return f"{seen['state']}" + (f" ({said})" if said else "")


def _complete(seen: Data) -> bool:
    return bool(seen["state"] == "succeeded" and seen["receipt"]["chain_evidence"] != "pending")


def _repeat_everything(house: House, agent: Agent, bought: list[Bought], *, out: Console) -> bool:
    for each in bought:
        agent.wait(each.attempt_id, until=_complete)
    head = house.devnet.head()
    out.print(f"  scanning blocks 0 to {head} a second time")
    rescanned = _own_command(house, "chain", "rescan", "0", str(head))
    out.print(f"    {rescanned.stdout.strip()}", style="dim")
    deliveries = _deliveries(house)
    fewest = min(deliveries.values())
    out.print(f"  {len(deliveries)} webhook events were delivered, each at least {fewest} times")
    return rescanned.returncode == 0 and fewest >= DELIVERIES


def _deliveries(house: House) -> dict[str, int]:
    """How often each event was taken with a 2xx, once every event has been delivered as often as wished."""
    give_up_at = time.monotonic() + 20
    while True:
        taken: dict[str, int] = {}
        for attempt in house.twin.control.attempts():
            accepted = attempt.status is not None and 200 <= attempt.status < 300
            taken[attempt.event] = taken.get(attempt.event, 0) + accepted
        if (taken and min(taken.values()) >= DELIVERIES) or time.monotonic() > give_up_at:
            return taken
        time.sleep(0.1)


def _table(bought: list[Bought], settled: list[Data]) -> Table:
    table = Table(
        title="\nWhat happened", title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), expand=False
    )
    for heading in ("paid by", "rail", "credits", "Stripe says", "the chain says"):
        table.add_column(heading, overflow="fold")
    for each, seen in zip(bought, settled, strict=True):
        said = {row["source"]: row for row in seen["receipt"]["witnesses"]}
        credits = str(seen["receipt"]["credits_granted"])
        table.add_row(
            each.payer, each.method, credits, said["stripe"]["state"], _chain_words(said.get("chain"))
        )
    return table


def _chain_words(said: Data | None) -> str:
    if said is None:
        return "not asked"
    return f"{said['state']}, block {said['detail']['block_number']}"


def _prove(house: House, agent: Agent, *, out: Console) -> bool:
    grants, paid_credits = len(agent.grants()), agent.paid_credits()
    out.print(f"\n  {paid_credits} credits granted in {grants} grants", style="bold")
    out.print(f"  and {agent.free_credits()} free ones, which every new agent is given", style="dim")
    verified = _own_command(house, "ledger", "verify")
    for line in verified.stdout.strip().splitlines():
        out.print(f"  {line}", style="dim")
    return grants == 2 and paid_credits == 1000 and verified.returncode == 0


def _own_command(house: House, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "app.cli", *arguments],
        env=dict(house.environment),
        capture_output=True,
        text=True,
        check=False,
    )
