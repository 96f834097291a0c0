"""The first page: what was sold, spent, earned and is owed, and what somebody should look at."""

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response

from app.console.show import PATH, show
from app.console.visit import Reading
from office import alerts, dashboard, house_health, rail_health
from office.alerts import Kind
from office.dashboard import Days
from office.proposals import reading

router = APIRouter()
PERIODS: Final[Mapping[str, Days]] = {"7": 7, "30": 30, "90": 90}
Period = Literal["7", "30", "90"]
PLACES: Final[Mapping[Kind, str]] = {
    "chain_alarm": f"{PATH}/rails#chain",
    "dead_notices": f"{PATH}/inbox?state=dead",
    "unhandled_notices": f"{PATH}/inbox?state=waiting",
    "old_exceptions": f"{PATH}/exceptions",
    "old_breaks": f"{PATH}/reconciliation",
    "failed_deliveries": f"{PATH}/deliveries?state=failed",
    "endpoint_down": f"{PATH}/deliveries",
    "rail_off": f"{PATH}/rails",
    "unanswered_actions": f"{PATH}/audit?outcome=unanswered",
    "seal_lag": f"{PATH}/rails#house",
    "figures_lag": f"{PATH}/rails#house",
    "overdue": f"{PATH}/rails#house",
    "book_differs": f"{PATH}/rails#house",
}
"""Where each sort of alert is handled."""


@router.get("/")
def home(visit: Reading, days: Annotated[Period, Query()] = "30") -> Response:
    """The figures of a period, and what is wrong now."""
    with visit.house.sessions() as session:
        told = dashboard.overview(session, days=PERIODS[days], now=visit.now)
        rails = rail_health.of_rails(session, list(visit.house.rails), now=visit.now)
        house = house_health.of_house(session, now=visit.now)
        proposed = reading.listed(session, reading.Wanted(state="pending"), now=visit.now)
    return show(
        visit,
        "overview/home.html",
        overview=told,
        alerts=alerts.of(rails, house, now=visit.now),
        waiting={
            "exceptions": house.exceptions.many,
            "proposals": len(proposed),
            "breaks": house.breaks.many,
        },
        places=PLACES,
        periods=PERIODS.values(),
    )
