// Starts the page: texts, login, the parts and how they work together.

import { announce, setRegion } from "./announce.js";
import { api } from "./api.js";
import { Composer } from "./composer.js";
import { openConversationSettings } from "./conversation-settings.js";
import { copyText } from "./copy.js";
import { notice } from "./dialogs.js";
import { hideGate, showGate, takeToken } from "./gate.js";
import { Header } from "./header.js";
import { Messages } from "./messages.js";
import { preferences } from "./preferences.js";
import { installShortcuts, openShortcuts } from "./shortcuts.js";
import { Sidebar } from "./sidebar.js";
import { Store } from "./store.js";
import { loadTexts, text } from "./texts.js";

const store = new Store();
const narrow = window.matchMedia("(max-width: 800px)");
let parts = null;
let listening = null;
/// Whether the address follows what is open: not before what it names at the start is open.
let addressed = false;

const actions = {
    begin(temporary) {
        store.begin(temporary);
        closeSide();
        parts.composer.focus();
    },
    async open(id) {
        closeSide();
        await store.attempt(() => store.open(id));
        if (!narrow.matches) parts.composer.focus();
    },
    toggleSide(shown) {
        const { classList } = document.getElementById("app");
        const open = shown ?? (narrow.matches ? !classList.contains("side-open") : classList.contains("side-closed"));
        classList.toggle("side-open", open);
        classList.toggle("side-closed", !open);
        document.getElementById("shade").hidden = !(open && narrow.matches);
        if (open && narrow.matches) parts.sidebar.element.querySelector("button")?.focus();
    },
    write(content) {
        parts.composer.input.value = content;
        parts.composer.resize();
        parts.composer.focus();
    },
    async send(content) {
        parts.messages.atEnd = true;
        const parent = store.path.at(-1)?.message.id ?? null;
        return store.send(content, parent, { title: titleOf(content) });
    },
    async resend(content, parent) {
        parts.messages.atEnd = true;
        await store.attempt(() => store.send(content, parent));
    },
    async sendResults(results, parent) {
        parts.messages.atEnd = true;
        await store.attempt(async () => {
            let above = parent;
            for (const [index, { id, content }] of results.entries()) {
                const added = await store.send(content, above, { role: "tool", tool_call_id: id, answer: index === results.length - 1 });
                above = added.message.id;
            }
        });
    },
    async regenerate(parent) {
        parts.messages.atEnd = true;
        await store.attempt(() => store.regenerate(parent));
    },
    showBranch: id => store.attempt(() => store.show(id)),
    stop() {
        const { running } = store;
        if (running) store.attempt(() => api.stop(running.id));
    },
    unlock() {
        closeSide();
        store.begin(false);
        document.querySelector("#messages input[type=password]")?.focus();
    },
    async unlocked() {
        await store.loadState();
        await store.loadList();
        parts.composer.draw();
        parts.composer.focus();
        await openAddress();
    },
};

function closeSide() {
    if (narrow.matches) actions.toggleSide(false);
}

/// The first line, as far as a word's end: what a conversation is called until it is renamed.
function titleOf(content) {
    const line = content.trim().split("\n", 1)[0].replace(/\s+/g, " ");
    if (line.length <= 60) return line;
    const cut = line.slice(0, 60);
    const space = cut.lastIndexOf(" ");
    return `${(space > 30 ? cut.slice(0, space) : cut).trimEnd()}…`;
}

const addressOf = id => (id === null ? "/" : `/#c=${encodeURIComponent(id)}`);

/// Opens the conversation that the address names; a new one where it names none, unless the page only starts: what the user has begun meanwhile stays.
async function openAddress(starts = false) {
    if (location.hash.startsWith("#token=")) return;
    const match = /^#c=([A-Za-z0-9_-]{1,40})$/.exec(location.hash);
    if (!match) {
        if (store.conversation && !starts) store.begin();
        return;
    }
    try {
        await store.open(match[1]);
    } catch (error) {
        window.history.replaceState(null, "", "/");
        if (error.code !== "history_locked") report(error);
    }
}

function followAddress() {
    if (!addressed) return;
    const id = store.conversation?.id ?? null;
    const wanted = addressOf(id);
    if (`${location.pathname}${location.hash}` === wanted) return;
    window.history.pushState(null, "", wanted);
}

function report(error) {
    if (error.code === "login_required") {
        listening?.abort();
        store.closeAnswers();
        showGate(false, () => enter());
        return;
    }
    if (error.code === "history_locked") {
        store.attempt(() => store.loadState());
        return;
    }
    const known = ["connection", "not_found", "busy", "context_full", "too_large", "conflict"].includes(error.code);
    notice(known ? text(`error-${error.code}`) : error.message || text("error-connection"));
}

function build() {
    const sidebar = new Sidebar(store, actions);
    const header = new Header(store, actions);
    const messages = new Messages(store, actions);
    const composer = new Composer(store, actions);
    parts = { sidebar, header, messages, composer };
    const skip = document.getElementById("skip");
    skip.textContent = text("skip");
    skip.addEventListener("click", event => {
        event.preventDefault();
        composer.focus();
    });
    document.getElementById("shade").addEventListener("click", () => actions.toggleSide(false));
    store.addEventListener("error", event => report(event.detail));
    store.addEventListener("conversation", followAddress);
    store.addEventListener("unlocked", () => actions.unlocked());
    window.addEventListener("popstate", () => openAddress());
    narrow.addEventListener("change", () => actions.toggleSide(!narrow.matches));
    installShortcuts({
        write: () => composer.focus(),
        newConversation: () => actions.begin(false),
        newTemporary: () => actions.begin(true),
        searchConversations() {
            actions.toggleSide(true);
            sidebar.focusSearch();
        },
        conversations: () => actions.toggleSide(),
        editLast: () => messages.editLast(),
        regenerate() {
            const last = store.path.at(-1)?.message;
            if (last?.role !== "assistant" || last.state === "streaming") return false;
            actions.regenerate(last.parent);
            return true;
        },
        async copyLast() {
            const last = store.path.findLast(({ message }) => message.role === "assistant");
            if (last && (await copyText(last.message.content))) announce(text("copied"));
        },
        conversationSettings: () => openConversationSettings(store),
        stopAnswer() {
            if (narrow.matches && document.getElementById("app").classList.contains("side-open")) actions.toggleSide(false);
            else if (store.running) actions.stop();
            else return false;
            return true;
        },
        shortcuts: () => openShortcuts(),
    });
}

/// Shows the page to who is let in.
async function enter() {
    try {
        await store.loadState();
    } catch (error) {
        if (error.code === "login_required") showGate(false, () => enter());
        else {
            notice(text("error-connection"));
            setTimeout(() => enter(), 2000);
        }
        return;
    }
    const { model } = preferences;
    if (model && !store.draft.settings.model && store.state.models.some(each => each.name === model)) store.draft.settings.model = model;
    if (parts === null) build();
    document.getElementById("app").hidden = false;
    actions.toggleSide(!narrow.matches);
    store.tell("conversation");
    listen();
    await store.attempt(() => store.loadList());
    await openAddress(!addressed);
    addressed = true;
    followAddress();
    parts.composer.resize();
    if (!narrow.matches && document.querySelector("dialog[open]") === null) parts.composer.focus();
}

/// Follows what the server tells, and catches up with it.
function listen() {
    listening?.abort();
    listening = new AbortController();
    store.listen(listening.signal);
}

/// Gives the connections back: a browser has few for one server.
function rest() {
    listening?.abort();
    store.closeAnswers();
}

let idle = null;
document.addEventListener("visibilitychange", () => {
    clearTimeout(idle);
    if (parts === null || listening === null) return;
    // A tab that nobody has looked at for a minute.
    if (document.hidden) idle = setTimeout(rest, 60_000);
    else if (listening.signal.aborted) listen();
});

// A page that was left may be kept, with its connections, for a way back to it.
window.addEventListener("pagehide", rest);
window.addEventListener("pageshow", event => {
    if (event.persisted && parts !== null && listening !== null) listen();
});

/// Enters with the token that the address has, or with the cookie of an earlier time.
async function login() {
    const token = takeToken();
    if (token !== null) {
        try {
            await api.login(token);
        } catch (error) {
            if (error.status === 403) {
                showGate(true, () => enter());
                return;
            }
        }
    }
    hideGate();
    await enter();
}

async function start() {
    setRegion(document.getElementById("status"));
    await loadTexts();
    // An address that differs in its fragment alone does not load the page again.
    window.addEventListener("hashchange", () => {
        if (location.hash.startsWith("#token=")) login();
        else if (parts !== null) openAddress();
    });
    await login();
}

start();
