"""The published JSON Schema of a tree's text, generated from the verbs: editors complete and check trees with it.

``docs/reference/ivr.schema.json`` is this function's output; a test keeps it so.
"""

from __future__ import annotations

from typing import Any

import msgspec

from m3voip.ivr.model import DEFAULT_VOICE, FORMAT_VERSION, NODE_NAME, VOICE
from m3voip.ivr.verbs import VERBS
from m3voip.ivr.verbs.fields import NEEDED, NUMBER_TOO

SCHEMA_ID = "urn:m3voip:ivr:1"

Schema = dict[str, Any]


def json_schema() -> Schema:
    """The schema, draft 2020-12."""
    _, components = msgspec.json.schema_components(VERBS.values(), ref_template="#/$defs/{name}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "m3voip IVR tree",
        "type": "object",
        "required": ["version", "entry", "nodes"],
        "additionalProperties": False,
        "properties": {
            "version": {"const": FORMAT_VERSION, "description": "The version of this format."},
            "description": {"type": "string", "description": "What the tree is for."},
            "entry": {"type": "string", "description": "The node at which calls begin."},
            "voice": _named(VOICE.pattern, "The voice that speaks the texts.") | {"default": DEFAULT_VOICE},
            "nodes": {
                "type": "object",
                "description": "Node name → exactly one verb with its settings.",
                "propertyNames": {"pattern": f"^{NODE_NAME.pattern}$"},
                "additionalProperties": {"oneOf": [_node(verb) for verb in VERBS]},
            },
        },
        "$defs": {name: _demanding(components[name]) for name in sorted(components)},
    }


def _demanding(definition: Schema) -> Schema:
    """Require what lint demands; allow numbers without quotes where texts are numbers."""
    fields = definition["properties"].items()
    for _, field in fields:
        _number_too(field)
        _number_too(field.get("additionalProperties", {}))
    needed = [name for name, field in fields if field.pop(NEEDED, False)]
    for name in needed:
        definition["properties"][name].pop("default", None)
    required = dict.fromkeys([*definition.get("required", []), *needed])
    return {**definition, "required": list(required)} if required else definition


def _number_too(field: Schema) -> None:
    if field.pop(NUMBER_TOO, False):
        field["type"] = ["string", "integer"]


def _named(pattern: str, description: str) -> Schema:
    return {"type": "string", "pattern": f"^{pattern}$", "description": description}


def _node(verb: str) -> Schema:
    kind = VERBS[verb]
    settings: Schema = {"$ref": f"#/$defs/{kind.__name__}"}
    if kind.SHORT:
        short = next(f for f in msgspec.structs.fields(kind) if f.encode_name == kind.SHORT)
        bare = {"type": ["string", "integer"]} if short.required else {"type": ["string", "null"]}
        settings = {"anyOf": [settings, bare]}
    return {"type": "object", "required": [verb], "additionalProperties": False, "properties": {verb: settings}}
