"""Keys, screen readers, colours, languages, narrow screens."""
import time

SAMPLE = """The area is $A = \\pi r^2$, where $r$ is the **radius**, see [the proof](https://example.org).

$$\\int_0^r 2\\pi t \\, dt = \\pi r^2$$

| radius | area | drawn |
|-------:|:-----|:-----:|
| 1 | 3.14 | yes |
| 10 | 314.16 | no |

```python
def area(radius: float) -> float:
    return math.pi * radius ** 2  # in the unit of the radius, squared
```

> A quotation, with `code` in it.

1. First
2. Second
   - [x] done
   - [ ] not done
"""


class LookChecks:
    """Sections of `page_test.Test`."""

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
        self.heard("the empty page")
        page.click(".item-open")
        page.wait("document.querySelector('.message')", "a conversation")
        self.heard("a conversation")
        for action in ("settings", "conversation-settings"):
            page.click(f"[data-action={action}]")
            page.wait("document.querySelector('dialog')", "the dialog")
            self.heard(action)
            page.key("Escape")
            page.wait("!document.querySelector('dialog')", "the end of the dialog")
        regions = page.run("['nav', 'main', '[role=status][aria-live=polite]', '[role=alert]', 'h1'].map(name => document.querySelectorAll(`body ${name}`).length)")
        self.check("the page has its regions", regions[:3] == [1, 1, 1] and regions[3] >= 1 and regions[4] == 1, regions)
        self.check("the first link skips to the message", page.run("document.querySelector('a').id === 'skip' && document.querySelector('#skip').textContent !== ''"))
        page.click("button.model")
        page.wait("document.activeElement?.closest('[role=menu]')", "the menu of models")
        page.key("Escape")
        self.check("a menu gives the focus back", page.wait("document.activeElement?.classList.contains('model')"))

    def heard(self, what):
        """Checks what a screen reader is told of controls and regions, as the browser computes it."""
        named = {"button", "link", "textbox", "searchbox", "spinbutton", "combobox", "radio", "checkbox", "menuitem", "dialog", "navigation", "main", "article", "group", "progressbar"}
        nodes = self.page.call("Accessibility.getFullAXTree")["nodes"]
        of = lambda node, key: node.get(key, {}).get("value", "")
        controls = [node for node in nodes if not node["ignored"] and of(node, "role") in named]
        nameless = [of(node, "role") for node in controls if not of(node, "name").strip()]
        self.check(f"{what}: {len(controls)} controls and regions have names", len(controls) > 5 and not nameless, nameless)

    def looks(self):
        page = self.page
        light = "(() => { const c = getComputedStyle(document.body).backgroundColor.match(/[\\d.]+/g).map(Number); return c[0] + c[1] + c[2] > 380; })()"
        now = time.time()
        common = {"tool_calls": [], "tool_call_id": None, "model": "model", "state": "complete", "error": None, "figures": {"generated_tokens": 5, "prompt_tokens": 9, "cached_tokens": 4}}
        self.api("/hadal/import", "POST", {"hadal": "conversations/1", "conversations": [{
            "id": "looks", "title": f"Looks {now}", "created": now, "updated": now, "settings": {"temperature": 0, "system": "Be brief."}, "current": "l3", "messages": [
                {**common, "id": "l0", "parent": None, "role": "user", "content": "What is the area of a circle?", "reasoning": "", "created": now},
                {**common, "id": "l1", "parent": "l0", "role": "assistant", "content": SAMPLE, "reasoning": "The user wants a formula.", "created": now + 1},
                {**common, "id": "l2", "parent": "l1", "role": "user", "content": "And of a sphere?", "reasoning": "", "created": now + 2},
                {**common, "id": "l3", "parent": "l2", "role": "assistant", "content": "$4\\pi r^2$", "reasoning": "", "created": now + 3, "state": "failed", "error": "out of memory",
                 "tool_calls": [{"id": "c", "name": "area", "arguments": "{\"r\": 1}"}]}]}]})
        for theme in ("dark", "light"):
            page.theme(theme)
            self.home()
            self.check(f"{theme} where the system is", page.run(light) == (theme == "light"))
            self.readable(f"{theme}, empty")
            self.choose(f"Looks {now}")
            page.wait("document.querySelectorAll('.message').length === 4", "the imported messages")
            page.run("document.querySelectorAll('details').forEach(e => { e.open = true })")
            page.wait("document.querySelector('details.reasoning .text').textContent !== ''", "the reasoning")
            self.readable(f"{theme}, a conversation")
            for name, action in (("settings", "settings"), ("settings of a conversation", "conversation-settings")):
                page.click(f"[data-action={action}]")
                page.wait("document.querySelector('dialog')", "the dialog")
                self.readable(f"{theme}, {name}")
                page.key("Escape")
                page.wait("!document.querySelector('dialog')", "the end of the dialog")
        page.theme("dark")
        page.click("[data-action=settings]")
        page.wait("document.querySelector('dialog input[value=light]')", "the settings")
        page.run("document.querySelector('dialog input[value=light]').click()")
        self.check("light by choice", page.run(light))
        page.reload()
        page.wait("document.querySelector('#app:not([hidden])')", "the page")
        self.check("also after a reload", page.run(light))
        page.run("localStorage.clear()")
        page.theme("light")
        page.run("localStorage.setItem('hadal.language', 'zh')")
        self.home()
        self.check("in Chinese by choice", page.run("document.documentElement.lang === 'zh-Hans' && /[\\u4e00-\\u9fff]/.test(document.querySelector('.welcome h2').textContent)"))
        self.shot("chinese")
        page.run("localStorage.clear()")
        self.home()

    def readable(self, what):
        self.shot(what.replace(", ", "-").replace(" ", "-"))
        result = self.script("page_contrast.js", None)
        self.check(f"{what}: {result['count']} texts stand out from what is behind them", result["count"] > 5 and not result["low"], result["low"])

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
            page.wait(f"innerWidth === {width}", "the narrow page")
            page.run("new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(resolve)))")
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
