"""The queues of wake-up calls: a worker takes from both unless it is told otherwise, a watcher from one."""

from typing import Final

# The name is Celery's own, so that a call that goes nowhere else goes there.
WORK: Final = "celery"
# Nodes can be slow for minutes: what reads them holds up no grant.
CHAIN: Final = "chain"
ALL: Final = (WORK, CHAIN)

# Not `check_chain`, which tells that nobody reads the chain: it must not wait for whoever should.
ROUTES: Final = {
    f"workers.tasks.{task}": {"queue": CHAIN}
    for task in ("watch_deposits", "audit_deposits", "check_balances")
}
