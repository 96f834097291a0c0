"""What measures a load does not flatter what it measures."""

import asyncio
from urllib.parse import urlsplit

import pytest
from fastapi import FastAPI
from starlette.responses import JSONResponse, Response

from bench import _wishes, load, soak
from bench._load_page import Step, knee
from bench._offering import Came, Offer, _Crowd
from bench._sampling import Level, Sample
from tests.app.conftest import served

ENOUGH = 100


def came(app: FastAPI, *, rate: float = 100, seconds: float = 1.0) -> Came:
    with served(app) as url:
        port = urlsplit(url).port
        assert port is not None
        wanted = Offer(
            port=port,
            rate=rate,
            seconds=seconds,
            mix={"quota": 1.0},
            service_token="",
            agents=[["agt_1", "token"]],
        )
        return asyncio.run(_Crowd(wanted).come())


def test_a_stall_is_felt_by_everybody_who_came_meanwhile() -> None:
    app, turn = FastAPI(), asyncio.Lock()
    stalled = list[bool]()

    @app.get("/v1/quota")
    async def quota() -> dict[str, object]:
        async with turn:
            if not stalled:
                stalled.append(True)
                await asyncio.sleep(1)
        return {"data": {}}

    found = came(app)

    slow = [each for each in found.done["quota"] if each > ENOUGH]
    # Who waits for each answer before asking again would have seen one.
    assert len(slow) > found.offered / 2


def test_what_is_refused_or_wrong_is_not_done() -> None:
    app = FastAPI()
    answers = iter([200, 503, 429, 500] * ENOUGH)

    @app.get("/v1/quota")
    async def quota() -> Response:
        return JSONResponse({"data": {}}, status_code=next(answers))

    found = came(app, rate=40)

    assert len(found.done["quota"]) + found.refused + found.wrong == found.offered
    assert found.refused >= found.wrong > 0
    assert found.lost == 0


def test_the_same_seed_asks_for_the_same() -> None:
    wanted = Offer(
        port=1, rate=200, seconds=1, mix=_wishes.MIX, service_token="", agents=[["agt_1", "token"]]
    )

    first, second = (list(_Crowd(wanted)._moments()) for _ in range(2))

    assert first == second
    assert len(first) == pytest.approx(200, rel=0.3)


def step(offered: float, in_time: float) -> Step:
    return Step(
        offered=offered,
        done=in_time,
        in_time=in_time,
        refused=offered - in_time,
        failed=0,
        late_ms=0,
        times={},
        refusal_ms=[],
        paid=0,
        granted=0,
        waiting=0,
    )


def test_the_knee_is_the_last_rate_that_was_kept_up_with() -> None:
    steps = [step(10, 10), step(20, 19.5), step(40, 30), step(80, 31)]

    assert knee(steps, kept_up=load.KEPT_UP).offered == 20


def grown(levels: list[float], unit: str = "MB") -> bool | None:
    samples = [Sample(number, {"api": Level(each, unit)}) for number, each in enumerate(levels)]
    return soak.growth("api", samples).reached


def test_what_finds_its_level_is_no_growth_and_what_does_not_is() -> None:
    assert grown([100, 180, 200, 205, 203, 204, 206, 205, 207])
    assert grown([100, 130, 160, 190, 220, 250, 280, 310, 340]) is False
    assert grown([10, 20, 40, 80, 160, 320, 640, 1280, 2560], "keys") is False
