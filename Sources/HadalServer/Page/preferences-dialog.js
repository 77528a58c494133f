// Settings of the page and of the stored history: looks, language, passphrase, export, import, delete all, what the server is.

import { api } from "./api.js";
import { announce } from "./announce.js";
import { button, confirmed, dialog, field, notice } from "./dialogs.js";
import { element, icon } from "./dom.js";
import { chooseFile, importable, save } from "./files.js";
import { preferences } from "./preferences.js";
import { number, text } from "./texts.js";

export function openPreferences(store) {
    const made = dialog(text("settings"), [
        section("appearance", appearance()),
        store.state.history.available ? section("history", history(store, () => made.close())) : null,
        section("data", data(store, () => made.close())),
        section("about", about(store)),
    ].filter(part => part !== null));
}

const section = (name, content) => element("section", { class: "part" }, element("h3", {}, text(name)), ...content);

function appearance() {
    const name = "theme";
    const choices = ["system", "light", "dark"].map(value => {
        const input = element("input", { type: "radio", name, value, checked: value === preferences.theme, onchange: () => { preferences.theme = value; } });
        return element("label", { class: "segment" }, input, element("span", {}, text(`theme-${value}`)));
    });
    const language = element("select", {
        onchange: () => {
            preferences.language = language.value === "" ? null : language.value;
            location.reload();
        },
    },
    ...[["", text("theme-system")], ["en", "English"], ["zh", "中文"]].map(([value, label]) => element("option", { value, selected: value === (preferences.language ?? "") }, label)));
    return [
        element("div", { class: "segments", role: "radiogroup", "aria-label": text("theme") }, ...choices),
        field(text("language"), language).element,
    ];
}

function history(store, close) {
    const { history: state } = store.state;
    if (state.locked) return [element("p", {}, text("historyLockedMessage"))];
    const secret = (label, kind) => field(label, element("input", { type: "password", autocomplete: kind }));
    const current = secret(text("currentPassphrase"), "current-password");
    const next = secret(text(state.passphrase ? "newPassphrase" : "passphrase"), "new-password");
    const again = secret(text("repeatPassphrase"), "new-password");
    const put = async value => {
        current.setProblem(null);
        next.setProblem(null);
        again.setProblem(null);
        if (value !== null && value === "") return next.setProblem(text("passphraseEmpty"));
        if (value !== null && value !== again.input.value) return again.setProblem(text("passphrasesDiffer"));
        try {
            await api.setPassphrase(state.passphrase ? current.input.value : null, value);
            await store.loadState();
            close();
            announce(text(value === null ? "passphraseRemoved" : "passphraseSet"));
        } catch (error) {
            current.setProblem(error.code === "wrong_passphrase" ? text("wrongPassphrase") : null);
            if (error.code !== "wrong_passphrase") next.setProblem(error.message);
        }
        return undefined;
    };
    const form = element("form", { class: "passphrase" }, ...(state.passphrase ? [current.element] : []), next.element, again.element,
        element("div", { class: "row" },
            element("button", { type: "submit", class: "button solid" }, text(state.passphrase ? "changePassphrase" : "setPassphrase")),
            ...(state.passphrase ? [
                button(text("removePassphrase"), () => put(null)),
                button(text("lockNow"), () => {
                    close();
                    store.attempt(async () => {
                        await api.lock();
                        await store.loadState();
                        if (store.conversation && !store.conversation.temporary) store.begin();
                        await store.loadList();
                    });
                }),
            ] : [])));
    form.addEventListener("submit", event => {
        event.preventDefault();
        put(next.input.value);
    });
    return [element("p", { class: "field-hint" }, text(state.passphrase ? "passphraseIsSet" : "passphraseHint")), form];
}

function data(store, close) {
    const read = async () => {
        const file = await chooseFile(".json,.md,.markdown,application/json,text/markdown");
        if (file === null) return;
        let send = () => api.importMarkdown(file.content);
        if (!/\.(md|markdown)$/i.test(file.name)) {
            try {
                const value = importable(file.content);
                send = () => api.import(value);
            } catch {
                notice(text("importNotJSON"));
                return;
            }
        }
        await store.attempt(async () => {
            const { imported } = await send();
            notice(text("imported", { count: number(imported) }));
            await store.loadList();
        });
    };
    const removeAll = async () => {
        close();
        if (!(await confirmed(text("deleteAll"), text("deleteAllMessage"), text("deleteAll")))) return;
        await store.attempt(async () => {
            await api.deleteAll();
            store.begin();
            await store.loadList();
        });
    };
    return [
        element("p", { class: "field-hint" }, text("dataHint")),
        element("div", { class: "row" },
            button(text("exportAll"), () => store.attempt(async () => save(await api.exportAll(), "hadal.json"))),
            element("button", { type: "button", class: "button", onclick: read, "data-action": "import" }, text("import")),
            button(text("deleteAll"), removeAll, "danger")),
    ];
}

function about(store) {
    const { version, offline } = store.state;
    const parts = [element("p", {}, text("versionIs", { version }))];
    if (offline) {
        parts.push(element("p", { class: offline.sealed ? "sealed good" : "sealed" }, icon(offline.sealed ? "lock" : "warning"),
            element("span", {}, text(offline.sealed ? "sealedHint" : "notSealedHint"))));
        if (offline.checks?.length) {
            parts.push(element("dl", { class: "checks" }, ...offline.checks.flatMap(check => [
                element("dt", {}, String(check.name)), element("dd", {}, String(check.result)),
            ])));
        }
    }
    return parts;
}
