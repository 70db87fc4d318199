"""aioari (peers.lock) with the same flow."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import aioari  # type: ignore[import-not-found]
import aiohttp

BASE = os.environ["BENCH_ARI_URL"]
USER, PASSWORD = os.environ["BENCH_ARI_USER"], os.environ["BENCH_ARI_PASSWORD"]
DROP = {"disallowed": [{"type": "ChannelVarset"}, {"type": "ChannelDialplan"}]}


async def main() -> None:
    client = await aioari.connect(BASE.removesuffix("/ari") + "/", USER, PASSWORD)
    tasks: set[asyncio.Task[None]] = set()

    async def arrived(channel: Any) -> None:
        await channel.answer()
        await channel.play(media="sound:/prompts/bench")

    async def pressed(channel: Any) -> None:
        await channel.hangup()

    def start(work: Any) -> None:
        task = asyncio.create_task(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    def channel_of(found: Any) -> Any:
        return found["channel"] if isinstance(found, dict) else found

    client.on_channel_event("StasisStart", lambda found, _event: start(arrived(channel_of(found))))
    client.on_channel_event("ChannelDtmfReceived", lambda found, _event: start(pressed(channel_of(found))))
    running = asyncio.create_task(client.run(apps="bench"))
    auth = {"Authorization": aiohttp.encode_basic_auth(USER, PASSWORD)}
    async with aiohttp.ClientSession(headers=auth) as session:
        while True:  # the application exists once its socket is up
            async with session.put(f"{BASE}/applications/bench/eventFilter", json=DROP) as answer:
                if answer.status == 200:
                    break
            await asyncio.sleep(0.05)
    print("READY", flush=True)
    await running


if __name__ == "__main__":
    asyncio.run(main())
