"""The stored history: search, files, passphrase, deletion."""
import json, pathlib, tempfile, time


class HistoryChecks:
    """Sections of `page_test.Test`."""

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
            # What the page itself exported, chosen by its own dialog.
            file = next(path for path in pathlib.Path(folder).iterdir() if path.suffix == ".md")
            self.import_file(file)
            self.check("Markdown is imported", page.wait("document.querySelector('.notice')?.textContent.includes('1')"))
            page.run("document.querySelector('.notice button').click()")
            newest = self.api("/hadal/conversations?limit=1")["body"]["conversations"][0]["id"]
            messages = self.api(f"/hadal/conversations/{newest}")["body"]["messages"]
            self.check("as it was", [(message["role"], message["content"]) for message in messages] == [(message["role"], message["content"]) for message in self.stored()])
            wrong = pathlib.Path(folder, "wrong.json")
            wrong.write_text("{")
            self.import_file(wrong)
            self.check("what is no export is refused", page.wait("document.querySelector('.notice')?.textContent.includes('JSON')"))
            page.run("document.querySelector('.notice button').click()")
        exported = self.api("/hadal/export")["body"]
        self.check("all conversations are exported", exported.get("hadal") == "conversations/1" and len(exported["conversations"]) >= 2)

    def import_file(self, path):
        page = self.page
        page.call("Page.setInterceptFileChooserDialog", enabled=True)
        page.click("[data-action=settings]")
        page.wait("document.querySelector('dialog [data-action=import]')", "the settings")
        page.click("dialog [data-action=import]")
        node = self.until(lambda: page.chooser, "the question for a file")
        page.chooser = None
        page.call("DOM.setFileInputFiles", files=[str(path)], backendNodeId=node)
        page.call("Page.setInterceptFileChooserDialog", enabled=False)
        page.key("Escape")
        page.wait("!document.querySelector('dialog')", "the end of the dialog")

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
        self.check("and no word is on the disk", not self.on_disk("arker-alpha") and not self.on_disk("Write two sentences"))
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
        lists = lambda: sum("/hadal/conversations?limit=" in url for url in page.requests)
        before = lists()
        page.run("window.first = document.querySelector('.item-open')")
        page.run("document.querySelectorAll('.passphrase button')[1].click()")
        self.until(lambda: lists() > before, "the list")
        self.api("/hadal/conversations?limit=1")
        self.check("a list that did not change is left alone: a click on it that has begun is not lost", page.run("document.querySelector('.item-open') === window.first"))
        self.check("and removed", history(passphrase=False) and self.on_disk("arker-alpha") is not False)
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
        other = self.tab()
        self.home(other)
        other.click(".item-open")
        other.wait("document.querySelector('.message')", "a conversation in another tab")
        page.focus()
        page.click("[data-action=settings]")
        page.wait("document.querySelector('dialog')", "the settings")
        page.click("dialog .button.danger")
        page.wait("document.querySelector('dialog .button.danger.solid')", "the question")
        page.click("dialog .button.danger.solid")
        self.check("all are deleted", page.wait("document.querySelectorAll('.item').length === 0"))
        self.check("another tab that showed one shows none", other.wait("document.querySelector('.welcome') && !document.querySelector('.message')"))
        other.close()
        self.check("no word of them is on the disk", not self.on_disk("arker-alpha"))
        self.check("and gone from the server", self.api("/hadal/conversations?limit=10")["body"]["conversations"] == [])
