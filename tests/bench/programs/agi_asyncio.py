"""FastAGI with nothing but asyncio streams: the least that Python can do for it."""

from __future__ import annotations

import asyncio
import os
import signal

import uvloop

COMMANDS = (b"EXEC Answer ,i\n", b'STREAM FILE /prompts/bench ""\n', b"WAIT FOR DIGIT 3000\n", b"HANGUP\n")


async def call(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while (await reader.readline()).strip():
        pass  # agi_request, agi_channel, …
    for command in COMMANDS:
        writer.write(command)
        answer = await reader.readline()
        if not answer or answer.startswith(b"HANGUP"):
            break
    writer.close()


async def main() -> None:
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, os._exit, 0)
    server = await asyncio.start_server(call, "127.0.0.1", int(os.environ["BENCH_AGI_PORT"]), backlog=1024)
    print("READY", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
