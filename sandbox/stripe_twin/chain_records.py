"""What the chain shows of transfers to reusable addresses, and whether one of them pays a PaymentIntent."""

import re

from sandbox.stripe_twin import deposit_addresses
from sandbox.stripe_twin.errors import InvalidRequest, Refused
from sandbox.stripe_twin.store import Document
from sandbox.stripe_twin.world import World

KIND = "reusable_transfer"
USED = "verified_transaction"
CURSOR = ("chain", "cursor")
HASH = re.compile(r"0x[0-9a-fA-F]{64}")
UNITS_PER_CENT = 10_000
PARAM = "payment_method_options[crypto][transaction_verification_options][transaction_hash]"


def note(world: World, rows: list[Document], *, first_block: int) -> None:
    """Take in every transfer to a reusable address from `first_block` on, instead of what was known."""
    there = {row["id"] for row in rows}
    for row in world.store.between(KIND, "block_number", first_block, 2**62):
        if row["id"] not in there:
            world.store.delete(KIND, row["id"])
    for row in rows:
        world.store.put(KIND, row["id"], row)


def confirmed(world: World, transaction_hash: str, intent: Document) -> list[Document]:
    """The transfers of USDC in a transaction that may pay the intent, and have their confirmations."""
    cursor = world.store.get(*CURSOR)
    head = -1 if cursor is None else int(cursor["head"])
    ripe = head - world.config.confirmations + 1
    return [
        row
        for row in world.store.equal(KIND, "transaction_hash", transaction_hash.lower())
        if row["block_number"] <= ripe and pays(world, row, intent)
    ]


def pays(world: World, row: Document, intent: Document) -> bool:
    """Whether a transfer is USDC, to an address of the same mode and, if it has one, the same customer."""
    address = deposit_addresses.owner(world, row["to"])
    return (
        address is not None
        and address["livemode"] == intent["livemode"]
        and address["customer"] in (None, intent["customer"])
        and row["token"].lower() == world.config.usdc_contract.lower()
    )


def cents(rows: list[Document]) -> int:
    """What the transfers are worth: Stripe floors to whole cents."""
    return sum(int(row["units"]) for row in rows) // UNITS_PER_CENT


def check_hash(world: World, transaction_hash: str) -> None:
    """raises: InvalidRequest unless it looks like one, Refused if a switch forbids to name it twice"""
    if HASH.fullmatch(transaction_hash) is None:
        raise InvalidRequest("Invalid transaction hash.", param=PARAM)
    used = world.store.get(USED, transaction_hash.lower()) is not None
    if used and world.switches.repeated_transaction == "refuse":
        raise Refused(
            "This transaction was already used for another PaymentIntent.",
            code="transaction_already_used",
            param=PARAM,
        )


def unseen(world: World) -> Refused:
    """The refusal of a transaction that is not seen yet; its code is not documented."""
    return Refused(
        "The transaction could not be found on the network.",
        code=world.switches.unseen_transaction_code,
        param=PARAM,
    )


def check_amount(rows: list[Document], wanted: int) -> None:
    """raises: Refused unless the transfers are worth exactly that many cents"""
    found = cents(rows)
    if found != wanted:
        raise Refused(
            f"The amount of the transaction ({found}) does not match that of the PaymentIntent ({wanted}).",
            code="invalid_amount",
            param="amount",
        )


def use(world: World, transaction_hash: str, intent: Document) -> None:
    """Remember that a transaction paid the intent."""
    world.store.put(USED, transaction_hash.lower(), {"payment_intent": intent["id"]})
