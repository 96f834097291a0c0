"""What operators do with exports: ask for one, watch it, cancel it, download it."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from office import audit
from office.actor import Actor
from office.exports import catalogue
from office.exports.catalogue import Order
from office.exports.errors import NoSuchExport, NotReady
from office.exports.models import Export
from office.exports.scope import Scope
from rails import ids

PAGE = 50


def ask(session: Session, actor: Actor, order: Order, *, now: datetime) -> Export:
    """Write down that an export is wanted. A worker makes it."""
    wanted = Export(
        export_id=ids.new("export"),
        data_set=order.data_set.name,
        format=order.format.name,
        parameters=order.scope.plain(),
        file_name=order.name,
        asked_by=actor.name,
        asked_at=now,
    )
    session.add(wanted)
    session.flush()
    told = {"data_set": wanted.data_set, "format": wanted.format, **wanted.parameters}
    audit.write(session, actor, "export.create", about=("export", wanted.export_id), after=told, now=now)
    return wanted


def cancel(session: Session, actor: Actor, export_id: str, *, now: datetime) -> Export:
    """Have nobody make an export, or go on with it. Its worker stops within seconds.

    raises: NoSuchExport; NotReady if it has ended already
    """
    found = _locked(session, export_id)
    if not found.open:
        raise NotReady(f"it is {found.state} already")
    before = {"state": found.state, "rows": found.rows}
    found.state, found.lease_until, found.ended_at, found.file = "cancelled", None, now, None
    audit.write(session, actor, "export.cancel", about=("export", export_id), before=before, now=now)
    return found


def download(session: Session, actor: Actor, export_id: str, *, part: str = "", now: datetime) -> Export:
    """The export whose file is about to be sent; `part` is the range of bytes that was asked for.

    raises: NoSuchExport; NotReady unless there is a file
    """
    found = find(session, export_id)
    if found.state != "done":
        raise NotReady(f"there is no file: it is {found.state}")
    told = {"file": found.file_name, "bytes": found.bytes, "sha256": found.sha256, "part": part[:100]}
    audit.write(session, actor, "export.download", about=("export", export_id), after=told, now=now)
    return found


def find(session: Session, export_id: str) -> Export:
    """The export of this id.

    raises: NoSuchExport
    """
    found = session.exec(select(Export).where(Export.export_id == export_id)).one_or_none()
    if found is None:
        raise NoSuchExport(f"there is no export {export_id[:60]}")
    return found


def listed(session: Session, *, before: int | None = None, most: int = PAGE) -> Sequence[Export]:
    """Exports, the newest first, beginning below the number `before`."""
    wanted = select(Export).order_by(col(Export.number).desc()).limit(most)
    return session.exec(wanted.where(col(Export.number) < before) if before is not None else wanted).all()


def order_of(found: Export) -> Order:
    """What an export is of."""
    scope = Scope.read(found.parameters)
    return catalogue.order(data_set=found.data_set, format_name=found.format, scope=scope)


def _locked(session: Session, export_id: str) -> Export:
    found = session.exec(
        select(Export)
        .where(Export.export_id == export_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()
    if found is None:
        raise NoSuchExport(f"there is no export {export_id[:60]}")
    return found
