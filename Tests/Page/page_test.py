#!/usr/bin/env python3
"""Drives the page of a running server in headless Chromium.

    Tests/Page/page_test.py 'http://127.0.0.1:8080/#token=…' [--chromium chromium] [--screenshots FOLDER] [--only NAME …] [--keep-history]

Takes any model that answers: no check looks at what it says. Prints a line for each check and exits with 1 where one failed. Unless
--keep-history is given, a passphrase is set and removed, and all conversations of the server are deleted: use a server of its own.
"""
import argparse, json, pathlib, re, sys, tempfile, time, urllib.parse

from browser import Browser, Failure
from checks import HERE, LAST, Checks

PAGE = HERE.parent.parent / "Sources" / "HadalServer" / "Page"
# The page shows what users write as it stands, and what models write as Markdown: both must stay text.
INJECTIONS = [
    "<script>window.injected = 1; alert(1)</script>", "<img src=x onerror=\"window.injected = 1; alert(1)\">", "<svg onload=alert(1)><style>*{display:none}</style></svg>",
    "<iframe src=\"javascript:alert(1)\"></iframe><object data=\"https://outside.invalid/o\"></object><link rel=stylesheet href=//outside.invalid/s>",
    "[a](javascript:window.injected=1) [b](JAVASCRIPT:alert(1)) [c](&#106;avascript:alert(1)) [d](data:text/html,<script>alert(1)</script>) [e](vbscript:x)",
    "![a](https://outside.invalid/image.png) ![b](data:image/svg+xml,<svg/onload=alert(1)>) ![c](//outside.invalid/c.png)",
    "[x]: javascript:alert(1)\n\n[x] <javascript:alert(1)> <https://outside.invalid/auto>", "<a href=\"javascript:alert(1)\">x</a> <meta http-equiv=refresh content=0;url=//outside.invalid>",
    "$\\href{javascript:alert(1)}{x}$ $$\\text{<script>alert(1)</script>}$$ $\\unknown{<img src=x onerror=alert(1)>}$",
    "```html\n<script>alert(1)</script>\n```\n`<img src=x onerror=alert(1)>`\n\n| <script>alert(1)</script> | b |\n|---|---|\n| <img src=x onerror=alert(1)> | c |",
    "```\"><script>alert(1)</script>\nx\n```", "{{constructor.constructor('alert(1)')()}} ${alert(1)} %3Cscript%3E \u202e\u0007",
]


class Test(Checks):
    # The sections, in order

    def sources(self):
        forbidden = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|setAttribute\(.style|createContextualFragment|DOMParser|srcdoc"
        found = [f"{path.name}: {match[0]}" for path in sorted(PAGE.iterdir()) for match in re.finditer(forbidden, path.read_text())]
        self.check("no module makes HTML of text", not found, found)
        html = (PAGE / "index.html").read_text()
        inline = re.findall(r"<style|\bstyle=|\bon\w+=|<script(?![^>]*\bsrc=)|https?://", html)
        self.check("index.html has no inline script or style, and names no other server", not inline, inline)
        english, chinese = (json.loads((PAGE / f"texts-{name}.json").read_text()) for name in ("en", "zh"))
        self.check("both languages have the same texts", english.keys() == chinese.keys(), english.keys() ^ chinese.keys())
        used = {key for path in PAGE.glob("*.js") for key in re.findall(r"\btext\(\"([\w-]+)\"", path.read_text())}
        self.check("every text that a module names is there", used <= english.keys(), used - english.keys())
        holes = [key for key in english if set(re.findall(r"\{\w+\}", english[key])) != set(re.findall(r"\{\w+\}", chinese.get(key, "")))]
        self.check("and the same values in them", not holes, holes)

    def login(self):
        page = self.page
        page.open(f"{self.origin}/")
        page.wait("document.querySelector('#gate input')", "the field for the token")
        self.check("without a cookie the page wants a token", page.run("document.querySelector('#app').hidden"))
        self.shot("login")
        page.click("#gate input")
        page.type("wrong")
        page.key("Enter")
        self.check("a wrong token is refused", page.wait("document.querySelector('#gate .field-problem').textContent !== ''"))
        page.open("about:blank")
        page.open(f"{self.origin}/#token={urllib.parse.quote(self.token)}")
        page.wait("document.querySelector('.welcome') && !document.querySelector('#app').hidden", "the page after the login")
        self.check("the printed address opens the page", True)
        self.check("the token leaves the address", "token" not in page.run("location.href"), page.run("location.href"))
        self.check("scripts cannot read the cookie", "hadal_session" not in page.run("document.cookie"))
        policy = page.run("fetch('/').then(r => r.headers.get('Content-Security-Policy') ?? '')")
        self.check("the policy lets nothing in by default, and no frame around", "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
                   and "unsafe" not in policy, policy)
        self.shot("empty")

    def markdown(self):
        cases = json.loads((HERE / "markdown_cases.json").read_text())
        wrong = []
        for case, result in zip(cases, self.script("page_module.js", cases), strict=True):
            if result != case["expected"]:
                wrong.append(f"\n     {case['kind']} {case['name']}\n       is       {result}\n       must be  {case['expected']}")
        self.check(f"{len(cases)} texts and formulas become what they must", not wrong, "".join(wrong))
        text = "\n\n".join(case["source"] for case in cases if case["kind"] == "markdown" and "\r" not in case["source"] and case["name"] != "open fence")
        wrong = self.script("page_stream.js", text)
        self.check("a text that grows does not jump, and ends as the whole does", not wrong, wrong)

    def hostile(self):
        result = self.script("page_hostile.js", 10_000)
        self.check(f"{result['count']} hostile texts of 1 MB take linear time (the longest {result['longest'] / 1000:.1f} s)", not result["slow"], result["slow"])

    def talk(self):
        page = self.page
        self.home()
        self.limit(48)
        self.send("Write two sentences about the sea. Marker-alpha.")
        text = self.answered()
        self.check("an answer comes", len(text) > 0)
        self.check("with its figures", "tokens" in page.run(f"document.querySelector('{LAST} .figures').textContent"))
        self.check("a screen reader hears the answer when it is whole", page.wait("document.querySelector('#status').textContent.length > 10"))
        # What is copied is the text as the model wrote it, not as it is shown.
        page.run("navigator.clipboard.writeText = async value => { window.copied = value }")
        page.click(f"{LAST} .message-foot .icon-button")
        stored = self.api(f"/hadal/conversations/{self.conversation()}")["body"]["messages"][-1]["content"]
        self.check("an answer is copied", page.wait(f"window.copied === {json.dumps(stored)}"))
        self.check("the conversation has an address", self.conversation() is not None, page.run("location.href"))
        self.check("and stands at the side", page.wait("document.querySelector('.item.open')?.textContent.includes('Write two sentences')"))
        self.shot("conversation")
        page.reload()
        page.wait(f"document.querySelector('{LAST}')", "the conversation after a reload")
        self.check("a reload shows it again", self.answered() == text)
        first = page.run(f"document.querySelector('{LAST}').dataset.id")
        page.click(f"{LAST} [data-action=regenerate]")
        page.wait(f"document.querySelector('{LAST}')?.dataset.id !== {json.dumps(first)}", "another answer")
        self.answered()
        self.check("regenerating makes a second branch", page.run(f"document.querySelector('{LAST} .branch-number')?.textContent") == "2/2")
        page.click(f"{LAST} [data-action=previous]")
        page.wait(f"document.querySelector('{LAST}').dataset.id === {json.dumps(first)}", "the first branch")
        self.check("the first branch is still there", self.answered() == text)
        reply = self.api(f"/hadal/conversations/{self.conversation()}")
        self.check("the server knows which branch is shown", reply["body"]["current"] == first)

    def edit(self):
        page = self.page
        page.key("e", "KeyE", 1)
        page.wait("document.activeElement?.closest('.edit')", "the field of the edit")
        self.shot("edit")
        page.key("Escape")
        self.check("Escape leaves an edit", page.wait("!document.querySelector('.edit')"))
        page.click(".message.user [data-action=edit]")
        page.wait("document.activeElement?.closest('.edit')", "the field of the edit")
        page.type(" Marker-beta.")
        page.click("[data-action=resend]")
        page.wait("document.querySelector('.message.user .text')?.textContent.includes('Marker-beta')", "the edited message")
        self.answered()
        self.check("an edited message is a branch", page.run("document.querySelector('.message.user .branch-number')?.textContent") == "2/2")
        self.shot("branches")
        page.click(".message.user [data-action=previous]")
        self.check("the message before the edit is still there",
                   page.wait("!document.querySelector('.message.user .text').textContent.includes('Marker-beta') && document.querySelectorAll('.message').length === 2"))

    def stop(self):
        page = self.page
        self.home()
        for attempt in range(4):
            self.send("Tell a very long story with many chapters, and count from 1 to 1000 in words.")
            try:
                self.streaming()
            except Failure:
                continue
            if attempt % 2 == 0:
                page.click(".send.stop")
            else:
                page.key("Escape")
            self.answered()
            if page.run(f"document.querySelector('{LAST} .problem.stopped')?.checkVisibility() ?? false"):
                break
        self.check("an answer is stopped", page.run(f"document.querySelector('{LAST} .problem.stopped')?.checkVisibility() ?? false"))
        text = self.answered()
        time.sleep(0.5)
        self.check("and stays as it is", self.answered() == text and text != "")
        page.reload()
        page.wait(f"document.querySelector('{LAST} .problem.stopped')", "the stopped answer after a reload")
        self.check("also after a reload", self.answered() == text)

    def search(self):
        page = self.page
        page.key("k", "KeyK", 2)
        page.wait("document.activeElement?.type === 'search'", "the field of the search")
        page.type("marker-ALPHA")
        self.check("a word of a message finds its conversation", page.wait("document.querySelectorAll('.item').length === 1 && document.querySelector('.item').textContent.includes('Write two')"))
        self.shot("search")
        page.type(" nothingofthesort")
        self.check("words that are nowhere find nothing", page.wait("document.querySelectorAll('.item').length === 0 && document.querySelector('.list .empty')"))
        page.run("const field = document.querySelector('[type=search]'); field.value = ''; field.dispatchEvent(new Event('input'))")
        page.wait("document.querySelectorAll('.item').length >= 1", "all conversations")

    def two_tabs(self):
        page = self.page
        self.home()
        self.limit(200)
        self.send("First of two tabs.")
        self.answered()
        other = self.tab()
        other.open(page.run("location.href"))
        other.wait(f"document.querySelector('{LAST}')", "the conversation in the other tab")
        other.focus()
        self.send("Second of two tabs.", other)
        self.check("a message of one tab comes to the other", page.wait("[...document.querySelectorAll('.message.user')].some(e => e.textContent.includes('Second of'))"))
        text = self.answered(other)
        page.wait(f"document.querySelector('{LAST}')?.ariaBusy === 'false'", "the answer in the first tab")
        self.check("and its answer", page.wait(f"document.querySelector('{LAST} > .text').textContent === {json.dumps(text)}"))
        other.click(f"{LAST} [data-action=regenerate]")
        other.wait(f"document.querySelector('{LAST} .branch-number')?.textContent === '2/2'", "a second answer")
        self.answered(other)
        page.wait(f"document.querySelector('{LAST} .branch-number')?.textContent === '2/2'", "the second answer in the first tab")
        other.click(f"{LAST} [data-action=previous]")
        self.check("a branch chosen in one is shown in the other", page.wait(f"document.querySelector('{LAST} .branch-number')?.textContent === '1/2'"))
        address = other.run("location.href")
        self.send("Tell a story of a closed tab, a long one.", other)
        self.streaming(other)
        other.close()
        again = self.tab()
        again.open(address)
        again.wait("[...document.querySelectorAll('.message.user')].some(e => e.textContent.includes('closed tab'))", "the message of the closed tab")
        time.sleep(0.3)
        if again.run(f"document.querySelector('{LAST}')?.ariaBusy === 'true'"):
            again.click(".send.stop")
        self.check("an answer goes on when its tab is closed", len(self.answered(again)) > 20)
        page.focus()
        again.close()

    def lost_connection(self):
        wrong = self.script("page_resume.js", None)
        self.check("an answer whose connection is cut has no gap, and nothing twice", not wrong, wrong)
        # The emulated loss of a network leaves connections alone: the first two streams of the answer break here instead.
        page = self.page
        script = page.call("Page.addScriptToEvaluateOnNewDocument", source="""
            const original = window.fetch;
            window.cuts = 0;
            window.fetch = async (path, ...rest) => {
                const reply = await original(path, ...rest);
                if (!/answers.*events/.test(path) || window.cuts >= 2) return reply;
                window.cuts++;
                let count = 0;
                const cut = new TransformStream({ transform(chunk, control) { ++count > 3 ? control.error(new TypeError("cut")) : control.enqueue(chunk); } });
                return new Response(reply.body.pipeThrough(cut), reply);
            };""")["identifier"]
        self.home()
        self.limit(300)
        self.send("Tell a story in which a cable breaks.")
        text = self.answered()
        page.call("Page.removeScriptToEvaluateOnNewDocument", identifier=script)
        starts = [int(url.rsplit("=", 1)[1]) for url in page.requests if re.search(r"/answers/.*/events\?from=", url)][-3:]
        self.check("a connection that broke is resumed where it did", page.run("window.cuts") == 2 and len(starts) == 3 and 0 == starts[0] < starts[1] < starts[2], starts)
        shown = page.run(f"document.querySelector('{LAST}').dataset.id")
        stored = self.api(f"/hadal/conversations/{self.conversation()}")["body"]["messages"]
        content = next(message["content"] for message in stored if message["id"] == shown)
        expected = page.run(
            f"import('/hadal/page/markdown.js').then(async m => {{ const p = await import('/hadal/page/patch.js'); const e = document.createElement('div');"
            f" p.patch(e, m.render({json.dumps(content)})); return e.textContent }})")
        self.check("and the answer is the one that the server stored", text == expected)

    def temporary(self):
        page = self.page
        self.home()
        page.click("[data-action=temporary]")
        page.wait("document.querySelector('.composer.is-temporary')", "a temporary conversation")
        self.shot("temporary")
        self.limit(48)
        self.send("A secret: marker-gamma.")
        self.answered()
        self.check("a temporary conversation is answered", True)
        listed = self.api("/hadal/conversations?limit=100&query=marker-gamma")["body"]["conversations"]
        self.check("and never searched", listed == [], listed)
        exported = json.dumps(self.api("/hadal/export")["body"])
        self.check("nor exported with the others", "marker-gamma" not in exported)

    def injection(self):
        page = self.page
        self.home()
        self.limit(48)
        # One conversation of the user's messages, and one that was imported with answers of the worst kind.
        for text in INJECTIONS[:3]:
            self.send(text)
            self.answered()
        messages = []
        for index, text in enumerate(INJECTIONS):
            parent = messages[-1]["id"] if messages else None
            common = {"created": time.time() + index, "tool_calls": [], "tool_call_id": None, "model": "<b>m</b>", "state": "complete", "error": None, "figures": None}
            messages.append({**common, "id": f"u{index}", "parent": parent, "role": "user", "content": text, "reasoning": ""})
            messages.append({**common, "id": f"a{index}", "parent": f"u{index}", "role": "assistant", "content": text, "reasoning": text})
        messages[-1]["tool_calls"] = [{"id": "call1", "name": "<img src=x onerror=alert(1)>", "arguments": json.dumps({"x": INJECTIONS[0]})}]
        now = time.time()
        title = f"<script>alert(1)</script><img src=x onerror=alert(1)> {now}"
        reply = self.api("/hadal/import", "POST", {"hadal": "conversations/1", "conversations": [{
            "id": "injected", "title": title, "created": now, "updated": now, "temporary": False,
            "settings": {"system": INJECTIONS[0]}, "current": messages[-1]["id"], "messages": messages}]})
        self.check("a conversation is imported", reply["status"] == 200 and reply["body"]["imported"] == 1, reply)
        self.choose(title)
        page.wait(f"document.querySelectorAll('.message').length === {len(messages)}", "the imported messages")
        page.run("document.querySelectorAll('details').forEach(e => { e.open = true })")
        time.sleep(0.5)
        self.shot("injection")
        elements = page.run("[...document.querySelectorAll('#messages :is(script, img, iframe, style, object, embed, link, meta, form, base, video, audio, source),"
                            " #side :is(script, iframe, style), #messages svg:not(.icon, .logo)')].map(e => e.outerHTML)")
        self.check("no text becomes an element that runs or loads", elements == [], elements)
        links = page.run("[...document.querySelectorAll('#messages a')].map(e => [e.protocol, e.rel, e.target, e.referrerPolicy])")
        wrong = [link for link in links if link[0] not in ("http:", "https:", "mailto:") or "noreferrer" not in link[1] or link[2] != "_blank" or link[3] != "no-referrer"]
        self.check(f"{len(links)} links lead only where links may, and tell nothing", len(links) >= 2 and not wrong, wrong)
        handlers = page.run("[...document.querySelectorAll('#messages *')].filter(e => [...e.attributes].some(a => a.name.startsWith('on') || a.name === 'style')).length")
        self.check("no text becomes an attribute that runs", handlers == 0, handlers)
        self.check("no script of a text ran", page.run("window.injected === undefined"))
        self.check("a tool's call is shown", page.run("document.querySelectorAll('.call textarea').length") == 1)
        page.click(".call textarea")
        page.type("12 degrees")
        page.click("[data-action=results]")
        page.wait("[...document.querySelectorAll('.message.tool')].length === 1", "the tool's result")
        stored = self.api(f"/hadal/conversations/{self.conversation()}")["body"]["messages"]
        self.check("and answered by hand", any(message["role"] == "tool" and message["content"] == "12 degrees" for message in stored))
        if page.run("document.querySelector('.send.stop') !== null"):
            page.click(".send.stop")
        self.answered()

    def settings(self):
        page = self.page
        self.home()
        page.click("[data-action=conversation-settings]")
        page.wait("document.querySelector('dialog[open]')", "the dialog")
        self.shot("settings")
        fill = "(name, value) => { const e = document.querySelector(`[data-setting=${name}]`); e.value = value; }"
        page.run(f"({fill})('temperature', '9'); ({fill})('schema', '{{'); ({fill})('tools', '[1]')")
        page.click("dialog .button.solid")
        self.check("wrong settings are explained", page.wait("[...document.querySelectorAll('dialog [aria-invalid=true]')].length === 3"))
        page.run(f"({fill})('temperature', '0'); ({fill})('schema', ''); ({fill})('tools', ''); ({fill})('system', 'Answer in one word.'); ({fill})('max_tokens', '8')")
        page.click("dialog .button.solid")
        page.wait("!document.querySelector('dialog')", "the end of the dialog")
        self.send("Which colour has the sky?")
        self.answered()
        settings = self.api(f"/hadal/conversations/{self.conversation()}")["body"]["settings"]
        self.check("settings go with the conversation", settings.get("system") == "Answer in one word." and settings.get("temperature") == 0
                   and settings.get("max_tokens") == 8, settings)
        self.check("and are seen below the message", page.run("document.querySelectorAll('.options .chip').length") >= 2)

    def keyboard(self):
        page = self.page
        page.run("document.activeElement.blur()")
        page.key("?", text="?")
        self.check("? lists the keys", page.wait("document.querySelectorAll('dialog .shortcut').length > 8"))
        self.shot("shortcuts")
        page.key("Escape")
        page.wait("!document.querySelector('dialog')", "the end of the dialog")
        page.key("n", "KeyN", 1)
        self.check("Alt N begins a conversation", page.wait("document.querySelector('.welcome') && document.activeElement.id === 'write'"))
        nameless = page.run("[...document.querySelectorAll('button, input, textarea, select, a')].filter(e => e.checkVisibility() && !(e.ariaLabel || e.textContent.trim()"
                            " || e.labels?.length)).map(e => e.outerHTML)")
        self.check("all controls have names", nameless == [], nameless)
        self.check("the first link skips to the message", page.run("document.querySelector('a').id === 'skip' && document.querySelector('#skip').textContent !== ''"))
        page.click("button.model")
        page.wait("document.activeElement?.closest('[role=menu]')", "the menu of models")
        page.key("Escape")
        self.check("a menu gives the focus back", page.wait("document.activeElement?.classList.contains('model')"))

    def looks(self):
        page = self.page
        light = "(() => { const c = getComputedStyle(document.body).backgroundColor.match(/[\\d.]+/g).map(Number); return c[0] + c[1] + c[2] > 380; })()"
        self.home()
        page.theme("dark")
        self.check("dark where the system is", not page.run(light))
        self.shot("dark")
        page.click("[data-action=settings]")
        page.wait("document.querySelector('dialog input[value=light]')", "the settings")
        page.run("document.querySelector('dialog input[value=light]').click()")
        self.check("light by choice", page.run(light))
        page.reload()
        page.wait("document.querySelector('.welcome')", "the page")
        self.check("also after a reload", page.run(light))
        page.run("localStorage.clear()")
        page.theme("light")
        page.run("localStorage.setItem('hadal.language', 'zh')")
        self.home()
        self.check("in Chinese by choice", page.run("document.documentElement.lang === 'zh-Hans' && /[\\u4e00-\\u9fff]/.test(document.querySelector('.welcome h2').textContent)"))
        self.shot("chinese")
        page.run("localStorage.clear()")
        self.home()

    def narrow(self):
        page = self.page
        self.home()
        title = f"Wide texts {time.time()}"
        self.api("/hadal/import", "POST", {"hadal": "conversations/1", "conversations": [{
            "id": "wide", "title": title, "created": time.time(), "updated": time.time(), "temporary": False, "settings": {}, "current": "w1", "messages": [
                {"id": "w0", "parent": None, "role": "user", "content": "w" * 300, "reasoning": "", "tool_calls": [], "tool_call_id": None, "created": 1, "model": None,
                 "state": "complete", "error": None, "figures": None},
                {"id": "w1", "parent": "w0", "role": "assistant", "content": f"```\n{'code ' * 80}\n```\n\n{'|cell' * 12}|\n{'|---' * 12}|\n{'|value' * 12}|\n\n$${'x+' * 80}x$$\n\n{'word' * 80}",
                 "reasoning": "", "tool_calls": [], "tool_call_id": None, "created": 2, "model": None, "state": "complete", "error": None, "figures": None}]}]})
        self.choose(title)
        page.wait("document.querySelectorAll('.message').length === 2", "the imported messages")
        for width in (360, 320):
            page.size(width, 700, True)
            time.sleep(0.4)
            wide = page.run("[document.documentElement, document.body, document.querySelector('#messages'), document.querySelector('#head')]"
                            ".filter(e => e.scrollWidth > e.clientWidth).map(e => e.id || e.localName)")
            self.check(f"{width} pixels are wide enough", wide == [], wide)
            self.shot(f"narrow-{width}")
        self.check("the side is away", not page.run("document.querySelector('#side').checkVisibility()"))
        page.click("[data-action=side]")
        self.check("and comes on demand", page.wait("document.querySelector('#side').checkVisibility()"))
        self.shot("narrow-side")
        page.click(".item-open")
        self.check("and goes when a conversation is chosen", page.wait("!document.querySelector('#side').checkVisibility()"))
        page.size(1200, 800)

    def files(self):
        page = self.page
        with tempfile.TemporaryDirectory() as folder:
            self.browser.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=folder)
            for label, ending in (("Markdown", ".md"), ("JSON", ".json")):
                page.click("[data-action=more]")
                page.wait("document.querySelector('[role=menu]')", "the menu")
                page.run(f"[...document.querySelectorAll('[role=menuitem]')].find(e => e.textContent.includes({json.dumps(label)})).click()")
                end = time.monotonic() + 15
                files = []
                while not files and time.monotonic() < end:
                    time.sleep(0.1)
                    files = [path for path in pathlib.Path(folder).iterdir() if path.suffix == ending and path.stat().st_size > 0]
                self.check(f"a conversation is exported as {label}", len(files) == 1, list(pathlib.Path(folder).iterdir()))
                if files and ending == ".json":
                    before = self.api("/hadal/conversations?limit=100")["body"]["conversations"]
                    content = files[0].read_text()
                    value = page.run(f"import('/hadal/page/files.js').then(m => m.importable({json.dumps(content)}))")
                    reply = self.api("/hadal/import", "POST", value)
                    after = self.api("/hadal/conversations?limit=100")["body"]["conversations"]
                    self.check("and imported again", reply["status"] == 200 and len(after) == len(before) + 1, reply)
        exported = self.api("/hadal/export")["body"]
        self.check("all conversations are exported", exported.get("hadal") == "conversations/1" and len(exported["conversations"]) >= 2)

    def passphrase(self):
        if self.options.keep_history:
            return
        page = self.page
        self.home()
        state = self.api("/hadal/state")["body"]["history"]
        if not state["available"] or state["passphrase"]:
            self.check("the history has no passphrase yet", False, state)
            return

        def enter(*values):
            page.click("[data-action=settings]")
            page.wait("document.querySelector('dialog .passphrase')", "the settings")
            page.run(f"{json.dumps(values)}.forEach((value, index) => {{ document.querySelectorAll('.passphrase input')[index].value = value }})")

        def history(**fields):
            end = time.monotonic() + 15
            while time.monotonic() < end:
                found = self.api("/hadal/state")["body"]["history"]
                if all(found[name] == value for name, value in fields.items()):
                    return True
                time.sleep(0.1)
            return False

        enter("first", "other")
        page.click(".passphrase .solid")
        self.check("two passphrases that differ are refused", page.wait("document.querySelector('.passphrase [aria-invalid=true]')"))
        page.key("Escape")
        page.wait("!document.querySelector('dialog')", "the end of the dialog")
        enter("first", "first")
        page.click(".passphrase .solid")
        self.check("a passphrase is set", history(passphrase=True))
        page.wait("!document.querySelector('dialog')", "the end of the dialog")
        enter()
        page.run("[...document.querySelectorAll('.passphrase button')].at(-1).click()")
        page.wait("document.querySelector('#messages input[type=password]')", "the locked page")
        self.check("the history is locked", history(locked=True) and page.wait("document.querySelectorAll('.item').length === 0"))
        self.shot("locked")
        page.click("#messages input[type=password]")
        page.type("wrong")
        page.key("Enter")
        self.check("a wrong passphrase is refused", page.wait("document.querySelector('#messages .field-problem').textContent !== ''"))
        page.run("document.querySelector('#messages input[type=password]').value = ''")
        page.click("#messages input[type=password]")
        page.type("first")
        page.key("Enter")
        self.check("the right one unlocks", page.wait("document.querySelectorAll('.item').length > 0") and history(locked=False))
        enter("first", "second", "second")
        page.click(".passphrase .solid")
        page.wait("!document.querySelector('dialog')", "the end of the dialog")
        self.check("a passphrase is changed", history(passphrase=True))
        enter("second")
        page.run("document.querySelectorAll('.passphrase button')[1].click()")
        self.check("and removed", history(passphrase=False))
        page.wait("!document.querySelector('dialog')", "the end of the dialog")

    def delete(self):
        page = self.page
        page.click(".item-open")
        page.wait("document.querySelector('.item.open')", "an open conversation")
        before = page.run("document.querySelectorAll('.item').length")
        page.click(".item.open > .icon-button")
        page.wait("document.querySelector('[role=menu]')", "the menu")
        page.run("document.querySelector('.menu-item.danger').click()")
        page.wait("document.querySelector('dialog')", "the question")
        self.shot("delete")
        page.click("dialog .button.danger")
        self.check("one conversation is deleted", page.wait(f"document.querySelectorAll('.item').length === {before - 1}"))
        if self.options.keep_history:
            return
        page.click("[data-action=settings]")
        page.wait("document.querySelector('dialog')", "the settings")
        page.click("dialog .button.danger")
        page.wait("document.querySelector('dialog .button.danger.solid')", "the question")
        page.click("dialog .button.danger.solid")
        self.check("all are deleted", page.wait("document.querySelectorAll('.item').length === 0"))
        self.check("and gone from the server", self.api("/hadal/conversations?limit=10")["body"]["conversations"] == [])

    def silence(self):
        self.page.run("1")
        outside = sorted({url for tab in self.tabs for url in tab.requests
                          if not url.startswith((f"{self.origin}/", f"blob:{self.origin}/", "about:")) and url != self.origin})
        self.check("no request left for another server", not outside, outside)
        self.check("no text opened a dialog", not any(tab.dialogs for tab in self.tabs), [tab.dialogs for tab in self.tabs])
        errors = [error for tab in self.tabs for error in tab.errors]
        self.check("no script failed, and nothing broke the policy", not errors, errors)

    sections = ["sources", "login", "markdown", "hostile", "talk", "edit", "stop", "search", "two_tabs", "lost_connection", "temporary", "injection", "settings",
                "keyboard", "looks", "narrow", "files", "passphrase", "delete", "silence"]

    def run(self):
        with Browser(self.options.chromium) as self.browser:
            self.page = self.tab()
            for name in self.sections:
                if self.options.only and name not in self.options.only and name != "login":
                    continue
                try:
                    getattr(self, name)()
                except Failure as failure:
                    self.check(name.replace("_", " "), False, failure)
                    self.shot(f"failed-{name}")
        print(f"{self.count} checks, {self.failed} failed")
        return 1 if self.failed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address", help="what the server printed: http://127.0.0.1:8080/#token=…")
    parser.add_argument("--chromium", default="chromium", help="the browser's command")
    parser.add_argument("--screenshots", help="a folder for pictures of the page")
    parser.add_argument("--only", nargs="+", choices=Test.sections, help="sections to run, after the login")
    parser.add_argument("--keep-history", action="store_true", help="do not delete all conversations at the end")
    options = parser.parse_args()
    if options.screenshots:
        pathlib.Path(options.screenshots).mkdir(parents=True, exist_ok=True)
    sys.exit(Test(options).run())


if __name__ == "__main__":
    main()
