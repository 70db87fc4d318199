"""The generated part of ``docs/reference/ivr.md``: every verb with its fields, every finding. A test keeps it current."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from m3voip.ivr.finding import CODES
from m3voip.ivr.schema import json_schema
from m3voip.ivr.verbs import VERBS

BEGIN = "<!-- generated: m3voip ivr reference -->"
END = "<!-- end of the generated part -->"


def reference() -> str:
    """Markdown, between the two marks."""
    definitions = json_schema()["$defs"]
    lines = [BEGIN, ""]
    for verb, kind in VERBS.items():
        lines += [f"### `{verb}`", "", str(kind.__doc__).strip(), ""]
        if kind.SHORT:
            lines += [f"Short form: `{verb}: {kind.SHORT} …` can be written as `{verb}: …`.", ""]
        lines += ["| field | value | default | meaning |", "|---|---|---|---|", *_rows(definitions[kind.__name__]), ""]
    lines += ["## Findings of `m3voip ivr check`", "", "| code | meaning |", "|---|---|"]
    lines += [f"| `{code}` | {meaning} |" for code, meaning in CODES.items()]
    return "\n".join((*lines, "", END)) + "\n"


def renewed(page: str) -> str:
    """A page with its generated part renewed."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END + "\n")
    return before + reference() + after


def _rows(definition: dict[str, Any]) -> Iterator[str]:
    required = definition.get("required", [])
    for name, field in definition["properties"].items():
        default = "needed" if name in required else _default(field)
        yield f"| `{name}` | {_kind(field)} | {default} | {field.get('description', '')} |"


def _default(field: dict[str, Any]) -> str:
    value = field.get("default")
    return "none" if value in ("", None, [], {}) else f"`{json.dumps(value, ensure_ascii=False)}`"


def _kind(field: dict[str, Any]) -> str:
    if "enum" in field:
        return " or ".join(field["enum"])
    if "anyOf" in field:
        return "text or `{file: …}`"
    kind = field.get("type", "")
    if "minimum" in field:
        return f"{field['minimum']} to {field['maximum']}"
    words = {"string": "text", "boolean": "true or false", "object": "names and values", "array": "list"}
    return words.get(kind, "name") if isinstance(kind, str) else "name"
