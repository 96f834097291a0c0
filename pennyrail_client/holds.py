"""A hold at hand: what may be done with it."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from pennyrail_client.errors import PennyrailError
from pennyrail_client.replies import Done

if TYPE_CHECKING:
    from pennyrail_client.client import Client


class Hold:
    """Credits set aside. As a context it lets them go if the block raises before the job was started.

    A hold that was started is left to its time-out then: the provider may be at work, and is paid. A block
    that ends well without a capture leaves the hold open, for whoever captures it later.
    """

    def __init__(self, client: Client, placed: Done) -> None:
        self._client = client
        self.placed = placed
        self.hold_id = placed.hold_id or ""
        self.agent_id = placed.agent_id
        self.credits = placed.credits
        self._settled = False

    def start(self) -> Done:
        """Say that the job is on its way to its provider."""
        done = self._client.start(
            self.hold_id, agent_id=self.agent_id, idempotency_key=f"start:{self.hold_id}"
        )
        self._settled = True
        return done

    def capture(self, *, credits: int | None = None) -> Done:
        """Spend all of it, or `credits` and let the rest go."""
        self._settled = True
        return self._client.capture(
            self.hold_id,
            agent_id=self.agent_id,
            credits=credits,
            idempotency_key=f"capture:{self.hold_id}:{credits or 'all'}",
        )

    def release(self) -> Done:
        """Let all of it go."""
        self._settled = True
        return self._client.release(
            self.hold_id, agent_id=self.agent_id, idempotency_key=f"release:{self.hold_id}"
        )

    def __enter__(self) -> Hold:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if error is None or self._settled:
            return
        try:
            self.release()
        except PennyrailError as unreleased:
            # What went wrong in the block matters more; the hold ends with its time-out.
            error.add_note(f"the hold {self.hold_id} was not released: {unreleased}")
