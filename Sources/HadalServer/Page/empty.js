// What is shown where a conversation has no messages yet, and where the history is locked.

import { api } from "./api.js";
import { element, icon, logo } from "./dom.js";
import { text } from "./texts.js";

export function emptyView(store, actions) {
    const temporary = store.temporary;
    const noModel = store.state.models.length === 0;
    const ideas = temporary || noModel ? [] : ["idea1", "idea2", "idea3", "idea4"];
    return element("div", { class: "welcome" },
        element("div", { class: temporary ? "welcome-mark temporary" : "welcome-mark" },
            temporary ? icon("temporary") : logo(52)),
        element("h2", {}, text(noModel ? "noModelTitle" : temporary ? "temporaryTitle" : "welcomeTitle")),
        element("p", {}, text(noModel ? "noModelMessage" : temporary ? "temporaryMessage" : "welcomeMessage")),
        store.state.history.problem ? element("p", { class: "problem failed" }, icon("warning"), element("span", {}, store.state.history.problem)) : null,
        ideas.length > 0 ? element("div", { class: "ideas" }, ...ideas.map(name => element("button", {
            type: "button", class: "idea", onclick: () => actions.write(text(`${name}Text`)),
        }, element("strong", {}, text(name)), element("span", {}, text(`${name}Text`))))) : null);
}

export function lockedView(store, actions) {
    const input = element("input", { type: "password", autocomplete: "current-password", "aria-label": text("passphrase"), placeholder: text("passphrase") });
    const problem = element("p", { class: "field-problem", role: "alert" });
    const form = element("form", { class: "unlock" }, input, element("button", { type: "submit", class: "button solid" }, text("unlock")));
    form.addEventListener("submit", async event => {
        event.preventDefault();
        problem.textContent = "";
        try {
            await api.unlock(input.value);
            input.value = "";
            await actions.unlocked();
        } catch (error) {
            problem.textContent = error.code === "wrong_passphrase" ? text("wrongPassphrase") : error.message;
            input.select();
        }
    });
    return element("div", { class: "welcome" },
        element("div", { class: "welcome-mark" }, icon("lock")),
        element("h2", {}, text("historyLocked")),
        element("p", {}, text("historyLockedMessage")),
        form, problem,
        element("button", { type: "button", class: "button quiet", onclick: () => actions.begin(true) }, text("newTemporary")));
}
