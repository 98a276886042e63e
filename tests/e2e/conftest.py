"""A real browser for tests: headless Chromium, spoken to through a pipe."""

import base64
import json
import os
import shutil
import subprocess
from collections import deque
from select import select

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
SECONDS = 60


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """Chromium with a profile of its own; everything that it asks for or complains of is kept."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.fail("no Chromium on this machine; these tests need it (apt-get install chromium)")
    browser = Browser(program, tmp_path_factory.mktemp("chromium"))
    yield browser
    browser.close()


class Browser:
    """One page at a time, through the DevTools protocol over a pipe."""

    def __init__(self, program, folder):
        self.folder = folder
        to_read, to_write = os.pipe()
        from_read, from_write = os.pipe()
        # Chromium reads commands from file descriptor 3 and answers on 4.
        arguments = [
            *("bash", "-c", f'exec "$0" "$@" 3<&{to_read} 4>&{from_write}', program),
            *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
            *("--no-first-run", "--no-default-browser-check", "--disable-extensions"),
            *("--disable-background-networking", "--disable-component-update"),
            *("--hide-scrollbars", "--remote-debugging-pipe", f"--user-data-dir={folder}"),
            "about:blank",
        ]
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                arguments, pass_fds=(to_read, from_write), stdout=log, stderr=log
            )
        os.close(to_read)
        os.close(from_write)
        self.commands = os.fdopen(to_write, "wb", buffering=0)
        self.answers = os.fdopen(from_read, "rb", buffering=0)
        self.received = b""
        self.number = 0
        self.events = deque()
        self.session = None
        targets = self.call("Target.getTargets")["targetInfos"]
        page = next(each for each in targets if each["type"] == "page")
        attached = self.call(
            "Target.attachToTarget", {"targetId": page["targetId"], "flatten": True}
        )
        self.session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method, parameters=None):
        """Give a command; return its result."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters or {}}
        if self.session:
            message["sessionId"] = self.session
        self.commands.write(json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self.number:
                assert "error" not in answer, answer["error"]
                return answer["result"]
            self.events.append(answer)

    def _next(self):
        while b"\0" not in self.received:
            assert select([self.answers], [], [], SECONDS)[0], "Chromium doesn't answer"
            part = self.answers.read(1 << 20)
            assert part, "Chromium has ended"
            self.received += part
        message, _, self.received = self.received.partition(b"\0")
        return json.loads(message)

    def open(self, path, width=1200, height=900):
        """Load a file and wait for it; return what it asked for and complained of."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600},
        )
        self.events.clear()
        self.call("Page.navigate", {"url": path.as_uri()})
        seen = []
        while not any(event.get("method") == "Page.loadEventFired" for event in seen):
            seen.append(self.events.popleft() if self.events else self._next())
        self.evaluate("document.fonts.ready.then(() => 1)")
        seen += self.events
        return Seen(path, seen)

    def evaluate(self, script):
        """Return the value of a script in the page, whatever the page itself may run."""
        result = self.call(
            "Runtime.evaluate",
            {"expression": script, "returnByValue": True, "awaitPromise": True},
        )
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def picture(self, path):
        """Save the whole page as PNG."""
        shot = self.call("Page.captureScreenshot", {"captureBeyondViewport": True})
        path.write_bytes(base64.b64decode(shot["data"]))

    def print(self, path):
        """Save the page as PDF, on the paper that the page asks for."""
        self.call("Emulation.clearDeviceMetricsOverride")
        printed = self.call(
            "Page.printToPDF", {"preferCSSPageSize": True, "printBackground": False}
        )
        path.write_bytes(base64.b64decode(printed["data"]))

    def close(self):
        try:
            self.session = None
            self.call("Browser.close")
        except (AssertionError, OSError):
            self.process.kill()
        self.process.wait(SECONDS)
        self.commands.close()
        self.answers.close()


class Seen:
    """What a page did while it was loaded."""

    def __init__(self, path, events):
        of = {}
        for event in events:
            of.setdefault(event.get("method"), []).append(event.get("params"))
        asked = [each["request"]["url"] for each in of.get("Network.requestWillBeSent", [])]
        own = path.as_uri()
        self.requests = [
            url for url in asked if url.partition("#")[0] != own and not url.startswith("data:")
        ]
        self.complaints = [
            *of.get("Runtime.exceptionThrown", []),
            *of.get("Runtime.consoleAPICalled", []),
            *of.get("Log.entryAdded", []),
        ]
