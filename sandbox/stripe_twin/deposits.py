"""Matching of transfers on the chain with PaymentIntents: one transfer of exactly the amount, or nothing."""

from dataclasses import asdict, dataclass

from sandbox.stripe_twin import chain_records, charges, deposit_addresses, events, payment_intents
from sandbox.stripe_twin.store import Document
from sandbox.stripe_twin.world import BY_ITSELF, World

KIND = "transfer"
UNITS_PER_CENT = 10_000


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """One Transfer log."""

    token: str
    sender: str
    to: str
    units: int
    transaction_hash: str
    block_number: int
    block_hash: str
    log_index: int

    @property
    def identifier(self) -> str:
        """Names the log in its block: the same transaction in another block is another transfer."""
        return f"{self.block_hash}:{self.log_index}"


@dataclass(frozen=True)
class View:
    """What the chain shows between `first_block` and `head`, to the addresses that are watched."""

    first_block: int
    head: int
    transfers: tuple[Transfer, ...]


def watched_addresses(world: World) -> list[str]:
    """Every address ever given out, lower case: money may come long after it was asked for."""
    if world.config.watch_test_mode:
        return world.store.identifiers(payment_intents.DEPOSIT) + world.store.identifiers(
            deposit_addresses.BY_ADDRESS
        )
    return [
        row["address"].lower()
        for kind in (payment_intents.DEPOSIT, deposit_addresses.KIND)
        for row in world.store.oldest_first(kind)
        if row["livemode"]
    ]


def observe(world: World, view: View) -> None:
    """Take in what the chain shows now. The same view twice changes nothing more."""
    with world.store.transaction():
        forget_orphans(world, view)
        reusable = set(world.store.identifiers(deposit_addresses.BY_ADDRESS))
        for transfer in view.transfers:
            if transfer.to.lower() not in reusable:
                consider(world, view, transfer)
        rows = [asdict(row) | {"id": row.identifier} for row in view.transfers if row.to.lower() in reusable]
        chain_records.note(world, rows, first_block=view.first_block)


def forget_orphans(world: World, view: View) -> None:
    """Transfers that were there and are not any more count for nothing; an intent not yet paid goes back."""
    there = {transfer.identifier for transfer in view.transfers}
    for row in world.store.between(KIND, "block_number", view.first_block, 2**62):
        if row["id"] in there or row["state"] == "orphaned":
            continue
        deposit, intent = expected(world, row["to"])
        if deposit["claimed_by"] == row["id"] and intent["status"] == "processing":
            claim(world, deposit, None)
            payment_intents.go_back(world, intent)
        settle(world, row, "orphaned")


def consider(world: World, view: View, transfer: Transfer) -> None:
    """Decide on one transfer, as far as its confirmations allow."""
    row = world.store.get(KIND, transfer.identifier) or first_sight(world, transfer)
    if row["state"] in ("matched", "unmatched"):
        return
    row["state"] = "seen"
    if world.now() < row["seen_at"] + world.switches.detection_lag_seconds:
        settle(world, row, "seen")
        return
    deposit, intent = expected(world, transfer.to)
    if paid_by(world, deposit, intent, row):
        claim(world, deposit, row["id"])
        settle(world, row, "matched")
        return
    confirmed = view.head - transfer.block_number + 1 >= world.config.confirmations
    reason = why_unmatched(world, deposit, intent, row)
    if reason is not None:
        refuse(world, intent, row, reason, confirmed=confirmed)
        return
    if deposit["claimed_by"] is None and (confirmed or not world.switches.deposit_skips_processing):
        claim(world, deposit, row["id"])
        if not world.switches.deposit_skips_processing:
            payment_intents.process(world, intent)
    if confirmed:
        payment_intents.succeed(world, intent, charges.transfer_details(row))
    settle(world, row, "matched" if confirmed else "seen")


def refuse(world: World, intent: Document, row: Document, reason: str, *, confirmed: bool) -> None:
    """Leave a transfer unmatched, for good once it has its confirmations."""
    settle(world, row, "unmatched" if confirmed else "seen", reason)
    if confirmed and reason == "underpaid" and world.switches.partially_funded_event:
        events.record(world, "payment_intent.partially_funded", intent, BY_ITSELF)


def why_unmatched(world: World, deposit: Document, intent: Document, row: Document) -> str | None:
    """Why this transfer does not pay the intent, or None if it does."""
    wanted = intent["amount"] * UNITS_PER_CENT
    mine = deposit["claimed_by"] == row["id"]
    if row["token"].lower() != world.config.usdc_contract.lower():
        return "wrong_token"
    if intent["status"] == "canceled":
        return "canceled"
    if deposit["claimed_by"] is not None and not mine:
        return "already_paid"
    if intent["status"] not in (("processing",) if mine else ("requires_action",)):
        return "already_paid" if intent["status"] in ("processing", "succeeded") else "not_awaited"
    if row["units"] != wanted:
        return "underpaid" if row["units"] < wanted else "overpaid"
    return "late" if row["seen_at"] >= deposit["expires_at"] else None


def paid_by(world: World, deposit: Document, intent: Document, row: Document) -> bool:
    """Whether this transfer paid the intent already: it came back after a reorg, or was mined again."""
    if intent["status"] != "succeeded" or deposit["claimed_by"] is None:
        return False
    if deposit["claimed_by"] == row["id"]:
        return True
    payer = world.store.get(KIND, deposit["claimed_by"])
    assert payer is not None, "a claim names a transfer"
    return payer["state"] == "orphaned" and bool(payer["transaction_hash"] == row["transaction_hash"])


def expected(world: World, address: str) -> tuple[Document, Document]:
    """The deposit at an address, and its intent."""
    deposit = world.store.get(payment_intents.DEPOSIT, address.lower())
    assert deposit is not None, "only our own addresses are watched"
    intent = world.store.get(payment_intents.KIND, deposit["payment_intent"])
    assert intent is not None, "a deposit is for an intent"
    return deposit, intent


def first_sight(world: World, transfer: Transfer) -> Document:
    """The row of a transfer that was not known."""
    return {
        "id": transfer.identifier,
        "token": transfer.token,
        "sender": transfer.sender,
        "to": transfer.to,
        "units": transfer.units,
        "transaction_hash": transfer.transaction_hash,
        "block_number": transfer.block_number,
        "block_hash": transfer.block_hash,
        "log_index": transfer.log_index,
        "seen_at": world.now(),
        "state": "seen",
        "reason": None,
    }


def settle(world: World, row: Document, state: str, reason: str | None = None) -> None:
    """Write down what became of a transfer."""
    world.store.put(KIND, row["id"], {**row, "state": state, "reason": reason})


def claim(world: World, deposit: Document, transfer: str | None) -> None:
    """Write down which transfer pays the deposit."""
    deposit["claimed_by"] = transfer
    world.store.put(payment_intents.DEPOSIT, deposit["address"].lower(), deposit)


def expire(world: World, intent_id: str) -> Document | None:
    """Let the deposit of an intent end now, so that later money is late; None if it has no deposit."""
    for deposit in world.store.equal(payment_intents.DEPOSIT, "payment_intent", intent_id):
        deposit["expires_at"] = world.now()
        world.store.put(payment_intents.DEPOSIT, deposit["address"].lower(), deposit)
        plan = {"id": intent_id, "due_at": world.now()}
        world.store.put(payment_intents.DEPOSIT_ENDING, intent_id, plan)
        cancel_expired(world)
        return deposit
    return None


def cancel_expired(world: World) -> None:
    """Cancel the intents whose deposit ended unpaid, if the switch says that Stripe does so."""
    if world.switches.expired_deposit != "cancel":
        return
    for plan in world.store.between(payment_intents.DEPOSIT_ENDING, "due_at", 0, world.now()):
        intent = world.store.get(payment_intents.KIND, plan["id"])
        assert intent is not None, "a deposit is for an intent"
        world.store.delete(payment_intents.DEPOSIT_ENDING, plan["id"])
        if intent["status"] == "requires_action":
            intent["canceled_at"] = world.now()
            intent["cancellation_reason"] = "expired"
            intent["next_action"] = None
            payment_intents.move(world, intent, "canceled", BY_ITSELF)
