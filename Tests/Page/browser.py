"""Headless Chromium over the DevTools protocol: tabs, scripts, keys, screenshots, and what a tab requested."""
import base64, json, pathlib, shutil, subprocess, tempfile, time

from websocket import WebSocket


class Failure(Exception):
    """A script of the page failed, or what was waited for did not come."""


class Browser:
    """A Chromium with a profile of its own, which is deleted at the end."""

    def __init__(self, command="chromium", timeout=30):
        self.profile = tempfile.mkdtemp(prefix="hadal-page-")
        self.process = subprocess.Popen(
            [command, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions",
             "--disable-background-networking", "--disable-component-update", "--disable-sync", "--lang=en-GB",
             "--remote-debugging-port=0", f"--user-data-dir={self.profile}", "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            file = pathlib.Path(self.profile, "DevToolsActivePort")
            end = time.monotonic() + timeout
            while not (file.exists() and file.read_text().count("\n") >= 1):
                if time.monotonic() > end or self.process.poll() is not None:
                    raise Failure(f"{command} does not start")
                time.sleep(0.05)
            self.port, path = file.read_text().split("\n")[:2]
            self.socket = WebSocket(f"ws://127.0.0.1:{self.port}{path}")
        except BaseException:
            self.close()
            raise
        self.count = 0
        self.tabs = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.profile, ignore_errors=True)

    def call(self, method, session=None, timeout=60, **parameters):
        """The result of a method. Events that come in the meantime go to their tabs."""
        self.count += 1
        number = self.count
        message = {"id": number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        self.socket.send(json.dumps(message))
        end = time.monotonic() + timeout
        while True:
            reply = self.next(end - time.monotonic())
            if reply.get("id") == number:
                if "error" in reply:
                    raise Failure(f"{method}: {reply['error']['message']}")
                return reply["result"]

    def next(self, timeout):
        if timeout <= 0:
            raise Failure("the browser does not answer")
        try:
            message = json.loads(self.socket.receive(timeout))
        except TimeoutError:
            raise Failure("the browser does not answer") from None
        tab = self.tabs.get(message.get("sessionId"))
        if tab and "method" in message:
            tab.event(message["method"], message["params"])
        return message

    def tab(self, width=1200, height=800):
        return Tab(self, width, height)


class Tab:
    """A page, and what happened in it since it was opened."""

    def __init__(self, browser, width, height):
        self.browser = browser
        self.target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = browser.call("Target.attachToTarget", targetId=self.target, flatten=True)["sessionId"]
        browser.tabs[self.session] = self
        self.requests, self.errors, self.dialogs = [], [], []
        # The field that waits for a file.
        self.chooser = None
        # What was requested and is not over, by the request's id.
        self.pending = {}
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        self.size(width, height)

    def call(self, method, **parameters):
        return self.browser.call(method, self.session, **parameters)

    def event(self, method, parameters):
        if method == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])
            self.pending[parameters["requestId"]] = f"{parameters['request']['method']} {parameters['request']['url']}"
        elif method in ("Network.loadingFinished", "Network.loadingFailed"):
            self.pending.pop(parameters["requestId"], None)
        elif method == "Runtime.exceptionThrown":
            detail = parameters["exceptionDetails"]
            self.errors.append(detail.get("exception", {}).get("description") or detail["text"])
        elif method == "Log.entryAdded" and parameters["entry"]["source"] == "security":
            self.errors.append(parameters["entry"]["text"])
        elif method == "Page.fileChooserOpened":
            self.chooser = parameters["backendNodeId"]
        elif method == "Page.javascriptDialogOpening":
            self.dialogs.append(parameters["message"])
            # No call waits here: its reply is one that nobody looks for.
            self.browser.count += 1
            self.browser.socket.send(json.dumps({"id": self.browser.count, "method": "Page.handleJavaScriptDialog",
                                                 "params": {"accept": True}, "sessionId": self.session}))

    def open(self, address):
        self.call("Page.navigate", url=address)

    def reload(self):
        self.call("Page.reload")

    def size(self, width, height, mobile=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile)

    def theme(self, name):
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    def run(self, script):
        """The value of an expression, awaited where it is a promise."""
        result = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True)
        if "exceptionDetails" in result:
            detail = result["exceptionDetails"]
            raise Failure(detail.get("exception", {}).get("description") or detail["text"])
        return result["result"].get("value")

    def wait(self, script, what=None, timeout=20):
        """Waits until an expression is true; its value."""
        end = time.monotonic() + timeout
        while True:
            try:
                value = self.run(script)
                # An element arrives as an empty object.
                if value or value == {}:
                    return value or True
            except Failure as failure:
                # A page that is just being replaced has no context.
                if time.monotonic() > end:
                    raise Failure(f"{what or script}: {failure}") from None
            if time.monotonic() > end:
                raise Failure(f"{what or script}: did not come within {timeout} s")
            time.sleep(0.05)

    def click(self, selector, timeout=20):
        """Clicks in the middle of the first element that is visible."""
        find = (f"(() => {{ const e = [...document.querySelectorAll({json.dumps(selector)})].find(e => e.checkVisibility() && !e.disabled);"
                "if (!e) return null; e.scrollIntoView({block: 'nearest'}); const b = e.getBoundingClientRect();"
                "return [b.left + b.width / 2, b.top + b.height / 2]; })()")
        x, y = self.wait(find, f"an element {selector}", timeout)
        self.move(x, y)
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def move(self, x, y):
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def type(self, text):
        self.call("Input.insertText", text=text)

    def key(self, key, code=None, modifiers=0, text=None):
        """Presses a key. Modifiers: 1 Alt, 2 Ctrl, 4 Meta, 8 Shift."""
        numbers = {"Enter": 13, "Escape": 27, "Tab": 9, "ArrowDown": 40, "ArrowUp": 38}
        fields = {"key": key, "code": code or key, "modifiers": modifiers, "windowsVirtualKeyCode": numbers.get(key, ord(key[0].upper()))}
        if key == "Enter":
            text = "\r"
        self.call("Input.dispatchKeyEvent", type="keyDown", **fields, **({"text": text} if text else {}))
        self.call("Input.dispatchKeyEvent", type="keyUp", **fields)

    def screenshot(self, path):
        data = self.call("Page.captureScreenshot", format="png")["data"]
        pathlib.Path(path).write_bytes(base64.b64decode(data))

    def focus(self):
        self.call("Page.bringToFront")

    def close(self):
        self.browser.call("Target.closeTarget", targetId=self.target)
        self.browser.tabs.pop(self.session, None)
