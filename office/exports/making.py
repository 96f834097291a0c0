"""Making what was asked for: one export after the other, and removing what was kept long enough."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from ledger.database import Sessions
from ledger.errors import BookError
from office import audit
from office.actor import Actor
from office.exports import catalogue, desk, snapshot, store, turns
from office.exports.errors import ExportStopped
from office.exports.settings import ExportSettings
from office.exports.store import Kept
from office.exports.turns import Turn
from rails.errors import OperatorError

logger = logging.getLogger("pennyrail.office")

SERVICE: Final = Actor("service")
_ROWS_BETWEEN_LOOKS: Final = 500
_TELL_EVERY: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Maker:
    """What it takes to make exports. `clock` tells the time in UTC."""

    sessions: Sessions
    settings: ExportSettings
    clock: Callable[[], datetime]


@dataclass(slots=True)
class _Progress:
    """How many rows were written, told once in a while, and whether anybody still wants the rest."""

    maker: Maker
    turn: Turn
    told_at: datetime
    rows: int = 0
    looked: int = 0

    def told(self, rows: int) -> None:
        self.rows += rows
        if self.rows - self.looked < _ROWS_BETWEEN_LOOKS:
            return
        self.looked, now = self.rows, self.maker.clock()
        if now - self.told_at >= _TELL_EVERY:
            self.told_at = now
            self.tell(now=now)

    def tell(self, *, now: datetime, about: int | None = None) -> None:
        with self.maker.sessions() as session:
            if not turns.go_on(session, self.turn, rows=self.rows, about=about, now=now):
                raise ExportStopped("nobody wants it from this worker any more")


def make_next(maker: Maker) -> str | None:
    """Make the export that is due, if there is one and not too many are being made; its id.

    Dying in the middle leaves a part of a file that nobody is shown, and the next worker begins anew.

    raises: NoFolder
    """
    folder = maker.settings.kept_in
    with maker.sessions() as session:
        turn = turns.take(session, at_once=maker.settings.at_once, now=maker.clock())
    if turn is None:
        return None
    if turn.too_often:
        _failed(maker, turn, "workers have died of it; a shorter period may do")
        return turn.export_id
    try:
        kept, rows = _write(maker, turn)
        with maker.sessions() as session:
            stays = turns.done(session, turn, kept, rows=rows, now=maker.clock())
        if not stays:
            store.remove(folder, turn.file)
    except ExportStopped:
        logger.info("%s was stopped", turn.export_id)
    except (OperatorError, BookError) as error:
        _failed(maker, turn, str(error))
    except Exception as error:
        # Whatever it was would come again with the next worker; a person has to look at it.
        logger.exception("%s cannot be made", turn.export_id)
        _failed(maker, turn, f"unexpected: {type(error).__name__}")
    return turn.export_id


def remove_old(maker: Maker) -> list[str]:
    """Remove the files of exports that were kept long enough, and files that belong to none; the exports."""
    folder, now = maker.settings.kept_in, maker.clock()
    with maker.sessions() as session:
        expired = turns.expire(session, before=now - timedelta(days=maker.settings.keep_days))
        for export_id in expired:
            audit.write(session, SERVICE, "export.expire", about=("export", export_id), now=now)
    names = [name for name in store.names(folder) if name.startswith("export_")]
    with maker.sessions() as session:
        wanted = turns.wanted(session, names)
    for name in names:
        if name not in wanted:
            store.remove(folder, name)
    return expired


def _write(maker: Maker, turn: Turn) -> tuple[Kept, int]:
    progress = _Progress(maker, turn, told_at=maker.clock())
    with maker.sessions() as session:
        order = desk.order_of(desk.find(session, turn.export_id))
    with (
        store.written(maker.settings.kept_in, turn.file) as (out, kept),
        snapshot.opened(maker.sessions) as reading,
    ):
        progress.tell(now=maker.clock(), about=catalogue.about(reading, order))
        catalogue.write(reading, order, out, told=progress.told)
    return kept, progress.rows


def _failed(maker: Maker, turn: Turn, why: str) -> None:
    now = maker.clock()
    with maker.sessions() as session:
        if turns.fail(session, turn, why=why, now=now):
            about = ("export", turn.export_id)
            audit.write(
                session, SERVICE, "export.make", about=about, outcome="failed", after={"error": why}, now=now
            )
