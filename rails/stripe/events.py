"""Stripe's own list of its events, thirty days long: what webhooks did not bring is there."""

from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import stripe
from stripe.params import EventListParams

from rails import errors
from rails.notice import Listed
from rails.stripe import webhooks
from rails.stripe.client import translated
from rails.stripe.settings import StripeSettings

_PAGE: Final = 100


class StripeMemory:
    """What Stripe still lists for this account and mode. Thin events have their snapshots in it."""

    source = webhooks.SOURCE
    # source: https://docs.stripe.com/api/events/list
    reaches = timedelta(days=30)

    def __init__(self, client: stripe.StripeClient, settings: StripeSettings) -> None:
        self._client = client
        self._settings = settings

    def undelivered(self, *, since: datetime) -> Iterator[Listed]:
        """What some endpoint has not confirmed, oldest first."""
        return self._oldest_first({"delivery_success": False, "created": {"gte": int(since.timestamp())}})

    def after(self, external_id: str | None, *, since: datetime) -> Iterator[Listed]:
        """Every event younger than one that is known, or since a time; oldest first."""
        if external_id is not None:
            return self._younger({"ending_before": external_id})
        return self._oldest_first({"created": {"gte": int(since.timestamp())}})

    def _oldest_first(self, wanted: EventListParams) -> Iterator[Listed]:
        oldest = self._oldest(wanted)
        if oldest is None:
            return
        yield self._listed(oldest)
        yield from self._younger({**wanted, "ending_before": oldest.id})

    def _oldest(self, wanted: EventListParams) -> stripe.Event | None:
        """The last of all pages: Stripe lists the newest first, and pages forward only from an event."""
        with translated():
            page = self._client.v1.events.list({**wanted, "limit": _PAGE})
            newest_first = deque(page.auto_paging_iter(), maxlen=1)
        return newest_first.pop() if newest_first else None

    def _younger(self, wanted: EventListParams) -> Iterator[Listed]:
        with translated():
            page = self._client.v1.events.list({**wanted, "limit": _PAGE})
        events = page.auto_paging_iter()
        while True:
            with translated():
                event = next(events, None)
            if event is None:
                return
            yield self._listed(event)

    def _listed(self, event: stripe.Event) -> Listed:
        told: dict[str, Any] = event.to_dict(for_json=True)
        happened_at = datetime.fromtimestamp(event.created, UTC)
        try:
            incoming = webhooks.found(told, settings=self._settings)
        except webhooks.BadNotice as error:
            raise errors.RailUnreachable("Stripe listed what is no event") from error
        # A busy account has many that were never asked to be delivered here: they would only fill the table.
        wanted = incoming.ignore != webhooks.OTHER_TYPE
        return Listed(event.id, happened_at, incoming if wanted else None)
