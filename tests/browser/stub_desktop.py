"""A service with a script instead of a call centre: the other end of the desktop protocol for the page's own tests.

It keeps sections and a cursor as the contract says (docs/desktop-protocol.md), remembers what the page sent, and can
misbehave on purpose: skip a number, drop the socket, stay silent to a command. It proves the page, not the service.

By hand: ``.venv/bin/python -m tests.browser.stub_desktop --port 8090 --scene talking`` and open the address.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, web

from cti.web.pages import page_routes
from cti.web.security import security_headers
from tests.browser import scenes, scenes_day

STATIC = Path(__file__).resolve().parents[2] / "cti/web/static"
LOGIN, PASSWORD = "lina", "tea-and-rice"

Json = dict[str, Any]
Refusal = Json | None


class StubDesktop:
    """One agent's desk, scripted. ``sections`` is the truth; ``push`` changes it and tells the page."""

    def __init__(self, static_dir: Path = STATIC) -> None:
        self.static_dir = static_dir
        self.sections: Json = scenes.scene("ready")
        self.boot = "boot-1"
        self.seq = 40
        self.received: list[Json] = []
        self.refuse: Callable[[Json], Refusal] = lambda _command: None
        self.silent_to: set[str] = set()
        self.is_away = False  # refuses new sockets, like a service that restarts
        self.is_signed_in = True
        self.hellos: list[Json] = []
        self.directory: Json = scenes.directory()
        self.ranges: list[str] = []
        self.tokens: list[Json] = []
        self.customers: list[Json] = []  # that a search finds
        self.searched: list[str] = []
        self.frames: list[str] = []  # whose pages may stand in a frame
        self._missed: dict[int, Json] = {}
        self._sockets: set[web.WebSocketResponse] = set()
        self._runner: web.AppRunner | None = None
        self.url = ""

    # What a test looks at.

    def of_type(self, kind: str) -> list[Json]:
        """Messages of one type that the page sent, oldest first."""
        return [message for message in self.received if message["type"] == kind]

    def commands(self, name: str) -> list[Json]:
        """The arguments of each command of that name."""
        return [m["args"] for m in self.of_type("command") if m["name"] == name]

    @property
    def is_linked(self) -> bool:
        """Whether a page is connected and has said hello."""
        return bool(self._sockets)

    # What a test does.

    async def push(self, section: str, value: Any, *, skip: int = 0, quietly: bool = False) -> None:
        """Replace a section and tell the page; ``skip`` numbers are left out, ``quietly`` tells nobody."""
        self.sections[section] = value
        self.seq += 1 + skip
        update = {
            "type": "update",
            "boot": self.boot,
            "seq": self.seq,
            "section": section,
            "value": value,
        }
        self._missed[self.seq] = update
        if not quietly:
            for socket in list(self._sockets):
                await socket.send_json(update)

    async def change(self, section: str, **fields: Any) -> None:
        """Push a section with some fields changed."""
        await self.push(section, {**self.sections[section], **fields})

    async def show(self, name: str) -> None:
        """Push what differs between now and a scene."""
        for section, value in scenes.scene(name).items():
            if self.sections[section] != value:
                await self.push(section, value)

    async def answer(self, name: str) -> None:
        """Say yes to the commands of this name that were left without an answer (``silent_to``)."""
        for message in [m for m in self.of_type("command") if m["name"] == name]:
            for socket in list(self._sockets):
                await socket.send_json({"type": "result", "id": message["id"], "ok": True})

    async def drop(self, code: int = WSCloseCode.GOING_AWAY) -> None:
        """Close every socket."""
        for socket in list(self._sockets):
            await socket.close(code=code)

    # The service.

    async def start(self, port: int = 0) -> None:
        """Serve on loopback; ``url`` then has the address."""
        app = web.Application()
        for route in page_routes(self.static_dir):
            app.router.add_route(route.method, route.path, route.handler)
        app.router.add_get("/api/v1/desktop", self._desktop)
        app.router.add_route("*", "/api/v1/session", self._session)
        app.router.add_route("*", "/api/v1/tokens", self._tokens)
        app.router.add_delete("/api/v1/tokens/{id}", self._revoke)
        app.router.add_get("/api/v1/agents/figures", self._figures)
        app.router.add_post("/api/v1/customers/search", self._search)
        app.router.add_get("/api/v1/recordings/{id}/peaks", self._peaks)
        app.router.add_get("/api/v1/recordings/{id}/audio", self._audio)
        app.on_response_prepare.append(self._headers)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{port}/"

    async def stop(self) -> None:
        """End it and its sockets."""
        await self.drop()
        if self._runner:
            await self._runner.cleanup()

    async def _headers(self, _request: web.Request, response: web.StreamResponse) -> None:
        for name, value in security_headers(["ws://127.0.0.1:*"], self.frames).items():
            response.headers.setdefault(name, value)

    async def _session(self, request: web.Request) -> web.Response:
        if request.method == "DELETE":
            self.received.append(
                {"type": "sign_out", "csrf": request.headers.get("X-CSRF-Token", "")}
            )
            self.is_signed_in = False
            return web.Response(status=204)
        if request.method == "POST":
            body = await request.json()
            self.is_signed_in = (body["login"], body["password"]) == (LOGIN, PASSWORD)
        if not self.is_signed_in:
            error = {"id": "bad_credentials", "message": "Login or password is wrong."}
            return web.json_response({"error": error}, status=401)
        return web.json_response({"csrf": "csrf-1"})

    async def _tokens(self, request: web.Request) -> web.Response:
        if request.method == "GET":
            return web.json_response({"tokens": self.tokens})
        if request.headers.get("X-CSRF-Token") != "csrf-1":
            return web.json_response({"error": {"id": "csrf", "message": "csrf"}}, status=403)
        if len(self.tokens) == 2:
            error = {"id": "too_many_tokens", "message": "Revoke one first: 2 are the most."}
            return web.json_response({"error": error}, status=409)
        token = {
            "token_id": f"t{len(self.tokens) + 1}",
            "label": (await request.json())["label"],
            "created_at": scenes.ago(0),
            "last_used_at": None,
        }
        self.tokens.append(token)
        return web.json_response({**token, "token": f"rdt_{token['token_id']}"})

    async def _search(self, request: web.Request) -> web.Response:
        if request.headers.get("X-CSRF-Token") != "csrf-1":
            return web.json_response({"error": {"id": "csrf", "message": "csrf"}}, status=403)
        self.searched.append((await request.json())["text"])
        return web.json_response({"customers": self.customers})

    async def _revoke(self, request: web.Request) -> web.Response:
        self.tokens = [t for t in self.tokens if t["token_id"] != request.match_info["id"]]
        return web.Response(status=204)

    async def _desktop(self, request: web.Request) -> web.StreamResponse:
        if self.is_away:
            raise web.HTTPServiceUnavailable
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        if not self.is_signed_in:
            await socket.close(code=4001)
            return socket
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await self._message(socket, json.loads(message.data))
        self._sockets.discard(socket)
        return socket

    async def _message(self, socket: web.WebSocketResponse, message: Json) -> None:
        if message["type"] == "hello":
            self.hellos.append(message)
            await self._greet(socket, message)
            self._sockets.add(socket)
            return
        self.received.append(message)
        if message["type"] == "watch":
            await self.push("directory", self.directory if message["directory"] else None)
        if message["type"] == "command" and message["name"] not in self.silent_to:
            refusal = self.refuse(message)
            result: Json = {"type": "result", "id": message["id"], "ok": refusal is None}
            if refusal:
                result["error"] = refusal
            await socket.send_json(result)
            if refusal is None and message["name"] == "ticket.note":
                await self._keep_note(message["args"])

    async def _keep_note(self, args: Json) -> None:
        ticket = self.sections["ticket"]
        if ticket and ticket["ticket_id"] == args["ticket_id"]:
            await self.change("ticket", note=args["text"], version=ticket["version"] + 1)

    async def _greet(self, socket: web.WebSocketResponse, hello: Json) -> None:
        is_held = hello["boot"] == self.boot and all(
            seq in self._missed for seq in range(hello["seq"] + 1, self.seq + 1)
        )
        if is_held:
            for seq in range(hello["seq"] + 1, self.seq + 1):
                await socket.send_json(self._missed[seq])
            return
        snapshot = {
            "type": "snapshot",
            "boot": self.boot,
            "seq": self.seq,
            "sections": self.sections,
        }
        await socket.send_json(snapshot)

    async def _figures(self, _request: web.Request) -> web.Response:
        return web.json_response(scenes_day.figures())

    async def _peaks(self, request: web.Request) -> web.Response:
        if request.match_info["id"] == "gone":
            error = {"id": "not_found", "message": "There is no such recording."}
            return web.json_response({"error": error}, status=404)
        return web.json_response(scenes.peaks())

    async def _audio(self, request: web.Request) -> web.Response:
        """Ranges, as the service gives them."""
        sound = scenes.sound()
        asked = request.http_range
        self.ranges.append(request.headers.get("Range", ""))
        start = asked.start or 0
        stop = min(asked.stop or len(sound), len(sound))
        headers = {"Accept-Ranges": "bytes", "Content-Type": "audio/wav"}
        if "Range" in request.headers:
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(sound)}"
            return web.Response(status=206, body=sound[start:stop], headers=headers)
        return web.Response(body=sound, headers=headers)


async def _serve(port: int, name: str) -> None:
    stub = StubDesktop()
    stub.sections = scenes.scene(name)
    await stub.start(port)
    print(f"{stub.url} shows the scene {name}")  # noqa: T201 - a command prints
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Serve one scene of the desktop.")
    parser.add_argument("--port", type=int, default=8090)
    parser.add_argument("--scene", choices=sorted(scenes.NAMES), default="talking")
    options = parser.parse_args()
    asyncio.run(_serve(options.port, options.scene))
