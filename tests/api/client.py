"""The API's tests as a client: every answer is checked against the OpenAPI document before the test sees it."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import aiohttp
import orjson
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def code(self) -> str:
        return str(self.json["error"]["code"])

    @property
    def paths(self) -> list[str]:
        """The fields that an error names."""
        return [detail["path"] for detail in self.json["error"]["details"]]


class Contract:
    """The OpenAPI document as a judge of answers."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self.operations = {
            (method.upper(), path): operation
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
        }
        resource = Resource.from_contents(document, default_specification=DRAFT202012)
        self._registry: Registry[Any] = Registry().with_resource("urn:api", resource).crawl()
        self._validators: dict[str, Draft202012Validator] = {}
        self.seen: set[tuple[str, str, int]] = set()
        # the more literal path first: /recordings/download before /recordings/{…}
        self._patterns = [
            (re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), path)
            for path in sorted(document["paths"], key=lambda path: path.count("{"))
        ]

    def path_of(self, path: str) -> str | None:
        return next((template for pattern, template in self._patterns if pattern.fullmatch(path)), None)

    def judge(self, method: str, path: str, answer: Answer) -> None:
        template = self.path_of(path)
        operation = self.operations.get((method, template or ""))
        assert answer.headers["X-Request-Id"]
        if operation is None:
            assert answer.status in {404, 405}, f"{method} {path}: {answer.status}"
            return self._matches({"$ref": "#/components/schemas/ErrorAnswer"}, answer.json)
        assert template is not None
        self.seen.add((method, template, answer.status))
        assert str(answer.status) in operation["responses"], f"{method} {template}: {answer.status} is not documented"
        response = self._resolved(operation["responses"][str(answer.status)])
        kind = answer.headers.get("Content-Type", "").partition(";")[0]
        if answer.status == 204:
            assert answer.body == b""
            return None
        assert kind in response["content"], f"{method} {template}: {answer.status} as {kind} is not documented"
        if kind.endswith("json"):
            self._matches(response["content"][kind]["schema"], answer.json)
        return None

    def _resolved(self, response: dict[str, Any]) -> dict[str, Any]:
        found = response
        while "$ref" in found:
            found = self.document
            for part in response["$ref"].removeprefix("#/").split("/"):
                found = found[part]
        return found

    def _matches(self, schema: dict[str, Any], value: object) -> None:
        place = schema["$ref"]  # every answer in JSON has a schema with a name
        if place not in self._validators:
            self._validators[place] = Draft202012Validator(
                {"$ref": f"urn:api{place}"}, registry=self._registry, format_checker=FormatChecker()
            )
        self._validators[place].validate(value)


class Client:
    """Asks the API with one key."""

    def __init__(self, session: aiohttp.ClientSession, base: str, contract: Contract, key: str, tenant: UUID) -> None:
        self.session = session
        self.base = base
        self.contract = contract
        self.key = key
        self.tenant = tenant

    def using(self, key: str) -> Client:
        return Client(self.session, self.base, self.contract, key, self.tenant)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"} if self.key else {}

    async def ask(
        self,
        method: str,
        path: str,
        json: object = None,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        data: bytes | None = None,
    ) -> Answer:
        sent = {**self.headers, **(headers or {})}
        async with self.session.request(
            method,
            self.base + path,
            json=json,
            params=params,
            headers=sent,
            data=None if data is None else io.BytesIO(data),
        ) as response:
            answer = Answer(status=response.status, headers=response.headers.copy(), body=await response.read())
        if answer.headers.get("Content-Type") != "application/problem+json":
            self.contract.judge(method, path.partition("?")[0], answer)
        return answer

    async def get(self, path: str, **params: str) -> Answer:
        return await self.ask("GET", path, params=params)

    async def made(self, path: str, json: object, **headers: str) -> Any:
        """POST that must succeed; what was made."""
        answer = await self.ask("POST", path, json, headers={k.replace("_", "-"): v for k, v in headers.items()})
        assert answer.status == 201, answer.body
        return answer.json

    async def all(self, path: str, **params: str) -> list[Any]:
        """Every row of a list, page by page."""
        rows: list[Any] = []
        cursor: str | None = None
        while True:
            page = (await self.get(path, **params, **({"cursor": cursor} if cursor else {}))).json
            rows += page["items"]
            cursor = page["nextCursor"]
            if cursor is None:
                return rows
