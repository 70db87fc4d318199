"""FastAGI with pyst2, the usual way: one forked process a call. (pyst2's own server module is Python 2; its AGI class
works with streams that take text.)"""

from __future__ import annotations

import os
import socketserver
from io import BufferedIOBase

import asterisk.agi


class Text:
    """A binary stream that takes str, as asterisk.agi writes."""

    def __init__(self, stream: BufferedIOBase) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        self._stream.write(text.encode())

    def flush(self) -> None:
        self._stream.flush()


class Call(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        with open(os.devnull, "w") as nowhere:  # noqa: PTH123
            agi = asterisk.agi.AGI(stdin=self.rfile, stdout=Text(self.wfile), stderr=nowhere)
            try:
                agi.appexec("Answer", ",i")
                agi.stream_file("/prompts/bench")
                agi.wait_for_digit(3000)
                agi.hangup()
            except asterisk.agi.AGIHangup:
                pass


class Server(socketserver.ForkingTCPServer):
    allow_reuse_address = True
    request_queue_size = 1024
    max_children = 2000


if __name__ == "__main__":
    with Server(("127.0.0.1", int(os.environ["BENCH_AGI_PORT"])), Call) as server:
        print("READY", flush=True)
        server.serve_forever(poll_interval=0.05)
