"""What was sold, how it is found, and the rails it came in by."""

from typing import Final

from app.ops_cli.rows.row import AFTER, REASON, Option, Row
from office.purchases import STATES

ROWS: Final = (
    Row(
        "search",
        "GET",
        "/console/search",
        "Find anything by what you know of it: an id, a hash, an address, a job, a name.",
        (Option("q", "what you know"),),
    ),
    Row(
        "purchases list",
        "GET",
        "/console/purchases",
        "Purchases, the newest first.",
        (
            Option("state", "of this state alone", choices=STATES),
            Option("rail", "of this rail alone"),
            Option("agent", "of this agent alone"),
            Option("day", "opened on this day of UTC, 2026-11-20"),
            AFTER,
        ),
    ),
    Row("purchases show", "GET", "/console/purchases/{payment_attempt_id}", "Everything about one purchase."),
    Row(
        "purchases look",
        "POST",
        "/console/purchases/{payment_attempt_id}/look",
        "Ask the processor what has become of it, and what has left it.",
    ),
    Row(
        "purchases cancel",
        "POST",
        "/console/purchases/{payment_attempt_id}/cancel",
        "Close it at the processor, so that nobody can begin to pay it.",
        (REASON,),
    ),
    Row(
        "purchases refund",
        "POST",
        "/console/purchases/{payment_attempt_id}/refund",
        "Have the processor give money back to the payer.",
        (
            REASON,
            Option("key", "a name for this refund: the same one asks once", required=True),
            Option("dollars", "how much, such as 2.50; all that is left if not given"),
        ),
    ),
    Row("quotes show", "GET", "/console/quotes/{quote_id}", "A price that was fixed."),
    Row("receipts show", "GET", "/console/receipts/{receipt_id}", "A receipt, signed if it is sealed."),
    Row(
        "ledger transaction",
        "GET",
        "/console/ledger/transactions/{transaction_id}",
        "A transaction of the book with its legs.",
    ),
    Row("ledger hold", "GET", "/console/ledger/holds/{hold_id}", "Credits set aside for a job."),
    Row(
        "overview",
        "GET",
        "/console/",
        "What was sold, spent and earned, what is owed, and what is wrong.",
        (Option("days", "so many days back", choices=("7", "30", "90")),),
    ),
    Row("rails list", "GET", "/console/rails", "How well each rail does, and what reads the chain."),
    Row("rails nodes", "GET", "/console/rails/nodes", "Ask every node of the chain now."),
    Row("rails off", "POST", "/console/rails/{rail_id}/off", "Take nothing new on a rail.", (REASON,)),
    Row("rails on", "POST", "/console/rails/{rail_id}/on", "Take payments on it again.", (REASON,)),
)
