"""Servers of web sockets that reach one another's clients through channels: what one process emits, others deliver."""

from __future__ import annotations

import asyncio
import sys

import socketio

URL = f"redis://127.0.0.1:{sys.argv[1]}/0"


class Server(socketio.AsyncServer):
    """One that notes what it would send to its clients."""

    def __init__(self) -> None:
        super().__init__(async_mode="asgi", client_manager=socketio.AsyncRedisManager(URL))
        self.heard: asyncio.Queue = asyncio.Queue()

    async def listen(self) -> None:
        self.manager.initialize()
        manager, heard = self.manager, self.heard

        async def emit(message: dict) -> None:
            await heard.put((message["event"], message["data"], message["room"]))

        manager._handle_emit = emit


async def main() -> None:
    servers = [Server() for _ in range(3)]
    for server in servers:
        await server.listen()
    outside = socketio.AsyncRedisManager(URL, write_only=True)
    # Who listens only begins to: the first message is sent until all have heard one.
    while any(server.heard.empty() for server in servers):
        await outside.emit("begin", {})
        await asyncio.sleep(0.02)
    for number in range(100):
        await outside.emit("news", {"number": number, "text": "é"}, room=f"room{number % 3}")
    for server in servers:
        expected = iter(range(100))
        number = next(expected)
        while True:
            event, data, room = await asyncio.wait_for(server.heard.get(), 30)
            if event == "begin":
                continue
            assert data == [{"number": number, "text": "é"}] and room == f"room{number % 3}", (event, data, room)
            number = next(expected, None)
            if number is None:
                break


asyncio.run(main())
