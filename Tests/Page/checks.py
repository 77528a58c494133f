"""What the checks of the page share: tabs, messages, requests of the page, results."""
import json, pathlib, re, time, urllib.parse

from browser import Failure

HERE = pathlib.Path(__file__).resolve().parent
PAGE = HERE.parent.parent / "Sources" / "HadalServer" / "Page"
LAST = ".message.assistant.last"
# An answer of this form has no end that a model could choose.
ENDLESS = json.dumps({"type": "string", "minLength": 1_000_000})


class Checks:
    """Counts checks, and does in a tab what several of them need."""

    def __init__(self, options):
        parts = urllib.parse.urlsplit(options.address)
        self.origin = f"{parts.scheme}://{parts.netloc}"
        self.token = urllib.parse.unquote(parts.fragment.removeprefix("token="))
        self.options, self.failed, self.count, self.tabs = options, 0, 0, []

    def check(self, name, passed, detail=""):
        self.count += 1
        self.failed += not passed
        print(f"{'ok  ' if passed else 'FAIL'} {name}{'' if passed or detail == '' else f': {detail}'}", flush=True)

    def tab(self, **size):
        tab = self.browser.tab(**size)
        self.tabs.append(tab)
        return tab

    def shot(self, name, tab=None):
        if self.options.screenshots:
            tab = tab or self.page
            # Of a tab behind another one nothing is drawn.
            tab.focus()
            tab.screenshot(pathlib.Path(self.options.screenshots, f"{name}.png"))

    def home(self, tab=None):
        """An empty new conversation in a page that has just been loaded."""
        tab = tab or self.page
        tab.open("about:blank")
        tab.open(f"{self.origin}/")
        tab.wait("document.querySelector('.welcome') && document.querySelector('#write')", "the page")

    def limit(self, tokens, tab=None, endless=False):
        """Bounds the answers of the conversation that begins; with `endless` no answer ends before."""
        self.set(tab, max_tokens=tokens, **({"schema": ENDLESS} if endless else {}))

    def set(self, tab=None, **values):
        """Fills in settings of the conversation."""
        tab = tab or self.page
        tab.click("[data-action=conversation-settings]")
        tab.wait("document.querySelector('dialog [data-setting=max_tokens]')", "the settings of the conversation")
        tab.run(f"Object.entries({json.dumps(values)}).forEach(([name, value]) => {{ document.querySelector(`dialog [data-setting=${{name}}]`).value = value; }})")
        tab.click("dialog .button.solid")
        tab.wait("!document.querySelector('dialog')", "the end of the dialog")

    def choose(self, title):
        """Opens the conversation with a title, once it stands at the side."""
        find = f"[...document.querySelectorAll('.item-open')].find(e => e.textContent.includes({json.dumps(title)}))"
        self.page.wait(find, f"the conversation {title}")
        self.page.run(f"{find}.click()")

    def send(self, text, tab=None):
        tab = tab or self.page
        before = tab.run("document.querySelectorAll('.message').length")
        tab.click("#write")
        tab.type(text)
        tab.key("Enter")
        tab.wait(f"document.querySelectorAll('.message').length > {before} && document.querySelector('{LAST}')", "the message in the page")

    def answered(self, tab=None, timeout=120):
        """Waits until the last answer is whole; its text."""
        tab = tab or self.page
        tab.wait(f"document.querySelector('{LAST}')?.ariaBusy === 'false'", "a whole answer", timeout)
        return tab.run(f"document.querySelector('{LAST} > .text').textContent")

    def streaming(self, tab=None):
        tab = tab or self.page
        tab.wait(f"document.querySelector('{LAST}')?.ariaBusy === 'true' && document.querySelector('{LAST} > .text').textContent.length > 20",
                 "an answer that is being made", 60)

    def api(self, path, method="GET", body=None, tab=None):
        """The server's reply to a request of the page."""
        content = "undefined" if body is None else json.dumps(json.dumps(body))
        return (tab or self.page).run(
            f"fetch({json.dumps(path)}, {{ method: '{method}', body: {content}, headers: {{ 'Content-Type': 'application/json' }} }})"
            ".then(async r => ({ status: r.status, body: r.headers.get('Content-Type')?.includes('json') ? await r.json() : await r.text() }))")

    def until(self, found, what, timeout=20):
        """Waits until a function gives something, while what happens in the browser is heard."""
        end = time.monotonic() + timeout
        while not (value := found()):
            if time.monotonic() > end:
                raise Failure(f"{what}: did not come within {timeout} s")
            self.page.run("new Promise(resolve => setTimeout(resolve, 20))")
        return value

    def rendered(self, content):
        """The text of Markdown as the page shows it."""
        return self.page.run(
            "Promise.all([import('/hadal/page/markdown.js'), import('/hadal/page/patch.js')]).then(([markdown, { patch }]) => {"
            f" const box = document.createElement('div'); patch(box, markdown.render({json.dumps(content)})); return box.textContent; }})")

    def stored(self, tab=None):
        """The messages of the open conversation, as the server has them."""
        return self.api(f"/hadal/conversations/{self.conversation(tab)}", tab=tab)["body"]["messages"]

    def on_disk(self, word):
        """Whether a word stands in a file of the history; None where the folder is not known."""
        if not self.options.history:
            return None
        return any(word.encode() in path.read_bytes() for path in pathlib.Path(self.options.history).rglob("*") if path.is_file())

    def conversation(self, tab=None):
        match = re.search(r"#c=(\S+)$", (tab or self.page).run("location.href"))
        return match and match[1]

    def script(self, name, argument):
        source = (HERE / name).read_text()
        return self.page.run(f"{source[source.index('(async'):].strip()}({json.dumps(argument)})")
