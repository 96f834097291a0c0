"""Failures that a test asks for: refusals, silence, and connections cut before or after the work."""

import asyncio

from fastapi import Request, Response

from sandbox.stripe_twin.models import Fault


def take(faults: list[Fault], method: str, path: str) -> Fault | None:
    """The fault that meets this request; it is used up once."""
    for fault in faults:
        if path.startswith(fault.path_prefix) and fault.method in (None, method):
            fault.times -= 1
            if fault.times == 0:
                faults.remove(fault)
            return fault
    return None


async def hang(fault: Fault | None) -> None:
    """Keep the caller waiting, if that is the fault."""
    if fault is not None and fault.kind == "hang":
        await asyncio.sleep(fault.hang_seconds)


async def cut(request: Request) -> Response:
    """Cut the connection; the response that is returned reaches nobody."""
    # ASGI has no word for this. Uvicorn's `receive` belongs to a cycle that knows its transport.
    transport = getattr(getattr(request.receive, "__self__", None), "transport", None)
    assert isinstance(transport, asyncio.Transport), "connections can be cut under uvicorn only"
    transport.abort()
    # Let uvicorn notice, or it would try to write the response.
    await asyncio.sleep(0.01)
    return Response(status_code=500)
