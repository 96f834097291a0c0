"""PaymentIntents that name a transaction which is not seen yet, and wait for it where a switch lets them."""

from sandbox.stripe_twin import chain_records, charges, payment_intents
from sandbox.stripe_twin.store import Document
from sandbox.stripe_twin.world import World


def finish_waiting(world: World) -> None:
    """Let every PaymentIntent succeed or fail whose transaction is there now."""
    for waiting in list(world.store.oldest_first(payment_intents.VERIFICATION)):
        intent = world.store.get(payment_intents.KIND, waiting["payment_intent"])
        assert intent is not None, "somebody waits"
        rows = chain_records.confirmed(world, waiting["transaction_hash"], intent)
        if rows:
            world.store.delete(payment_intents.VERIFICATION, intent["id"])
            finish(world, intent, rows)


def finish(world: World, intent: Document, rows: list[Document]) -> None:
    """Pay the intent if the amount is right."""
    details = charges.transfer_details(rows[0])
    if chain_records.cents(rows) == intent["amount"]:
        payment_intents.succeed(world, intent, details)
        chain_records.use(world, rows[0]["transaction_hash"], intent)
    else:
        message = "The amount of the transaction does not match."
        payment_intents.fail(world, intent, details, code="invalid_amount", message=message)
