"""`pennyrail chain`: reading Base by hand."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console

from app import where
from app.where import DevHouse

cli = typer.Typer(help="Reading Base.", no_args_is_help=True)
out = Console(highlight=False)


@cli.command("rescan")
def rescan(
    from_block: Annotated[int, typer.Argument(help="first block", min=0)],
    to_block: Annotated[int, typer.Argument(help="last block", min=0)],
    folder: DevHouse = None,
) -> None:
    """Read a range of blocks again. What is already known is not counted twice."""
    from rails.chain import scanner
    from workers import wiring
    from workers.watching import StoryWatch

    if to_block < from_block:
        raise typer.BadParameter(f"the last block, {to_block}, is before the first, {from_block}")
    house, now = wiring.reader(*where.reading(folder)), datetime.now(UTC)
    report = scanner.rescan(
        house.sessions,
        house.rpc,
        StoryWatch(now),
        token=house.chain.usdc_address,
        from_block=from_block,
        to_block=to_block,
        now=now,
        limits=house.limits,
    )
    read = f"blocks {report.from_block} to {report.to_block}"
    out.print(f"{read}: {report.rows} transfers seen, {report.new} of them new")
