#!/usr/bin/env python3
"""Drives the page of a running server in headless Chromium.

    Tests/Page/page_test.py 'http://127.0.0.1:8080/#token=…' [--chromium chromium] [--history FOLDER] [--screenshots FOLDER] [--only NAME …]
        [--keep-history]

Takes any model that answers: no check looks at what it says. Prints a line for each check and exits with 1 where one failed. Unless
--keep-history is given, a passphrase is set and removed, and all conversations of the server are deleted: use a server of its own.
"""
import argparse, pathlib, sys, time

from browser import Browser, Failure
from checks import Checks
from history_checks import HistoryChecks
from look_checks import LookChecks
from tab_checks import TabChecks
from talk_checks import TalkChecks
from text_checks import TextChecks


class Test(TalkChecks, TextChecks, TabChecks, HistoryChecks, LookChecks, Checks):
    def silence(self):
        self.page.run("1")
        outside = sorted({url for tab in self.tabs for url in tab.requests
                          if not url.startswith((f"{self.origin}/", f"blob:{self.origin}/", "about:")) and url != self.origin})
        self.check("no request left for another server", not outside, outside)
        self.check("no text opened a dialog", not any(tab.dialogs for tab in self.tabs), [tab.dialogs for tab in self.tabs])
        errors = [error for tab in self.tabs for error in tab.errors]
        self.check("no script failed, and nothing broke the policy", not errors, errors)

    sections = ["sources", "login", "markdown", "hostile", "talk", "edit", "stop", "search", "two_tabs", "closed_tab", "ended_server", "many_tabs", "lost_connection", "alone",
                "temporary", "injection", "tools", "settings", "keyboard", "looks", "narrow", "files", "passphrase", "delete", "silence"]

    def run(self):
        with Browser(self.options.chromium) as self.browser:
            self.page = self.tab()
            for name in self.sections:
                if self.options.only and name not in self.options.only and name != "login":
                    continue
                start = time.monotonic()
                try:
                    getattr(self, name)()
                except Failure as failure:
                    self.check(name.replace("_", " "), False, f"{failure}; requests that are not over: {list(self.page.pending.values())}")
                    self.shot(f"failed-{name}")
                print(f"     {name} took {time.monotonic() - start:.1f} s", flush=True)
        print(f"{self.count} checks, {self.failed} failed")
        return 1 if self.failed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address", help="what the server printed: http://127.0.0.1:8080/#token=…")
    parser.add_argument("--chromium", default="chromium", help="the browser's command")
    parser.add_argument("--history", help="the folder of the server's history: what is deleted, encrypted or temporary is looked for in its files")
    parser.add_argument("--screenshots", help="a folder for pictures of the page")
    parser.add_argument("--only", nargs="+", choices=Test.sections, help="sections to run, after the login")
    parser.add_argument("--keep-history", action="store_true", help="do not delete all conversations at the end")
    options = parser.parse_args()
    if options.screenshots:
        pathlib.Path(options.screenshots).mkdir(parents=True, exist_ok=True)
    sys.exit(Test(options).run())


if __name__ == "__main__":
    main()
