"""What the page makes of texts: its own, those of models, and those that mean harm."""
import json, re, time

from checks import HERE, LAST, PAGE

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


class TextChecks:
    """Sections of `page_test.Test`."""

    def sources(self):
        forbidden = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|setAttribute\(.style|createContextualFragment|DOMParser|srcdoc"
        found = [f"{path.name}: {match[0]}" for path in sorted(PAGE.iterdir()) for match in re.finditer(forbidden, path.read_text())]
        self.check("no module makes HTML of text", not found, found)
        html = (PAGE / "index.html").read_text()
        inline = re.findall(r"<style|\bstyle=|\bon\w+=|<script(?![^>]*\bsrc=)|https?://", html)
        self.check("index.html has no inline script or style, and names no other server", not inline, inline)
        english, chinese = (json.loads((PAGE / f"texts-{name}.json").read_text()) for name in ("en", "zh"))
        self.check("both languages have the same texts", english.keys() == chinese.keys(), english.keys() ^ chinese.keys())
        named = " ".join(path.read_text() for path in PAGE.glob("*.js"))
        # Of names that are put together, the beginning is there.
        unused = [key for key in english if f'"{key}"' not in named and f"`{key.split('-')[0]}-" not in named and key not in ("by-user", "by-tool", "by-assistant")
                  and not re.fullmatch(r"idea\d(Text)?|\w+-hint", key)]
        self.check("and no text that none uses", not unused, unused)
        used = {key for path in PAGE.glob("*.js") for key in re.findall(r"\btext\(\"([\w-]+)\"", path.read_text())}
        self.check("every text that a module names is there", used <= english.keys(), used - english.keys())
        holes = [key for key in english if set(re.findall(r"\{\w+\}", english[key])) != set(re.findall(r"\{\w+\}", chinese.get(key, "")))]
        self.check("and the same values in them", not holes, holes)

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
        self.check(f"{result['count']} hostile texts of 256 KB take linear time (the longest {result['longest'] / 1000:.1f} s)", not result["slow"], result["slow"])

    def injection(self):
        page = self.page
        self.home()
        self.limit(4)
        # One of the user's messages, and a conversation that was imported with the worst in each of its parts.
        self.send(INJECTIONS[0])
        self.answered()
        bad = "<img src=x onerror=\"window.injected = 1; alert(1)\"><b>bad</b>"
        messages = []
        for index, text in enumerate(INJECTIONS):
            parent = messages[-1]["id"] if messages else None
            common = {"created": time.time() + index, "tool_calls": [], "tool_call_id": None, "model": bad, "state": "complete", "error": None,
                      "figures": {"tokens_per_second": bad, "generated_tokens": bad, "finish_reason": bad}}
            messages.append({**common, "id": f"u{index}", "parent": parent, "role": "user", "content": text, "reasoning": ""})
            messages.append({**common, "id": f"a{index}", "parent": f"u{index}", "role": "assistant", "content": text, "reasoning": text})
        messages[1]["tool_calls"] = [{"id": bad, "name": bad, "arguments": json.dumps({bad: INJECTIONS[0]})}]
        messages[2].update(role="tool", content=bad, tool_call_id=bad)
        messages[-3].update(state="failed", error=bad)
        now = time.time()
        title = f"{bad}</title><script>alert(1)</script> {now}"
        tool = {"type": "function", "function": {"name": bad, "parameters": {"type": "object"}}}
        reply = self.api("/hadal/import", "POST", {"hadal": "conversations/1", "conversations": [{
            "id": "injected", "title": title, "created": now, "updated": now, "temporary": False,
            "settings": {"system": INJECTIONS[0], "model": bad, "schema": bad, "tools": [tool], "max_tokens": bad, "thinking": bad}, "current": messages[-1]["id"],
            "messages": messages}]})
        self.check("a conversation is imported", reply["status"] == 200 and reply["body"]["imported"] == 1, reply)
        self.choose(title)
        page.wait(f"document.querySelectorAll('.message').length === {len(messages)}", "the imported messages")
        page.run("document.querySelectorAll('details').forEach(e => { e.open = true })")
        page.wait("[...document.querySelectorAll('details.reasoning .text')].every(e => e.childNodes.length > 0)", "the reasoning")
        self.shot("injection")
        self.harmless("messages")
        links = page.run("[...document.querySelectorAll('#messages a')].map(e => [e.protocol, e.rel, e.target, e.referrerPolicy])")
        wrong = [link for link in links if link[0] not in ("http:", "https:", "mailto:") or "noreferrer" not in link[1] or link[2] != "_blank" or link[3] != "no-referrer"]
        self.check(f"{len(links)} links lead only where links may, and tell nothing", len(links) >= 2 and not wrong, wrong)
        page.click("[data-action=conversation-settings]")
        page.wait("document.querySelector('dialog')", "the settings")
        page.run("document.querySelector('dialog [data-setting=temperature]').value = '0'")
        page.click("dialog .button.solid")
        self.harmless("settings, and what is wrong with them")
        page.key("Escape")
        page.wait("!document.querySelector('dialog')", "the end of the dialog")
        for action in range(2):
            page.click(".item.open > .icon-button")
            page.wait("document.querySelector('[role=menu]')", "the menu")
            page.run(f"[...document.querySelectorAll('[role=menuitem]')].at({-action}).click()")
            page.wait("document.querySelector('dialog')", "the question")
            self.harmless("the menu and the question to rename" if action == 0 else "the question to delete")
            page.key("Escape")
            page.wait("!document.querySelector('dialog')", "the end of the dialog")
        page.run("const field = document.querySelector('[type=search]'); field.value = 'onerror'; field.dispatchEvent(new Event('input'))")
        page.wait("document.querySelector('.item-snippet')", "a piece of what was found")
        self.harmless("what is found")
        page.run("const found = document.querySelector('[type=search]'); found.value = ''; found.dispatchEvent(new Event('input'))")
        # A server may say anything about its models, and why it refuses.
        reply = self.api("/hadal/import", "POST", {"hadal": bad})
        self.check("what is refused is refused", reply["status"] == 400, reply)
        page.run(f"import('/hadal/page/dialogs.js').then(m => m.notice({json.dumps(reply['body']['error']['message'])}))")
        self.harmless("a message of the server")
        page.run("document.querySelector('.notice button').click()")

    def harmless(self, what):
        """Checks that nothing in the document was made of a text."""
        elements = self.page.run(
            "[...document.querySelectorAll('body :is(script, img, iframe, style, object, embed, link, meta, base, video, audio, source, b, title), svg:not(.icon, .logo),"
            " #messages form:not(.unlock)')].map(e => e.outerHTML)")
        attributes = self.page.run(
            "[...document.querySelectorAll('body *')].filter(e => [...e.attributes].some(a => a.name.startsWith('on') || (a.name === 'style' && e.closest('#messages, #side, dialog'))"
            " || /^(src|srcdoc|action|formaction|data|background|ping)$/.test(a.name))).map(e => e.outerHTML)")
        ran = self.page.run("window.injected !== undefined")
        self.check(f"{what}: no text became an element or an attribute, and none ran", not elements and not attributes and not ran, [elements, attributes, ran])

    def tools(self):
        page = self.page
        self.home()
        now = time.time()
        common = {"created": now, "reasoning": "", "tool_calls": [], "tool_call_id": None, "model": None, "state": "complete", "error": None, "figures": None}
        calls = [{"id": f"call{index}", "name": name, "arguments": json.dumps({"city": "Oslo"})} for index, name in enumerate(("weather", "clock"))]
        self.api("/hadal/import", "POST", {"hadal": "conversations/1", "conversations": [{
            "id": "tools", "title": f"Tools {now}", "created": now, "updated": now, "settings": {"max_tokens": 8}, "current": "t1", "messages": [
                {**common, "id": "t0", "parent": None, "role": "user", "content": "What is it like in Oslo?"},
                {**common, "id": "t1", "parent": "t0", "role": "assistant", "content": "", "tool_calls": calls}]}]})
        self.choose(f"Tools {now}")
        self.check("calls of tools are shown", page.wait("document.querySelectorAll('.call textarea').length === 2") and "weather" in page.run("document.querySelector('.call').ariaLabel"))
        self.shot("tools")
        for index, result in enumerate(("12 degrees", "noon")):
            page.run(f"document.querySelectorAll('.call textarea')[{index}].focus()")
            page.type(result)
        page.click("[data-action=results]")
        page.wait(f"document.querySelectorAll('.message.tool').length === 2 && document.querySelector('{LAST}') && !document.querySelector('.call textarea')", "the results of the tools")
        self.answered()
        messages = self.stored()
        self.check("and answered by hand, in a row, with an answer of the model behind them",
                   [(message["role"], message["tool_call_id"], message["content"]) for message in messages[2:4]] == [("tool", "call0", "12 degrees"), ("tool", "call1", "noon")]
                   and [message["parent"] for message in messages[3:]] == [messages[2]["id"], messages[3]["id"]] and messages[4]["role"] == "assistant", messages)
