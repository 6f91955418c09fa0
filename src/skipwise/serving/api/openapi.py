"""`/openapi.json`: the description of the API, with examples."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from skipwise.serving.api.predict import MOST_TOP, TOP
from skipwise.serving.api.served import VERSION, service_of
from skipwise.serving.api.tensors import IMAGE, OUTPUTS, PIXELS
from skipwise.serving.connections.problems import MEDIA_TYPE

Json = dict[str, Any]

_IMAGE = "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAAAAADhZOFXAAAAEElEQVR4nGM8wQABTAwUMQA6AADYhMgK6QAAAABJRU5ErkJggg=="
"""An image that examples send."""


async def openapi(request: Request) -> Response:
    """The description of this server's API."""
    return Response(
        msgspec.json.encode(described(service_of(request).limits.max_images)), media_type="application/json"
    )


def described(most_images: int) -> Json:
    """The description.

    Args:
        most_images: the most images of a request.
    """
    text = {"type": "string"}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Skipwise",
            "version": VERSION,
            "description": "Answers of networks that classify images. What an image is, its bytes say: types that a "
            "request states are not believed. /v2 is the Open Inference Protocol.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "security": [{}, {"token": []}],
        "paths": {
            "/": {"get": _get("The page to try a network", "text/html", {"type": "string"}, security=[{}])},
            "/v1/predict": {"post": _predict(most_images)},
            "/v1/models": {
                "get": _get(
                    "All networks", "application/json", _object(models={"type": "array", "items": _ref("Model")})
                )
            },
            "/v1/models/{model}": {
                "parameters": [_in_path("model", "The network's name")],
                "get": _get(
                    "One network, with its classes",
                    "application/json",
                    _ref("Model"),
                    problems=(404,),
                    parameters=[_in_query("version", "Its version; the newest where it is left out", text)],
                ),
            },
            "/v1/models/{model}/about": {
                "parameters": [_in_path("model", "The network's name")],
                "get": _get(
                    "Why this network, how it was checked, and when it is not sure",
                    "application/json",
                    _object(sections={"type": "array", "items": _object(title=text, sentences=_list(text))}),
                    problems=(404,),
                    parameters=[_in_query("version", "Its version; the newest where it is left out", text)],
                ),
            },
            "/v1/models/{model}/drift": {
                "parameters": [_in_path("model", "The network's name")],
                "get": _get(
                    "Whether what it is asked is like its validation images",
                    "application/json",
                    _object(images={"type": "integer"}, sentences=_list(text), measures=_list({"type": "object"})),
                    problems=(404,),
                    parameters=[_in_query("version", "Its version; the newest where it is left out", text)],
                ),
            },
            "/health/live": {"get": _get("The process answers", "application/json", _object(), security=[{}])},
            "/health/ready": {
                "get": _get("It takes requests", "application/json", _object(), problems=(503,), security=[{}])
            },
            "/metrics": {"get": _get("Counts, for Prometheus", "text/plain", {"type": "string"})},
            "/openapi.json": {"get": _get("This description", "application/json", _object())},
            "/v2": {"get": _get("What this server is", "application/json", _object(), security=[{}])},
            "/v2/health/live": {"get": _get("The process answers", "application/json", _object(), security=[{}])},
            "/v2/health/ready": {
                "get": _get("It takes requests", "application/json", _object(), problems=(503,), security=[{}])
            },
            **_of_models(""),
            **_of_models("/versions/{version}"),
        },
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": _schemas(most_images),
        },
    }


def _predict(most_images: int) -> Json:
    text = {"type": "string"}
    return {
        "operationId": "predict",
        "summary": "Answer images",
        "parameters": [
            _in_query("model", "The network; the first one where it is left out", text),
            _in_query("version", "Its version; the newest where it is left out", text),
            _in_query(
                "top",
                "How many classes an answer has",
                {"type": "integer", "minimum": 1, "maximum": MOST_TOP, "default": TOP},
            ),
            _in_query(
                "explain", "1 for a heat map, where the network has them", {"type": "string", "enum": ["0", "1"]}
            ),
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
                "image/*": {"schema": {"type": "string", "format": "binary"}},
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "properties": {
                            "image": {
                                "type": "array",
                                "items": {"type": "string", "format": "binary"},
                                "minItems": 1,
                                "maxItems": most_images,
                            }
                        },
                        "required": ["image"],
                    }
                },
                "application/json": {"schema": _ref("Images"), "example": {"images": [_IMAGE]}},
            },
        },
        "responses": {
            "200": {
                "description": "An answer for each image",
                "content": {"application/json": {"schema": _ref("Answers"), "example": _ANSWERS}},
            },
            **_problems(400, 401, 403, 404, 408, 413, 415, 421, 422, 431, 503),
        },
    }


_ANSWERS = {
    "model": "animals",
    "version": "1",
    "threshold": 0.8,
    "answers": [
        {
            "label": "cat",
            "probability": 0.93,
            "sure": True,
            "probabilities": [{"label": "cat", "probability": 0.93}, {"label": "dog", "probability": 0.07}],
        }
    ],
}


def _of_models(version: str) -> Json:
    """The addresses of a network in the Open Inference Protocol."""
    base = f"/v2/models/{{model}}{version}"
    parameters = [_in_path("model", "The network's name")]
    parameters += [_in_path("version", "Its version")] if version else []
    example = {"inputs": [{"name": IMAGE, "shape": [1], "datatype": "BYTES", "data": [_IMAGE]}]}
    infer = {
        "summary": "Answer tensors",
        "parameters": [
            {
                "name": "Inference-Header-Content-Length",
                "in": "header",
                "description": "The bytes of the JSON, where tensors follow it",
                "schema": {"type": "integer", "minimum": 0},
            }
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": _ref("Inference"), "example": example},
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
            },
        },
        "responses": {
            "200": {
                "description": "The outputs; in JSON, or behind it as bytes",
                "content": {
                    "application/json": {"schema": _object()},
                    "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
                },
            },
            **_problems(400, 401, 403, 404, 408, 413, 415, 421, 422, 431, 503),
        },
    }
    found = {
        "": _get("Its inputs and outputs", "application/json", _object(), problems=(404,)),
        "/ready": _get("Whether it answers", "application/json", _object(), problems=(404, 503)),
    }
    paths: Json = {f"{base}{end}": {"parameters": parameters, "get": each} for end, each in found.items()}
    return {**paths, f"{base}/infer": {"parameters": parameters, "post": infer}}


def _schemas(most_images: int) -> Json:
    number, text, truth = {"type": "number"}, {"type": "string"}, {"type": "boolean"}
    chance = {"type": "number", "minimum": 0, "maximum": 1.001}
    shown = _object(label=text, probability=chance)
    answer = {
        "type": "object",
        "properties": {
            "name": {"type": "string", "description": "The file's name in a form"},
            "label": {"type": "string", "description": "The most likely class"},
            "probability": chance,
            "sure": {"type": "boolean", "description": "Whether the probability reaches the threshold"},
            "probabilities": {"type": "array", "items": shown, "description": "The most likely classes, falling"},
            "heat_map": {"type": "string", "description": "A PNG as a data: URL"},
            "error": {"type": "string", "description": "Why there is no answer for this image of several"},
        },
    }
    tensor = {
        "type": "object",
        "properties": {
            "name": {"type": "string", "enum": [IMAGE, PIXELS]},
            "shape": {"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 4},
            "datatype": {"type": "string", "enum": ["BYTES", "UINT8", "FP32"]},
            "parameters": {"type": "object"},
            "data": {"type": "array", "description": f"{IMAGE}: base64; {PIXELS}: whole numbers from 0 to 255"},
        },
        "required": ["name", "shape", "datatype"],
    }
    wanted = {
        "type": "object",
        "properties": {"name": {"type": "string", "enum": [*OUTPUTS]}, "parameters": {"type": "object"}},
        "required": ["name"],
    }
    return {
        "Problem": _object(type=text, title=text, status={"type": "integer"}, detail=text, error=text),
        "Images": {
            **_object(
                images={
                    "type": "array",
                    "items": {"type": "string", "contentEncoding": "base64"},
                    "minItems": 1,
                    "maxItems": most_images,
                }
            ),
            "additionalProperties": False,
        },
        "Answers": _object(
            model=text,
            version=text,
            threshold={"type": ["number", "null"]},
            answers={"type": "array", "items": answer},
        ),
        "Model": _object(
            name=text,
            version=text,
            versions={"type": "array", "items": text},
            network=text,
            format=text,
            precision=text,
            backend=text,
            identity=text,
            number_of_classes={"type": "integer"},
            input=_object(size={"type": "integer"}, channels={"type": "integer"}, crop=number),
            explains=truth,
            test_accuracy={"type": ["number", "null"]},
            certificate={"type": ["object", "null"]},
        ),
        "Inference": {
            "type": "object",
            "properties": {
                "id": text,
                "inputs": {"type": "array", "items": tensor, "minItems": 1, "maxItems": 1},
                "outputs": {"type": "array", "items": wanted},
                "parameters": {"type": "object"},
            },
            "required": ["inputs"],
        },
    }


def _get(summary: str, media_type: str, schema: Json, *, problems: tuple[int, ...] = (), **more: Any) -> Json:
    answer = {"description": summary, "content": {media_type: {"schema": schema}}}
    return {"summary": summary, "responses": {"200": answer, **_problems(400, 401, 403, 421, 431, *problems)}, **more}


def _problems(*statuses: int) -> Json:
    content = {MEDIA_TYPE: {"schema": _ref("Problem")}}
    return {str(each): {"description": "What is wrong, and the mend", "content": content} for each in statuses}


def _object(**properties: Any) -> Json:
    """An object whose properties are all there."""
    return {"type": "object", "properties": properties, "required": list(properties)}


def _list(of: Json) -> Json:
    return {"type": "array", "items": of}


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _in_query(name: str, description: str, schema: Json) -> Json:
    return {"name": name, "in": "query", "description": description, "schema": schema}


def _in_path(name: str, description: str) -> Json:
    return {"name": name, "in": "path", "required": True, "description": description, "schema": {"type": "string"}}
