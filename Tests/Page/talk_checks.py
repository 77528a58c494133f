"""Conversations: asking, stopping, branches, settings, temporary ones."""
import json, urllib.parse

from checks import LAST

# What a script would try that had got in: one written into the page, and two requests elsewhere. The number of them that the policy stopped.
FORBIDDEN = """
    new Promise(resolve => {
        let stopped = 0;
        document.addEventListener("securitypolicyviolation", () => { if (++stopped === 3) resolve(window.inside ? -1 : stopped); });
        const script = document.createElement("script");
        script.textContent = "window.inside = true";
        document.body.append(script);
        new Image().src = "https://outside.invalid/image";
        fetch("https://outside.invalid/text").catch(() => {});
    })"""


class TalkChecks:
    """Sections of `page_test.Test`."""

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
        other = self.tab()
        other.open(f"{self.origin}/")
        other.wait("document.querySelector('#gate input')", "the field for the token")
        page.open("about:blank")
        page.open(f"{self.origin}/#token={urllib.parse.quote(self.token)}")
        page.wait("document.querySelector('.welcome') && !document.querySelector('#app').hidden", "the page after the login")
        self.check("the printed address opens the page", True)
        other.run("window.dispatchEvent(new Event('focus'))")
        self.check("and a tab that wanted a token, when somebody looks at it", other.wait("document.querySelector('.welcome') && document.querySelector('#gate').hidden"))
        other.close()
        self.check("the token leaves the address", "token" not in page.run("location.href"), page.run("location.href"))
        self.check("scripts cannot read the cookie", "hadal_session" not in page.run("document.cookie"))
        own = {"default-src 'none'", "form-action 'none'", "base-uri 'none'", "frame-ancestors 'none'"}
        for path in ("/", "/hadal/page/page.js", "/hadal/page/feed-worker.js"):
            policy = set(page.run(f"fetch('{path}').then(r => r.headers.get('Content-Security-Policy') ?? '')").split("; "))
            self.check(f"the policy of {path} lets in what is the server's own, and nothing else",
                       own <= policy and all(part.endswith(" 'self'") for part in policy - own), policy)
        # A tab whose errors are wanted.
        other = self.browser.tab()
        other.open(f"{self.origin}/")
        other.wait("document.querySelector('.welcome')", "the page")
        self.check("and stops a script, a picture and a request that got in", other.run(FORBIDDEN) == 3)
        other.close()
        self.shot("empty")

    def talk(self):
        page = self.page
        self.home()
        self.limit(32)
        self.send("Write two sentences about the sea. Marker-alpha.")
        text = self.answered()
        self.check("an answer comes", len(text) > 0)
        self.check("with its figures", "tokens" in page.run(f"document.querySelector('{LAST} .figures').textContent"))
        self.check("a screen reader hears the answer when it is whole", page.wait("document.querySelector('#status').textContent.length > 10"))
        # What is copied is the text as the model wrote it, not as it is shown.
        page.run("navigator.clipboard.writeText = async value => { window.copied = value }")
        page.click(f"{LAST} .message-foot .icon-button")
        self.check("an answer is copied", page.wait(f"window.copied === {json.dumps(self.stored()[-1]['content'])}"))
        self.check("a conversation is on the disk", self.on_disk("Marker-alpha") is not False)
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
        self.limit(2000, endless=True)
        for key in (False, True):
            self.send("Count without an end.")
            self.streaming()
            self.check("tokens a second are shown while an answer comes", page.wait("/\\d.*tokens/.test(document.querySelector('.speed').textContent)"))
            if key:
                page.key("Escape")
            else:
                page.click(".send.stop")
            text = self.answered()
            self.check(f"an answer is stopped by {'Escape' if key else 'the button'}",
                       page.run(f"document.querySelector('{LAST} .problem.stopped').checkVisibility()") and self.stored()[-1]["state"] == "stopped")
        self.check("and stays as the server stored it", text == self.answered() == self.rendered(self.stored()[-1]["content"]) != "")
        page.reload()
        page.wait(f"document.querySelector('{LAST} .problem.stopped')", "the stopped answer after a reload")
        self.check("also after a reload", self.answered() == text)

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
        self.home()
        self.set(schema=json.dumps({"type": "object", "properties": {"colour": {"enum": ["red", "blue"]}}, "required": ["colour"], "additionalProperties": False}))
        self.send("Which colour has the sky?")
        self.answered()
        self.check("an answer has the form of a schema", json.loads(self.stored()[-1]["content"])["colour"] in ("red", "blue"))

    def temporary(self):
        page = self.page
        self.home()
        page.click("[data-action=temporary]")
        page.wait("document.querySelector('.composer.is-temporary')", "a temporary conversation")
        self.shot("temporary")
        self.limit(8)
        self.send("A secret: marker-gamma.")
        self.answered()
        self.check("a temporary conversation is on no disk", not self.on_disk("marker-gamma"))
        listed = self.api("/hadal/conversations?limit=100&query=marker-gamma")["body"]["conversations"]
        self.check("and never searched", listed == [], listed)
        exported = json.dumps(self.api("/hadal/export")["body"])
        self.check("nor exported with the others", "marker-gamma" not in exported)
