"""asyncari (peers.lock) with the same flow."""

from __future__ import annotations

import logging
import os
from typing import Any

import anyio
import asyncari  # type: ignore[import-not-found]
import httpx  # type: ignore[import-not-found]

BASE = os.environ["BENCH_ARI_URL"]
USER, PASSWORD = os.environ["BENCH_ARI_USER"], os.environ["BENCH_ARI_PASSWORD"]
DROP = {"disallowed": [{"type": "ChannelVarset"}, {"type": "ChannelDialplan"}]}

logging.basicConfig(level=logging.ERROR)


async def main() -> None:
    async with asyncari.connect(BASE.removesuffix("/ari") + "/", "bench", USER, PASSWORD) as client:

        async def arrived(channel: Any) -> None:
            await channel.answer()
            await channel.play(media="sound:/prompts/bench")

        async def pressed(channel: Any) -> None:
            await channel.hangup()

        async def listen(kind: str, answer: Any) -> None:
            async with client.on_channel_event(kind) as events:
                async for found, _event in events:
                    client.taskgroup.start_soon(answer, found["channel"] if isinstance(found, dict) else found)

        client.taskgroup.start_soon(listen, "StasisStart", arrived)
        client.taskgroup.start_soon(listen, "ChannelDtmfReceived", pressed)
        async with httpx.AsyncClient(auth=(USER, PASSWORD)) as session:
            while True:
                answer = await session.put(f"{BASE}/applications/bench/eventFilter", json=DROP)
                if answer.status_code == 200:
                    break
                await anyio.sleep(0.05)
        print("READY", flush=True)
        await anyio.sleep_forever()


if __name__ == "__main__":
    anyio.run(main)
