"""An ARI application with nothing behind it: answer, play, hang up on the first digit. The least that Python can do.

Options: `--rest socket|http` (requests on the events' WebSocket, or by a pool of HTTP connections), `--loop uvloop|asyncio`,
`--answered` (the dialplan has answered already), `--drop A,B` (event types that Asterisk shall not send),
`--hangup delete|continue`.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import signal
from typing import Any

import aiohttp
import orjson
import uvloop

APP = "bench"


class Bare:
    def __init__(self, options: argparse.Namespace, session: aiohttp.ClientSession) -> None:
        self.options = options
        self.session = session
        self.base = os.environ["BENCH_ARI_URL"]
        self.answers: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self.ids = itertools.count(1)
        self.tasks: set[asyncio.Task[None]] = set()
        self.socket: aiohttp.ClientWebSocketResponse

    async def run(self) -> None:
        async with self.session.ws_connect(f"{self.base}/events?app={APP}", max_msg_size=0) as self.socket:
            reader = asyncio.create_task(self.read())
            body = {"disallowed": [{"type": kind} for kind in self.options.drop.split(",")]}
            if self.options.drop:
                await self.request("PUT", f"applications/{APP}/eventFilter", body)
            print("READY", flush=True)
            await reader

    async def read(self) -> None:
        async for message in self.socket:
            event = orjson.loads(message.data)
            match event["type"]:
                case "RESTResponse":
                    self.answers.pop(event["request_id"]).set_result(event)
                case "StasisStart":
                    self.start(self.arrived(event["channel"]["id"]))
                case "ChannelDtmfReceived":
                    self.start(self.pressed(event["channel"]["id"]))

    def start(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def arrived(self, channel: str) -> None:
        if not self.options.answered:
            await self.request("POST", f"channels/{channel}/answer")
        await self.request("POST", f"channels/{channel}/play?media=sound:/prompts/bench")

    async def pressed(self, channel: str) -> None:
        if self.options.hangup == "delete":
            await self.request("DELETE", f"channels/{channel}")
        else:
            await self.request("POST", f"channels/{channel}/continue?context=bench&extension=hangup&priority=1")

    async def request(self, method: str, path: str, body: dict[str, Any] | None = None) -> None:
        if self.options.rest == "http":
            async with self.session.request(method, f"{self.base}/{path}", json=body) as response:
                await response.read()
                status = response.status
        else:
            number = str(next(self.ids))
            message: dict[str, Any] = {"type": "RESTRequest", "request_id": number, "method": method, "uri": path}
            if body is not None:
                message |= {"content_type": "application/json", "message_body": orjson.dumps(body).decode()}
            answer = self.answers[number] = asyncio.get_running_loop().create_future()
            await self.socket.send_str(orjson.dumps(message).decode())
            status = (await answer)["status_code"]
        if status >= 400:
            print(method, path, status, flush=True)


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rest", choices=("socket", "http"), default="socket")
    parser.add_argument("--loop", choices=("uvloop", "asyncio"), default="uvloop")
    parser.add_argument("--answered", action="store_true")
    parser.add_argument("--drop", default="ChannelVarset,ChannelDialplan")
    parser.add_argument("--hangup", choices=("delete", "continue"), default="delete")
    options = parser.parse_args()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, os._exit, 0)
    auth = {"Authorization": aiohttp.encode_basic_auth(os.environ["BENCH_ARI_USER"], os.environ["BENCH_ARI_PASSWORD"])}
    connector = aiohttp.TCPConnector(limit=32, keepalive_timeout=30)
    async with aiohttp.ClientSession(headers=auth, connector=connector) as session:
        await Bare(options, session).run()


if __name__ == "__main__":
    import sys

    if "asyncio" in sys.argv:
        asyncio.run(main())
    else:
        uvloop.run(main())
