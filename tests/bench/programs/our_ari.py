"""m3voip's own ARI client driving the flow without engine, tree and database: what the edge alone costs."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal

import uvloop

from m3voip.providers.asterisk.ari import channels
from m3voip.providers.asterisk.ari.client import AriAccess, AriClient
from m3voip.providers.asterisk.ari.errors import AriError
from m3voip.providers.asterisk.ari.events import ChannelDtmfReceived, Event, StasisStart
from m3voip.providers.asterisk.telephony import UNUSED_EVENTS


async def main() -> None:
    prompts = itertools.count(1)

    def refused(error: AriError) -> None:
        print(error, flush=True)

    def on_event(event: Event) -> None:
        match event:
            case StasisStart():
                play = channels.play(event.channel.id, ["sound:/prompts/bench"], playback_id=f"bench-{next(prompts)}")
                client.submit(play, refused)
            case ChannelDtmfReceived():
                client.submit(channels.hangup(event.channel.id), refused)

    async def connected() -> None:
        print("READY", flush=True)

    access = AriAccess(
        base_url=os.environ["BENCH_ARI_URL"],
        user=os.environ["BENCH_ARI_USER"],
        password=os.environ["BENCH_ARI_PASSWORD"],
        app="bench",
        drop_events=UNUSED_EVENTS,
    )
    client = AriClient(access, on_event=on_event, on_connected=connected)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, os._exit, 0)
    await client.run()


if __name__ == "__main__":
    uvloop.run(main())
