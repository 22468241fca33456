"""A headless Chromium from Debian, spoken to by its DevTools protocol: what a person at a browser would do and see."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

DEADLINE = 25.0  # for anything that a page is to do, on a machine that is busy with the other tests
START_SECONDS = 30.0
FLAGS = (
    "--headless=new",
    "--no-sandbox",  # tests run as root in containers, where there is no sandbox to be had
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--no-first-run",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--remote-debugging-port=0",
)
_KEYS = {
    "Enter": (13, "\r"),
    "Escape": (27, ""),
    "ArrowDown": (40, ""),
    "ArrowUp": (38, ""),
    "Tab": (9, ""),
}


class Missing(AssertionError):
    """There is no Chromium on this machine."""


class Chromium:
    """One browser with any number of tabs, each a profile of its own."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._tabs: dict[str, Tab] = {}

    async def send(self, method: str, session: str = "", **params: Any) -> dict[str, Any]:
        """Call a method and return its result. RuntimeError with the browser's words when it refuses."""
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        call = {"id": number, "method": method, "params": params}
        await self._socket.send_json(call | ({"sessionId": session} if session else {}))
        async with asyncio.timeout(DEADLINE):
            return await answer

    async def read(self) -> None:
        """Give answers to who asked, and events to their tabs, until the browser ends."""
        async for frame in self._socket:
            told = json.loads(frame.data)
            if "id" in told:
                answer = self._answers.pop(told["id"])
                if answer.done():
                    continue
                if "error" in told:
                    answer.set_exception(RuntimeError(told["error"]["message"]))
                else:
                    answer.set_result(told["result"])
            elif tab := self._tabs.get(told.get("sessionId", "")):
                tab.hear(told["method"], told["params"])

    @asynccontextmanager
    async def tab(
        self, *, width: int = 1400, height: int = 900, dark: bool = False, scripts: bool = True
    ) -> AsyncIterator[Tab]:
        """A window of that size, with nothing in it yet and nothing stored."""
        profile = (await self.send("Target.createBrowserContext"))["browserContextId"]
        blank: dict[str, Any] = {"url": "about:blank", "browserContextId": profile}
        target = (await self.send("Target.createTarget", **blank))["targetId"]
        attached = await self.send("Target.attachToTarget", targetId=target, flatten=True)
        tab = self._tabs[attached["sessionId"]] = Tab(self, attached["sessionId"])
        for domain in ("Page", "Runtime", "Log", "Network"):
            await tab.send(f"{domain}.enable")
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await tab.send("Emulation.setEmulatedMedia", features=[scheme])
        await tab.resize(width, height)
        if not scripts:
            await tab.send("Emulation.setScriptExecutionDisabled", value=True)
        try:
            yield tab
        finally:
            del self._tabs[attached["sessionId"]]
            await self.send("Target.disposeBrowserContext", browserContextId=profile)


class Tab:
    """One page in a window."""

    def __init__(self, browser: Chromium, session: str) -> None:
        self._browser = browser
        self._session = session
        self.complaints: list[str] = []
        """What the browser found wrong: errors of scripts, and what the page's policy kept it from doing."""
        self.requests: list[dict[str, Any]] = []
        self._asked: dict[str, str] = {}
        self._loaded = asyncio.Event()

    async def send(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a method for this page."""
        return await self._browser.send(method, self._session, **params)

    def hear(self, method: str, params: dict[str, Any]) -> None:
        """Take note of what happened on the page."""
        match method:
            case "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(params["exceptionDetails"])[:600])
            case "Log.entryAdded" if params["entry"]["source"] != "network":
                self.complaints.append(params["entry"]["text"])
            case "Network.requestWillBeSent":
                self.requests.append(params["request"])
                self._asked[params["requestId"]] = params["request"]["url"]
            case "Network.loadingFailed" if params["errorText"] and not params.get("canceled"):
                self.complaints.append(
                    f"{self._asked.get(params['requestId'])}: {params['errorText']}"
                )
            case "Page.loadEventFired":
                self._loaded.set()

    async def open(self, url: str) -> None:
        """Go there, and return when it is loaded."""
        await self._load("Page.navigate", url=url)

    async def reload(self) -> None:
        """Load the page anew, and return when it is loaded: what is seen then is not the old one."""
        await self._load("Page.reload")

    async def _load(self, method: str, **params: Any) -> None:
        self._loaded.clear()
        await self.send(method, **params)
        async with asyncio.timeout(DEADLINE):
            await self._loaded.wait()

    async def see(self, expression: str) -> Any:
        """Return the value of a JavaScript expression, or what a promise of one comes to."""
        told = await self.send(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in told:
            raise AssertionError(f"{expression}: {json.dumps(told['exceptionDetails'])[:600]}")
        return told["result"].get("value")

    async def until(self, expression: str, seconds: float = DEADLINE) -> Any:
        """Return the value once it is true. AssertionError with what is to be seen when it does not become so."""
        try:
            async with asyncio.timeout(seconds):
                while not (value := await self.see(expression)):
                    await asyncio.sleep(0.02)
                return value
        except TimeoutError:
            page = await self.see("document.body.innerText.slice(0, 1500)")
            complaints = "\n".join(self.complaints)
            raise AssertionError(f"not so: {expression}\n{complaints}\n{page}") from None

    async def press(self, key: str) -> None:
        """Press and release a key."""
        code, text = _KEYS.get(key, (0, key))
        down: dict[str, Any] = {"type": "keyDown", "key": key, "windowsVirtualKeyCode": code}
        await self.send("Input.dispatchKeyEvent", **down, **({"text": text} if text else {}))
        await self.send("Input.dispatchKeyEvent", type="keyUp", key=key)

    async def type(self, text: str) -> None:
        """Type into what has the focus."""
        await self.send("Input.insertText", text=text)

    async def click(self, selector: str) -> None:
        """Click with the mouse into the middle of what the selector names, once it is there."""
        place = f"(() => {{ const one = document.querySelector({json.dumps(selector)}); if (!one) return null;"
        place += "one.scrollIntoView({block: 'nearest'}); const box = one.getBoundingClientRect();"
        place += "return box.width ? [box.x + box.width / 2, box.y + box.height / 2] : null })()"
        x, y = await self.until(place)
        for kind in ("mousePressed", "mouseReleased"):
            where = {"x": x, "y": y, "button": "left", "clickCount": 1}
            await self.send("Input.dispatchMouseEvent", type=kind, **where)

    async def resize(self, width: int, height: int) -> None:
        """Make the window that large."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        await self.send("Emulation.setDeviceMetricsOverride", **size)

    async def picture(self) -> bytes:
        """Return what is to be seen as a PNG."""
        told = await self.send("Page.captureScreenshot", format="png")
        return base64.b64decode(told["data"])


@asynccontextmanager
async def chromium() -> AsyncIterator[Chromium]:
    """A browser for as long as the block. Missing where there is none."""
    if (program := shutil.which("chromium")) is None:
        raise Missing("there is no chromium: scripts/test installs Debian's")
    with tempfile.TemporaryDirectory(prefix="cube-page-", ignore_cleanup_errors=True) as profile:
        process = await asyncio.create_subprocess_exec(
            *(program, *FLAGS, f"--user-data-dir={profile}", "about:blank"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env={**os.environ, "HOME": profile},
            start_new_session=True,
        )
        try:
            url = await _door(Path(profile) / "DevToolsActivePort")
            async with (
                aiohttp.ClientSession() as session,
                session.ws_connect(url, max_msg_size=0) as socket,
            ):
                browser = Chromium(socket)
                reader = asyncio.create_task(browser.read(), name="devtools")
                yield browser
                with contextlib.suppress(ConnectionError, TimeoutError):
                    await browser.send("Browser.close")
                reader.cancel()
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, 9)
            await process.wait()


async def _door(file: Path) -> str:
    """Return where the browser listens, once it has written that down."""
    async with asyncio.timeout(START_SECONDS):
        while not (told := _read(file)):
            await asyncio.sleep(0.05)
    port, path = told
    return f"ws://127.0.0.1:{port}{path}"


def _read(file: Path) -> list[str]:
    """Return both lines of the file, none while it is not whole."""
    lines = file.read_text().split() if file.is_file() else []
    return lines if len(lines) == 2 else []
