"""The command ``m3voip phone test``. Exit status 0: the phone is well (there may be warnings); 1: it is not."""

from __future__ import annotations

import asyncio
import json

import typer

from m3voip.commands.running import Json, RunningApi, running_api

_LOOK_S = 0.3
_MARKS = {"ok": "ok  ", "warning": "warn", "failed": "FAIL"}


async def run(extension: str, *, seconds: int, as_json: bool) -> None:
    """Have the phone tested and say how it is; raises typer.Exit with status 1 where it failed."""
    async with running_api() as api:
        agent = await api.agent(extension)
        if not as_json:
            typer.echo(f"calling {extension}; answer it, and if it can, let it play back what it hears")
        test = await _test(api, f"/v1/tm/agents/{agent['id']}/phone-test", seconds)
    typer.echo(json.dumps(test, indent=2) if as_json else "\n".join(_lines(test)))
    if test["verdict"] == "failed":
        raise typer.Exit(1)


async def _test(api: RunningApi, path: str, seconds: int) -> Json:
    test = await api.ask("POST", path, {"seconds": seconds})
    while test["state"] != "ended":
        await asyncio.sleep(_LOOK_S)
        test = await api.ask("GET", path)
    return test


def _lines(test: Json) -> list[str]:
    lines = [f"{_MARKS[one['level']]}  {one['text']}" for one in test["findings"]]
    if m := test["figures"]:
        srtp = "SRTP" if m["encrypted"] else "plain RTP"
        lines.append(f"      codec {m['codec']}, {srtp}, {m['seconds']:g} s of tone")
        lines.append(
            f"      to the phone:   {m['packetsTo']} packets, lost {_shown(m['lostTo'])}, jitter {_shown(m['jitterToMs'])} ms"
        )
        lines.append(
            f"      from the phone: {m['packetsFrom']} packets, lost {m['lostFrom']}, jitter {_shown(m['jitterFromMs'])} ms,"
            f" level {m['levelDb']:g} dB, {'our tone came back' if m['echo'] else 'not our tone'}"
        )
        lines.append(f"      round trip:     {_shown(m['roundTripMs'])} ms")
    return [*lines, f"verdict: {test['verdict']}"]


def _shown(value: float | None) -> str:
    return "not reported" if value is None else f"{value:g}"
