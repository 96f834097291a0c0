"""Matching of transfers on the chain with PaymentIntents: one transfer of exactly the amount, or nothing."""

from dataclasses import dataclass

from sandbox.stripe_twin import charges, payment_intents
from sandbox.stripe_twin.store import Document
from sandbox.stripe_twin.world import World

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
        return world.store.identifiers(payment_intents.DEPOSIT)
    deposits = world.store.oldest_first(payment_intents.DEPOSIT)
    return [deposit["address"].lower() for deposit in deposits if deposit["livemode"]]


def observe(world: World, view: View) -> None:
    """Take in what the chain shows now. The same view twice changes nothing more."""
    with world.store.transaction():
        forget_orphans(world, view)
        for transfer in view.transfers:
            consider(world, view, transfer)


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
    deposit, intent = expected(world, transfer.to)
    if paid_by(world, deposit, intent, row):
        claim(world, deposit, row["id"])
        settle(world, row, "matched")
        return
    confirmed = view.head - transfer.block_number + 1 >= world.config.confirmations
    reason = why_unmatched(world, deposit, intent, row)
    if reason is not None:
        settle(world, row, "unmatched" if confirmed else "seen", reason)
        return
    if deposit["claimed_by"] is None:
        claim(world, deposit, row["id"])
        payment_intents.process(world, intent)
    if confirmed:
        payment_intents.succeed(world, intent, details(row))
    settle(world, row, "matched" if confirmed else "seen")


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
    if intent["status"] != ("processing" if mine else "requires_action"):
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


def details(row: Document) -> Document:
    """The payment method details of a charge that this transfer paid."""
    return charges.crypto_details(
        buyer_address=row["sender"],
        network="base",
        token_currency="usdc",
        transaction_hash=row["transaction_hash"],
    )


def expire(world: World, intent_id: str) -> Document | None:
    """Let the deposit of an intent end now, so that later money is late; None if it has no deposit."""
    for deposit in world.store.equal(payment_intents.DEPOSIT, "payment_intent", intent_id):
        deposit["expires_at"] = world.now()
        world.store.put(payment_intents.DEPOSIT, deposit["address"].lower(), deposit)
        return deposit
    return None
