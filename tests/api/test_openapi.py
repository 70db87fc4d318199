"""The OpenAPI document is valid, complete, and the one in docs/reference. (That it is true is judged by every other test:
see client.Contract.)"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from m3voip.api.permissions import Permission
from tests.api.client import Client

pytestmark = pytest.mark.postgres

FILE = Path(__file__).parents[2] / "docs" / "reference" / "openapi.json"


@pytest.fixture
def document(mine: Client) -> dict[str, Any]:
    return mine.contract.document


async def test_it_is_valid_and_served(mine: Client, document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(document).validate()
    async with mine.session.get(f"{mine.base}/openapi.json") as response:
        assert await response.json() == document
    for path in ("/docs", "/redoc"):
        assert (await mine.get(path)).status == 404


def test_the_copy_in_the_documentation_is_current(document: dict[str, Any]) -> None:
    assert json.loads(FILE.read_text()) == document, "run: python -m m3voip.api > docs/reference/openapi.json"


def test_every_operation_is_described_named_and_guarded(document: dict[str, Any]) -> None:
    tags = {tag["name"] for tag in document["tags"]}
    names = []
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            where = f"{method} {path}"
            names.append(operation["operationId"])
            assert operation["summary"], where
            assert operation["description"], where
            assert set(operation["tags"]) <= tags, where
            open_to_all = path in {"/healthz", "/readyz", "/metrics", "/v1/recordings/download"}
            assert ("security" in operation) is not open_to_all, where
            for way in operation.get("security", []):
                assert set(way["bearer"]) <= set(Permission), where
    assert len(names) == len(set(names))


def test_every_body_and_answer_has_an_example_that_fits_its_schema(document: dict[str, Any]) -> None:
    registry: Registry[Any] = Registry().with_resource(
        "urn:api", Resource.from_contents(document, default_specification=DRAFT202012)
    )
    checked = 0
    used = set(_references(document["paths"])) | set(_references(document["components"]["responses"]))
    for name, schema in document["components"]["schemas"].items():
        for example in schema.get("examples", []):
            validator = Draft202012Validator({"$ref": f"urn:api#/components/schemas/{name}"}, registry=registry)
            validator.validate(example)
            checked += 1
        assert name not in used or "enum" in schema or schema.get("examples"), f"{name} has no example"
    assert checked > 40


def _references(node: object) -> list[str]:
    if isinstance(node, dict):
        found = [str(node["$ref"]).rpartition("/")[2]] if "/schemas/" in str(node.get("$ref")) else []
        return found + [name for value in node.values() for name in _references(value)]
    return [name for value in node for name in _references(value)] if isinstance(node, list) else []


def test_every_kind_of_error_is_documented_with_both_forms(document: dict[str, Any]) -> None:
    for name, response in document["components"]["responses"].items():
        assert set(response["content"]) == {"application/json", "application/problem+json"}, name
        assert response["content"]["application/json"]["example"]["error"]["code"]
        assert "X-Request-Id" in response["headers"]
