"""`POST /v1/predict`: answers for the images of a request."""

from __future__ import annotations

import base64
import contextlib
import io
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from skipwise.serving.api.served import Service, service_of
from skipwise.serving.api.uploads import Upload, is_parsed, uploads
from skipwise.serving.connections.bodies import body_of, while_connected
from skipwise.serving.connections.held import HeldResponse
from skipwise.serving.connections.problems import Problem
from skipwise.serving.engine.work import Answer, Unreadable

TOP = 5
"""The number of classes in an answer, unless the request says another."""
MOST_TOP = 1000
"""The most that it may say."""
MEND = "send a whole image, such as a JPEG, PNG or WebP"
_KNOWN = {"model", "version", "top", "explain"}


async def predict(request: Request) -> Response:
    """Answers the images of a request."""
    service = service_of(request)
    deadline = service.deadline()
    model, version, top, explain = _asked(request)
    found = service.catalog.find(model, version)
    if explain and not found.explains:
        raise Problem(
            400, f"The network {found.name} gives no heat maps; ask without explain, or export it with --explain."
        )
    service.engine.check()
    async with body_of(request, service.engine, most=service.limits.max_bytes, deadline=deadline) as body:
        kind = request.headers.get("content-type", "")
        most = service.most_images
        if is_parsed(kind):
            images = await service.engine.aside(uploads, body, kind, most, deadline=deadline)
        else:
            images = uploads(body, kind, most)
        found = service.catalog.find(model, version)  # it may have been replaced meanwhile
        contents = [each.content for each in images]
        asked = service.engine.answer(found, contents, deadline=deadline, explain=explain and found.explains)
        answers = await while_connected(request, asked)
    if len(images) == 1 and isinstance(answers[0], Unreadable):
        raise Problem(422, f"The image can't be read: {answers[0]}; {MEND}.")
    with contextlib.ExitStack() as held:  # what is painted waits its turn, with what is painted already
        shown = [_shown(upload, answer, top, service) for upload, answer in zip(images, answers, strict=True)]
        both = zip(shown, answers, strict=True)
        painted = [(record, each) for record, each in both if isinstance(each, Answer) and each.map is not None]
        held.enter_context(service.engine.holding(sum(answer.square.nbytes for _, answer in painted)))
        for record, answer in painted:
            record["heat_map"] = await service.engine.aside(_picture, answer, deadline=deadline)
            held.enter_context(service.engine.holding(len(record["heat_map"])))
        found_by = {"model": found.name, "version": found.number, "threshold": service.threshold_of(found)}
        body = msgspec.json.encode({**found_by, "answers": shown})
    return HeldResponse(service.engine, body, "application/json")


def _asked(request: Request) -> tuple[str | None, str | None, int, bool]:
    query = request.query_params
    unknown = sorted(set(query) - _KNOWN)
    if unknown:
        raise Problem(400, f"There is no parameter {unknown[0]!r}; there are {', '.join(sorted(_KNOWN))}.")
    twice = [name for name in query if len(query.getlist(name)) > 1]
    if twice:
        raise Problem(400, f"The parameter {twice[0]} is given twice; give it once.")
    top = query.get("top", str(TOP))
    if not (top.isascii() and top.isdigit() and len(top) <= 9 and 1 <= int(top) <= MOST_TOP):
        raise Problem(400, f"The parameter top takes a number of classes from 1 to {MOST_TOP:,}, not {top!r}.")
    explain = query.get("explain", "0")
    if explain not in ("0", "1", "true", "false"):
        raise Problem(400, f"The parameter explain takes 1 or 0, not {explain!r}.")
    return query.get("model"), query.get("version"), int(top), explain in ("1", "true")


def _shown(upload: Upload, answer: Answer | Unreadable, top: int, service: Service) -> dict[str, Any]:
    """An answer as clients get it."""
    named: dict[str, Any] = {} if upload.name is None else {"name": upload.name}
    if isinstance(answer, Unreadable):
        return {**named, "error": f"the image can't be read: {answer}; {MEND}"}
    classes = answer.version.classes
    order = (-answer.probabilities).argsort(kind="stable")[:top].tolist()
    return {
        **named,
        "label": answer.label,
        "probability": answer.probability,
        "sure": service.is_sure(answer),
        "probabilities": [{"label": classes[each], "probability": float(answer.probabilities[each])} for each in order],
    }


def _picture(answer: Answer) -> str:
    """The heat map over the image as an address of its own, `data:image/png;base64,...`."""
    from PIL import Image

    from skipwise.explaining.overlay import overlay

    assert answer.map is not None
    highest = float(answer.map.max())
    painted = overlay(answer.square, answer.map, answer.version.session.grid, highest=highest)
    buffer = io.BytesIO()
    Image.fromarray(painted).save(buffer, "PNG", compress_level=1)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
