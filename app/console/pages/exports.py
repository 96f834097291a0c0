"""Exports: ask for one, watch it, cancel it, download it; and the statement of one agent on paper."""

import io
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Form, Query
from starlette.responses import FileResponse, Response

from app.console.show import PATH, done, is_part, show
from app.console.visit import Reading, Visit, allowed, reading
from office import agents, audit
from office.exports import catalogue, desk, snapshot
from office.exports.errors import NotReady
from office.exports.models import Export
from office.exports.scope import Scope, day

router = APIRouter()
Exporter = Annotated[Visit, allowed("export")]
Downloader = Annotated[Visit, reading("export")]
_MONTH = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class ExportLine:
    """An export as the list shows it."""

    export_id: str
    number: int
    title: str
    data_set: str
    format: str
    scope: Scope
    file_name: str
    asked_by: str
    asked_at: datetime
    state: str
    rows: int
    about_rows: int | None
    percent: int
    bytes: int | None
    sha256: str | None
    ended_at: datetime | None
    failure: str | None


@router.get("/exports")
def listed(visit: Reading, before: int | None = None) -> Response:
    """Every export, the newest first, and how far those are that are being made."""
    with visit.house.sessions() as session:
        found = desk.listed(session, before=before)
    lines = [_line(each) for each in found]
    return show(
        visit,
        "exports/_table.html" if is_part(visit.request) else "exports/list.html",
        exports=lines,
        next=lines[-1].number if len(lines) == desk.PAGE else None,
        going_on=any(each.state in ("asked", "running") for each in lines),
    )


@router.get("/exports/new")
def form(visit: Downloader, agent: str = "", data_set: str = "journal") -> Response:
    """What can be asked for."""
    return show(
        visit,
        "exports/new.html",
        data_sets=list(catalogue.DATA_SETS.values()),
        formats=list(catalogue.FORMATS.values()),
        agent=agent,
        data_set=data_set,
        ready=visit.desk.exports.folder is not None,
    )


@router.post("/exports")
def ask(
    visit: Exporter,
    data_set: Annotated[str, Form()],
    format_name: Annotated[str, Form(alias="format")],
    begins: Annotated[str, Form()] = "",
    ends: Annotated[str, Form()] = "",
    agent: Annotated[str, Form()] = "",
) -> Response:
    """Ask for an export. The days are the first of the period, and the first after it."""
    _ = visit.desk.exports.kept_in
    scope = Scope(ends_at=day(ends) or visit.now, begins_at=day(begins), agent_id=agent.strip() or None)
    order = catalogue.order(data_set=data_set, format_name=format_name, scope=scope)
    with visit.house.sessions() as session:
        line = _line(desk.ask(session, visit.actor, order, now=visit.now))
    visit.desk.wake_exporters()
    return done(visit, f"{PATH}/exports", f"{line.file_name} is on its way.", export=line)


@router.post("/exports/{export_id}/cancel")
def cancel(visit: Exporter, export_id: str) -> Response:
    """Have nobody go on with an export."""
    with visit.house.sessions() as session:
        found = desk.cancel(session, visit.actor, export_id, now=visit.now)
        name = found.file_name
    return done(visit, f"{PATH}/exports", f"{name} is cancelled.")


@router.get("/exports/{export_id}/file")
def download(visit: Downloader, export_id: str) -> Response:
    """The file, or the part of it that is still missing."""
    part = visit.request.headers.get("range", "")
    with visit.house.sessions() as session:
        found = desk.download(session, visit.actor, export_id, part=part, now=visit.now)
        form = desk.order_of(found).format
        # Without the file nothing was downloaded, and the log must not say so.
        path = visit.desk.exports.kept_in / str(found.file)
        if not path.is_file():
            raise NotReady(
                "the file is not in this machine's folder of exports: the workers keep another one"
            )
    headers = {"etag": f'"{found.sha256}"', "cache-control": "private, no-store"}
    return FileResponse(path, media_type=form.content_type, filename=found.file_name, headers=headers)


@router.get("/agents/{agent_id}/statement.pdf")
def statement(
    visit: Downloader,
    agent_id: str,
    begins: Annotated[str, Query(alias="from")] = "",
    ends: Annotated[str, Query(alias="to")] = "",
) -> Response:
    """The statement of one agent on paper; of the last month if no days are given."""
    with visit.house.sessions() as session:
        agents.profile(session, agent_id=agent_id)
    ends_at = day(ends) or visit.now
    scope = Scope(ends_at=ends_at, begins_at=day(begins) or ends_at - _MONTH, agent_id=agent_id)
    order, paper = catalogue.order(data_set="statement", format_name="pdf", scope=scope), io.BytesIO()
    with snapshot.opened(visit.house.sessions) as session:
        catalogue.write(session, order, paper, told=lambda _: None)
    with visit.house.sessions() as session:
        about = ("agent", agent_id)
        told = scope.plain()
        audit.write(session, visit.actor, "statement.download", about=about, after=told, now=visit.now)
    return Response(
        paper.getvalue(),
        media_type=order.format.content_type,
        headers={"content-disposition": f'attachment; filename="{order.name}"', "cache-control": "no-store"},
    )


def _line(found: Export) -> ExportLine:
    assert found.number is not None
    rows = catalogue.DATA_SETS.get(found.data_set)
    return ExportLine(
        export_id=found.export_id,
        number=found.number,
        title=rows.title if rows else found.data_set,
        data_set=found.data_set,
        format=found.format,
        scope=Scope.read(found.parameters),
        file_name=found.file_name,
        asked_by=found.asked_by,
        asked_at=found.asked_at,
        state=found.state,
        rows=found.rows,
        about_rows=found.about_rows,
        percent=found.percent,
        bytes=found.bytes,
        sha256=found.sha256,
        ended_at=found.ended_at,
        failure=found.failure,
    )
