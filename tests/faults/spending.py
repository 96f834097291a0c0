"""A service that spends credits for agents, through the API server's door."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from pennyrail_client import Client, PennyrailError, Unavailable
from pennyrail_client.replies import Done, Snapshot
from tests.faults.asking import Asker, Refused, Unanswered

Answer = TypeVar("Answer")
# The longest there is: a clock that jumps must not end holds behind the back of the clients.
HOLD_SECONDS: Final = 86_400
SHARED: Final = 0.15
TOO_MANY: Final = 1_000_000


@dataclass
class Account:
    """An agent, and what clients know of it. Lists are only appended to and popped from."""

    agent_id: str
    token: str
    holds: list[tuple[str, int]] = field(default_factory=list)


@dataclass
class Spender:
    """One client of the door."""

    asker: Asker
    client: Client

    def hold(self, account: Account) -> None:
        """Set a few credits aside, now and then more than there are."""
        credits = self._credits()
        done = self._ask(
            "hold",
            account,
            lambda key: (
                self.client.hold(
                    agent_id=account.agent_id,
                    credits=credits,
                    job_id=key,
                    timeout_seconds=HOLD_SECONDS,
                    idempotency_key=key,
                ).placed
            ),
            credits=credits,
        )
        if done is not None and done.hold_id is not None:
            account.holds.append((done.hold_id, credits))

    def debit(self, account: Account) -> None:
        """Spend a few credits at once."""
        credits = self._credits()
        self._ask(
            "debit",
            account,
            lambda key: self.client.debit(
                agent_id=account.agent_id, credits=credits, job_id=key, idempotency_key=key
            ),
            credits=credits,
        )

    def capture(self, account: Account) -> None:
        """Spend a hold: all of it, a part of it, or more than it holds."""
        found = self._some_hold(account)
        if found is None:
            return
        hold_id, held = found
        part = self.asker.chance.choice((None, None, held, max(1, held // 2), 1, held + 1))
        self._ask(
            "capture",
            account,
            lambda key: self.client.capture(
                hold_id, agent_id=account.agent_id, credits=part, idempotency_key=key
            ),
            hold_id=hold_id,
            credits=part,
        )

    def release(self, account: Account) -> None:
        """Let a hold go."""
        found = self._some_hold(account)
        if found is None:
            return
        hold_id, _ = found
        self._ask(
            "release",
            account,
            lambda key: self.client.release(hold_id, agent_id=account.agent_id, idempotency_key=key),
            hold_id=hold_id,
        )

    def grant(self, account: Account, credits: int | None = None) -> None:
        """Give promotional credits."""
        given = credits or self.asker.chance.randrange(50, 200)
        self._ask(
            "grant",
            account,
            lambda key: self.client.grant(agent_id=account.agent_id, credits=given, idempotency_key=key),
            credits=given,
        )

    def look(self, account: Account) -> None:
        """Read the balance and the open holds."""

        def send() -> Snapshot:
            return _heard(lambda: self.client.balance(account.agent_id))

        with suppress(Refused, Unanswered):
            self.asker.once("balance", account.agent_id, send, _snapshot)

    def _credits(self) -> int:
        chance = self.asker.chance
        return TOO_MANY if chance.random() < 0.01 else chance.choice((1, 2, 3, 5, 8, 13, 40))

    def _some_hold(self, account: Account) -> tuple[str, int] | None:
        try:
            found = account.holds.pop(self.asker.chance.randrange(len(account.holds)))
        except (IndexError, ValueError):
            return None
        # Now and then another client finds it, too, and only one of them may have it.
        if self.asker.chance.random() < SHARED:
            account.holds.append(found)
        return found

    def _ask(self, op: str, account: Account, send: Callable[[str], Done], **args: Any) -> Done | None:
        key = self.asker.key()
        return self.asker.keyed(
            op, account.agent_id, lambda: _heard(lambda: send(key)), _done, key=key, **args
        )


def _heard(send: Callable[[], Answer]) -> Answer:
    """The answer, in the terms of a history.

    raises: Refused, Unanswered
    """
    try:
        return send()
    except PennyrailError as error:
        if isinstance(error, Unavailable) or (error.status or 0) >= 500:
            raise Unanswered(f"{error.status} {error.code}") from error
        told = {
            name: error.recovery[name]
            for name in ("available_credits", "hold_state")
            if name in error.recovery
        }
        raise Refused(error.code, **told) from error


def _done(done: Done) -> dict[str, object]:
    return {
        "transaction_id": done.transaction_id,
        "credits": done.credits,
        "hold_id": done.hold_id,
        "version": done.balance.version,
        "posted": done.balance.posted,
        "held": done.balance.held,
    }


def _snapshot(found: Snapshot) -> dict[str, object]:
    return {
        "version": found.balance.version,
        "posted": found.balance.posted,
        "held": found.balance.held,
        "holds": sorted((hold.hold_id, hold.credits) for hold in found.holds),
    }
