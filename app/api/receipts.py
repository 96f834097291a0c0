"""GET /v1/receipts/<receipt_id>: a purchase's receipt, signed; and the keys to check it with."""

from typing import Annotated, Final

from fastapi import APIRouter, Path, Request
from starlette.responses import JSONResponse, Response

from app import boundary, envelope, errors, signing
from app.api.fields import Reference
from app.doors import Here, Knocking
from app.shapes.receipt import receipt
from ledger import keys
from ledger.errors import NotSealedYet
from rails import status
from rails.errors import NotFound

KEYS_PATH: Final = "/.well-known/pennyrail-receipt-keys.json"

router = APIRouter(route_class=boundary.GuardedRoute)


@router.get("/v1/receipts/{receipt_id}")
def receipt_show(
    request: Request, here: Here, known: Knocking, receipt_id: Annotated[Reference, Path()]
) -> Response:
    """The receipt as a JWS that anybody can check without us."""
    agent_id = known.agent.agent_id
    with here.sessions() as session:
        try:
            view = status.find(
                session, agent_id=agent_id, kind="receipt_id", reference=receipt_id, now=here.clock()
            )
        except NotFound:
            raise errors.ReceiptNotFound("no receipt of yours") from None
        if here.receipt_key is None:
            raise errors.ReceiptsUnavailable("no key")
        try:
            jws = signing.sign(session, here, view, key=here.receipt_key)
        except NotSealedYet:
            raise errors.ReceiptNotSealedYet("not sealed yet") from None
    data = {
        "receipt": receipt(here, view),
        "jws": jws,
        "public_key_url": f"{here.settings.base_url}{KEYS_PATH}",
    }
    return envelope.success(request, data=data, agent=known.agent)


@router.get(KEYS_PATH)
def receipt_keys(here: Here) -> Response:
    """The public keys as a set of JWKs, without an envelope: JOSE libraries read it."""
    ours = [here.receipt_key.public] if here.receipt_key is not None else []
    return JSONResponse(keys.jwks(*ours, *here.other_keys), headers={"cache-control": "public, max-age=300"})
