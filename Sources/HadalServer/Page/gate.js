// Before the page is let in: the address that the server printed has a token, which a cookie replaces.

import { api } from "./api.js";
import { element, fill, logo } from "./dom.js";
import { text } from "./texts.js";

/// Takes the token out of the address, lest it stays in the history of the browser.
export function takeToken() {
    const match = /^#token=([^&]*)$/.exec(location.hash);
    if (!match) return null;
    window.history.replaceState(null, "", location.pathname);
    try {
        return decodeURIComponent(match[1]);
    } catch {
        return match[1];
    }
}

/// Ends what the gate that is shown waits for beside its field.
let waiting = null;

export function hideGate() {
    waiting?.abort();
    const gate = document.getElementById("gate");
    gate.hidden = true;
    fill(gate);
}

/// Shows the field for the token until one is right, here or in another tab.
export function showGate(refused, entered) {
    const gate = document.getElementById("gate");
    const input = element("input", { type: "password", autocomplete: "off", "aria-label": text("token"), placeholder: text("tokenHere") });
    const problem = element("p", { class: "field-problem", role: "alert" }, refused ? text("tokenWrong") : "");
    const form = element("form", { class: "unlock" }, input, element("button", { type: "submit", class: "button solid" }, text("open")));
    form.addEventListener("submit", async event => {
        event.preventDefault();
        // The whole address may be pasted.
        const token = input.value.trim().replace(/^.*#token=/, "");
        try {
            await api.login(token);
            hideGate();
            entered();
        } catch (error) {
            problem.textContent = error.status === 403 ? text("tokenWrong") : error.message;
            input.select();
        }
    });
    waiting?.abort();
    waiting = new AbortController();
    // Somebody may have logged in by another tab meanwhile: the cookie is the browser's.
    window.addEventListener("focus", async () => {
        try {
            await api.state();
        } catch {
            return;
        }
        if (gate.hidden) return;
        hideGate();
        entered();
    }, { signal: waiting.signal });
    fill(gate, element("main", { class: "welcome" },
        element("div", { class: "welcome-mark" }, logo(52)),
        element("h1", {}, text("loginTitle")), element("p", {}, text("loginMessage")), form, problem));
    gate.hidden = false;
    document.getElementById("app").hidden = true;
    input.focus();
}
