"""What can happen next. Each step draws its chances from the world's own source: a seed repeats it."""

from collections.abc import Callable, Sequence

import httpx

from ledger import credits
from ledger.money import CREDIT, Amount
from ledger.operations import Debit
from rails import catalog, errors, instructions, purchase
from rails.rail import CryptoDeposit, HostedPage
from sandbox.stripe_twin import Fault
from tests.chain import faults
from tests.simulation import house, money_back, operator
from tests.simulation.world import BLOCKS_UNTIL_FINAL, CHECKOUT, X402, Purchase, World

PAYER = "0x00000000000000000000000000000000000a9e17"
AGENTS = 12
MONEY_BACK_CHANCE = 0.7


def quote_and_buy(world: World) -> str:
    """An agent quotes and buys; what it is not told, it asks again."""
    rail_id = world.chance.choice((CHECKOUT, X402, X402))
    agent_id = f"agt_{world.chance.randrange(AGENTS)}"
    terms = catalog.terms(credits_wanted=world.chance.randrange(50, 5_000), pack_id=None, rail_id=rail_id)
    key = world.new_name("quote")
    quoted = purchase.quote(
        world.house.sessions,
        world.house.rails,
        agent_id=agent_id,
        terms=terms,
        idempotency_key=key,
        now=world.now,
    ).quote
    bought = Purchase(agent_id, quoted.quote_id, rail_id, quoted.credits, world.new_name("buy"))
    world.purchases.append(bought)
    return buy(world, bought)


def buy_again(world: World) -> str:
    """An agent that got no answer, or none that it remembers, sends the same request again."""
    return buy(world, world.chance.choice(world.purchases)) if world.purchases else "nothing to buy again"


def buy(world: World, wanted: Purchase) -> str:
    """Ask to buy a quote."""
    try:
        view = purchase.buy(
            world.house.sessions,
            world.house.rails,
            agent_id=wanted.agent_id,
            quote_id=wanted.quote_id,
            rail_id=wanted.rail_id,
            idempotency_key=wanted.idempotency_key,
            now=world.now,
        ).view
    except errors.RailsError as error:
        return f"not bought: {type(error).__name__}"
    assert view.attempt is not None
    wanted.payment_attempt_id = view.attempt.payment_attempt_id
    wanted.instructions = instructions.read(view.attempt)
    return f"bought {wanted.credits} credits on {wanted.rail_id}"


def open_purchases(world: World, kind: type) -> Sequence[Purchase]:
    """Purchases whose agent knows how to pay them, the newest more likely alive."""
    return [known for known in world.purchases[-20:] if isinstance(known.instructions, kind)]


def send_usdc(world: World) -> str:
    """A wallet pays: mostly the exact sum, sometimes less, more, or once again."""
    known = open_purchases(world, CryptoDeposit)
    if not known:
        return "no deposit to pay"
    payee = world.chance.choice(known)
    if payee.transfers and world.chance.random() < 0.8:
        return "paid before"
    told = payee.instructions
    assert isinstance(told, CryptoDeposit)
    exact = told.amount.units
    units = world.chance.choice([exact] * 7 + [exact - 10_000, exact + 5_000, exact + 250_000, 1, 0])
    world.devnet.mint(PAYER, units)
    payee.transfers.append(world.devnet.transfer(PAYER, told.address, units))
    return f"sent {units} of {exact} units"


def press_pay(world: World) -> str:
    """A person pays, or is declined, on Stripe's page."""
    known = open_purchases(world, HostedPage)
    if not known:
        return "no page to pay on"
    bought = world.chance.choice(known)
    session = next(
        row
        for row in world.stripe.world.store.oldest_first("checkout.session")
        if row["client_reference_id"] == bought.payment_attempt_id
    )
    if session["status"] != "open" or session["expires_at"] <= world.stripe.world.now():
        return "the page is closed"
    if world.chance.random() < 0.2:
        world.stripe.control.decline(session["id"])
        return "card declined"
    code = world.chance.choice((None, None, None, None, "HALF", "FREE"))
    bank = world.chance.random() < 0.2
    try:
        world.stripe.control.pay_session(session["id"], "us_bank_account" if bank else "card", code)
    except httpx.HTTPStatusError:
        return "the page refused: too little is left to pay"
    return f"{'a bank is asked' if bank else 'card charged'}, code {code}"


def bank_answers(world: World) -> str:
    """A bank pays what was asked of it days ago, or does not."""
    waiting = [
        row
        for row in world.stripe.world.store.oldest_first("checkout.session")
        if row["status"] == "complete" and row["payment_status"] == "unpaid"
    ]
    if not waiting:
        return "no bank was asked"
    session, succeeded = world.chance.choice(waiting), world.chance.random() < 0.7
    try:
        world.stripe.control.settle_delayed(session["id"], succeeded)
    except httpx.HTTPStatusError:
        return "the bank had answered before"
    return f"the bank paid: {succeeded}"


def mine(world: World) -> str:
    """The chain goes on."""
    blocks = world.chance.choice((1, 1, 2, 3, BLOCKS_UNTIL_FINAL))
    world.mine(blocks)
    return f"{blocks} blocks"


def reorganise(world: World) -> str:
    """The newest blocks are replaced; some of their transfers come back, others never."""
    depth = world.chance.randrange(1, BLOCKS_UNTIL_FINAL)
    again = [
        (sent, world.chance.randrange(depth))
        for sent in transfers_since(world, world.devnet.head() - depth + 1)
        if world.chance.random() < MONEY_BACK_CHANCE
    ]
    world.devnet.reorg(depth, again)
    return f"{depth} blocks replaced, {len(again)} transfers in them again"


def transfers_since(world: World, first_block: int) -> list[object]:
    """The transactions in the newest blocks, as they can be sent again."""
    found: list[object] = []
    for number in range(first_block, world.devnet.head() + 1):
        block = world.devnet.call("eth_getBlockByNumber", hex(number), True)
        assert isinstance(block, dict)
        found += [
            {"from": sent["from"], "to": sent["to"], "data": sent["input"], "gas": sent["gas"]}
            for sent in block["transactions"]
        ]
    return found


def stripe_looks(world: World) -> str:
    """Stripe reads the chain, and does what its clock has made due."""
    world.stripe.look_at_chain()
    return "Stripe looked at the chain"


def post_events(world: World) -> str:
    """Stripe sends its webhooks: some get lost, some come twice, none in order."""
    fresh = world.stripe.new_events()
    for event in fresh:
        chance = world.chance.random()
        copies = 0 if chance < 0.2 else 2 if chance > 0.8 else 1
        world.mail += [event] * copies
        world.lost += [event] if not copies else []
    return f"{len(fresh)} events"


def receive_events(world: World) -> str:
    """Some of what is on its way arrives; the wake-up call after it may be lost."""
    world.chance.shuffle(world.mail)
    arriving = [world.mail.pop() for _ in range(min(len(world.mail), world.chance.randrange(1, 4)))]
    for event in arriving:
        notice_id = house.keep(world, event)
        if notice_id is not None and world.chance.random() < 0.7:
            house.handle(world, notice_id)
    return f"{len(arriving)} webhooks"


def watch(world: World) -> str:
    """The watcher makes a pass."""
    house.watch(world)
    return "a pass over the chain"


def sweep(world: World) -> str:
    """The sweeper does what is due."""
    return f"{house.sweep(world)} were due"


def tick(world: World) -> str:
    """Seals are made, final blocks read again."""
    house.tick(world)
    house.audit(world)
    return "sealed, and read again"


def pass_time(world: World) -> str:
    """Time passes, now and then a lot of it."""
    seconds = world.chance.choice((1, 5, 30, 30, 60, 60, 300, 300, 2_000))
    world.pass_time(seconds)
    return f"{seconds} seconds"


def spend(world: World) -> str:
    """A job is paid with credits."""
    wish = Debit(
        key=world.new_name("job"),
        agent_id=f"agt_{world.chance.randrange(AGENTS)}",
        actor="service:simulation",
        credits=Amount(world.chance.randrange(1, 2_000), CREDIT),
        job=world.new_name("job"),
    )
    with world.house.sessions() as session:
        outcome = credits.apply_one(session, wish, now=world.now)
    return f"spent: {outcome.code or 'done'}"


def stripe_fails(world: World) -> str:
    """Stripe's API breaks for a request or three."""
    kind = world.chance.choice(("status", "drop", "lost_answer"))
    status = world.chance.choice((500, 503, 429))
    world.stripe.control.fail(Fault(kind=kind, status=status, times=world.chance.randrange(1, 4)))
    return f"Stripe's next requests: {kind}"


def chain_fails(world: World) -> str:
    """One node answers wrongly now and then, perhaps leaving out transfers; the other only loudly."""
    first, second = world.nodes
    rate = world.chance.choice((0.0, 0.02, 0.1, 0.3))
    first.spoil_at_random(faults.ANY, seed=world.chance.randrange(10**6), rate=rate)
    loud = [*faults.BROKEN_ANSWERS.values(), *faults.HARMLESS_ROWS.values()]
    second.spoil_at_random(loud, seed=world.chance.randrange(10**6), rate=rate / 2)
    return f"{rate:.0%} of a node's answers are spoilt"


def reconcile(world: World) -> str:
    """Stripe's books are held against ours."""
    house.reconcile(world)
    return "reconciled"


def recover(world: World) -> str:
    """Stripe's own list is read for what no webhook brought."""
    return f"{house.recover(world)} notices recovered"


def process_dies(world: World) -> str:
    """The house will die at one of its next commits."""
    world.house.sessions.commits_left = world.chance.randrange(0, 6)
    return "the process will die"


STEPS: Sequence[tuple[Callable[[World], str], int]] = (
    (quote_and_buy, 10),
    (buy_again, 3),
    (send_usdc, 16),
    (press_pay, 9),
    (bank_answers, 2),
    (recover, 1),
    (operator.decide, 4),
    (operator.give_back, 2),
    (operator.cancel, 1),
    (mine, 12),
    (reorganise, 3),
    (stripe_looks, 10),
    (post_events, 8),
    (receive_events, 10),
    (watch, 12),
    (sweep, 12),
    (tick, 2),
    (pass_time, 3),
    (spend, 4),
    (stripe_fails, 2),
    (process_dies, 2),
    (chain_fails, 2),
    (reconcile, 1),
    (money_back.refund, 3),
    (money_back.settle_refund, 2),
    (money_back.dispute, 2),
    (money_back.go_on_with_dispute, 3),
    (money_back.warn_of_fraud, 1),
    (money_back.pay_out, 2),
)
"""Every step, and how often it comes beside the others."""
