"""Several tabs, lost connections, and the six connections that a browser has for a server."""
import json, pathlib, re, sqlite3, time

from checks import LAST

# Breaks the first two streams of an answer after some pieces. The emulated loss of a network leaves connections alone.
CUT = """
    const original = window.fetch;
    window.cuts = 0;
    window.fetch = async (path, ...rest) => {
        const reply = await original(path, ...rest);
        if (!/answers.*events/.test(path) || window.cuts >= 2) return reply;
        window.cuts++;
        let count = 0;
        const cut = new TransformStream({ transform(chunk, control) { ++count > 3 ? control.error(new TypeError("cut")) : control.enqueue(chunk); } });
        return new Response(reply.body.pipeThrough(cut), reply);
    };"""
# A browser without shared workers, and a server that says how far a model has been loaded.
ALONE = """
    delete window.SharedWorker;
    const original = window.fetch;
    window.fetch = async (path, ...rest) => {
        const reply = await original(path, ...rest);
        if (path !== "/hadal/events") return reply;
        const told = new TransformStream({ start(control) {
            window.tell = (name, data) => control.enqueue(new TextEncoder().encode(`event: ${name}\\ndata: ${JSON.stringify(data)}\\n\\n`));
        } });
        return new Response(reply.body.pipeThrough(told), reply);
    };"""


class TabChecks:
    """Sections of `page_test.Test`."""

    def two_tabs(self):
        page = self.page
        self.home()
        # Longer than the blocks in which a cache keeps what was read.
        self.set(system="You answer in a short sentence. " * 24, max_tokens=24)
        self.send("First of two tabs.")
        self.answered()
        other = self.tab()
        other.open(page.run("location.href"))
        other.wait(f"document.querySelector('{LAST}')", "the conversation in the other tab")
        other.focus()
        self.send("Second of two tabs.", other)
        self.check("a message of one tab comes to the other", page.wait("[...document.querySelectorAll('.message.user')].some(e => e.textContent.includes('Second of'))"))
        text = self.answered(other)
        self.check("and its answer", page.wait(f"document.querySelector('{LAST}')?.ariaBusy === 'false' && document.querySelector('{LAST} > .text').textContent === {json.dumps(text)}"))
        self.check("a prompt that was read before comes from the cache", "from the cache" in other.run(f"document.querySelector('{LAST} .figures').textContent"))
        other.click(f"{LAST} [data-action=regenerate]")
        other.wait(f"document.querySelector('{LAST} .branch-number')?.textContent === '2/2'", "a second answer")
        self.answered(other)
        page.wait(f"document.querySelector('{LAST} .branch-number')?.textContent === '2/2'", "the second answer in the first tab")
        other.click(f"{LAST} [data-action=previous]")
        self.check("a branch chosen in one is shown in the other", page.wait(f"document.querySelector('{LAST} .branch-number')?.textContent === '1/2'"))
        other.close()

    def closed_tab(self):
        page = self.page
        self.home()
        other = self.tab()
        self.home(other)
        other.focus()
        tokens = 96
        self.limit(tokens, other, endless=True)
        self.send("Count, in a tab that is closed.", other)
        self.streaming(other)
        address, conversation = other.run("location.href"), self.conversation(other)
        busy = f"document.querySelector('.item[data-id={json.dumps(conversation)}] .busy')"
        self.check("the list shows which conversation is being answered", page.wait(f"{busy}?.ariaLabel"))
        page.reload()
        self.check("also after a reload", page.wait(busy))
        other.close()
        page.focus()
        page.wait(f"document.querySelector('.item') && !{busy}", "the end of the answer", 60)
        message = self.api(f"/hadal/conversations/{conversation}")["body"]["messages"][-1]
        self.check("an answer goes on to its end when its tab is closed", message["state"] == "complete" and message["figures"]["generated_tokens"] == tokens,
                   [message["state"], message["figures"]])
        page.open("about:blank")
        page.open(address)
        page.wait(f"document.querySelector('{LAST}')", "the conversation of the closed tab")
        self.check("and is there on return", self.answered() == self.rendered(message["content"]))

    def ended_server(self):
        """An answer of another server on the same history, which may have ended in the middle."""
        if not self.options.history:
            return
        page = self.page
        self.home()
        self.limit(8)
        self.send("Asked of a server that ends.")
        self.answered()
        address, answer = page.run("location.href"), self.stored()[-1]["id"]

        def leave(seconds):
            """What such a server leaves behind: an answer that it wrote last some seconds ago."""
            with sqlite3.connect(pathlib.Path(self.options.history, "history.sqlite"), timeout=10) as database:
                database.execute("UPDATE messages SET state = 'streaming', updated = ? WHERE id = ?", (time.time() - seconds, answer))
            database.close()
            page.open("about:blank")
            page.open(address)
            page.wait(f"document.querySelector('{LAST}')", "the conversation")

        leave(1)
        self.check("an answer of another server is being made", page.run(f"document.querySelector('{LAST}').ariaBusy") == "true")
        page.click(".send.stop")
        page.wait("!document.querySelector('.send.stop')", "the end of the answer")
        self.check("and can be stopped", self.stored()[-1]["state"] == "stopped" and page.run(f"document.querySelector('{LAST} .problem.stopped').checkVisibility()"))
        leave(40)
        self.check("one that nobody writes any more has stopped", page.wait(f"document.querySelector('{LAST}').ariaBusy === 'false'") and self.stored()[-1]["state"] == "stopped")

    def many_tabs(self):
        # More than a browser has connections, and as many pages that were left and may be kept for a way back.
        for _ in range(6):
            self.home()
        tabs = [self.tab() for _ in range(6)]
        for tab in tabs:
            tab.open(f"{self.origin}/")
        for tab in tabs:
            tab.wait("document.querySelector('.welcome') && document.querySelector('#write')", "the page")
        self.limit(8, tabs[-1])
        tabs[-1].focus()
        self.send("Asked in the last of many tabs.", tabs[-1])
        self.answered(tabs[-1])
        self.check("many tabs do not wait for each other", all(tab.wait("document.querySelector('.item')?.textContent.includes('Asked in the last')") for tab in [self.page, *tabs]))
        for tab in tabs:
            tab.close()
        self.page.focus()

    def lost_connection(self):
        wrong = self.script("page_resume.js", None)
        self.check("an answer whose connection is cut has no gap, and nothing twice", not wrong, wrong)
        page = self.page
        script = page.call("Page.addScriptToEvaluateOnNewDocument", source=CUT)["identifier"]
        self.home()
        page.call("Page.removeScriptToEvaluateOnNewDocument", identifier=script)
        before = sum("/events?from=" in url for url in page.requests)
        # Longer than both pauses before a new connection together.
        self.limit(1500, endless=True)
        self.send("Count while a cable breaks.")
        starts = lambda: [int(url.rsplit("=", 1)[1]) for url in page.requests if re.search(r"/answers/.*/events\?from=", url)][before:]
        first, second, third = self.until(lambda: len(starts()) == 3 and starts(), "three connections", 60)
        text = f"document.querySelector('{LAST} > .text').textContent"
        length = page.run(f"{text}.length")
        page.wait(f"{text}.length > {length + 20}", "more of the answer after the cuts", 60)
        page.click(".send.stop")
        shown = self.answered()
        self.check("a connection that broke is resumed where it did", 0 == first < second < third, [first, second, third])
        self.check("and the answer is the one that the server stored", shown == self.rendered(self.stored()[-1]["content"]))

    def alone(self):
        page = self.page
        script = page.call("Page.addScriptToEvaluateOnNewDocument", source=ALONE)["identifier"]
        self.home()
        page.wait("window.tell", "the page's own connection")
        page.call("Page.removeScriptToEvaluateOnNewDocument", identifier=script)
        name = self.api("/hadal/state")["body"]["models"][0]["name"]
        loading = {"name": name, "state": "loading", "fraction": 0.4, "error": None, "backend": None}
        page.run(f"window.tell('model', {json.dumps(loading)})")
        self.check("loading a model shows its progress",
                   page.wait("document.querySelector('[role=progressbar]').checkVisibility() && document.querySelector('[role=progressbar]').ariaValueNow === '40'")
                   and "40" in page.run("document.querySelector('button.model').textContent"))
        page.run(f"window.tell('model', {json.dumps({**loading, 'state': 'ready', 'fraction': None, 'backend': 'cpu'})})")
        self.check("and its end", page.wait("!document.querySelector('[role=progressbar]').checkVisibility()"))
        self.limit(8)
        self.send("Asked without a shared worker.")
        self.answered()
        self.check("a browser without shared workers is told as well", page.wait("document.querySelector('.item')?.textContent.includes('without a shared')"))
