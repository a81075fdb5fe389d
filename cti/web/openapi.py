"""The API's description (OpenAPI 3.1), made from the routes and the models they name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from cti.domain.people import PERMISSIONS, Permission
from cti.web.routing import Access, Route, Rule

_PARAMETER = re.compile(r"\{(\w+)(?::[^{}]+)?\}")
_REF = "#/components/schemas/{model}"

_ERROR_SCHEMA = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["id", "message"],
            "properties": {
                "id": {"type": "string", "description": "stable, for programs"},
                "message": {"type": "string", "description": "for people"},
            },
        }
    },
}


def describe(routes: Iterable[Route], version: str) -> dict[str, Any]:
    """The whole document. Pages and files outside ``/api/`` are left out."""
    described = [route for route in routes if route.path.startswith("/api/")]
    models = {
        model
        for route in described
        for model in (route.body, route.answer, route.query)
        if model is not None
    }
    _, definitions = models_json_schema(
        [(model, "validation") for model in sorted(models, key=lambda m: m.__name__)],
        ref_template=_REF,
    )
    schemas = {**definitions.get("$defs", {}), "Error": _ERROR_SCHEMA}
    paths: dict[str, dict[str, Any]] = {}
    for route in described:
        path = _PARAMETER.sub(r"{\1}", route.path)
        paths.setdefault(path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "ringdesk", "version": version},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "session": {"type": "apiKey", "in": "cookie", "name": "rd_session"},
                "csrf": {"type": "apiKey", "in": "header", "name": "X-CSRF-Token"},
                "token": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": route.summary,
        "description": _who_may(route.rule),
        "responses": {
            str(route.success): _content("Done", route.answer),
            "default": {
                "description": "Refused",
                "content": {"application/json": {"schema": {"$ref": _REF.format(model="Error")}}},
            },
        },
    }
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PARAMETER.findall(route.path)
    ]
    if parameters := parameters + _query(route.query):
        operation["parameters"] = parameters
    if route.body is not None:
        operation["requestBody"] = {"required": True, **_content("", route.body)}
        del operation["requestBody"]["description"]
    if route.rule is Access.SIGNED_IN or isinstance(route.rule, Permission):
        needs: dict[str, list[str]] = {"session": []}
        if route.method != "GET":
            needs["csrf"] = []
        operation["security"] = [needs]
    elif route.rule is Access.PROGRAM:
        operation["security"] = [{"token": []}]
    return operation


def _query(model: type[BaseModel] | None) -> list[dict[str, Any]]:
    """The parameters behind the question mark."""
    if model is None:
        return []
    schema = model.model_json_schema(ref_template=_REF)
    required = schema.get("required", ())
    return [
        {
            "name": name,
            "in": "query",
            "required": name in required,
            "description": part.get("description", ""),
            "schema": {key: value for key, value in part.items() if key != "description"},
        }
        for name, part in schema.get("properties", {}).items()
    ]


def _content(description: str, model: type[BaseModel] | None) -> dict[str, Any]:
    if model is None:
        return {"description": description}
    ref = {"$ref": _REF.format(model=model.__name__)}
    return {"description": description, "content": {"application/json": {"schema": ref}}}


def _who_may(rule: Rule) -> str:
    if isinstance(rule, Permission):
        roles = sorted(role.value for role, may in PERMISSIONS.items() if rule in may)
        return f"Roles: {', '.join(roles)}."
    return {
        Access.PUBLIC: "Anybody.",
        Access.SIGNED_IN: "Everybody who is signed in.",
        Access.PROGRAM: "Programs with the bearer token of somebody who takes calls.",
        Access.METRICS: "Programs with the bearer token for figures.",
        Access.SOCKET: "WebSocket: session cookie and own Origin, else closed with a code.",
    }[rule]
