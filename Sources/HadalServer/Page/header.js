// The top of the page: the conversation's title, the model and its state.

import { element, fill, icon, iconButton } from "./dom.js";
import { openMenu } from "./menu.js";
import { preferences } from "./preferences.js";
import { conversationActions } from "./sidebar.js";
import { openConversationSettings } from "./conversation-settings.js";
import { number, text } from "./texts.js";

export class Header {
    constructor(store, actions) {
        this.store = store;
        this.actions = actions;
        this.side = iconButton("menu", text("showConversations"), () => actions.toggleSide(), { "aria-controls": "side", "data-action": "side" });
        this.title = element("h1", {});
        this.model = element("button", { type: "button", class: "model", "aria-haspopup": "menu", "aria-expanded": "false", onclick: () => this.chooseModel() });
        this.speed = element("span", { class: "model-detail speed" });
        this.chip = element("span", { class: "chip temporary" }, icon("temporary"), element("span", {}, text("temporary")));
        this.chip.title = text("temporaryHint");
        this.temporary = iconButton("temporary", text("newTemporary"), () => actions.begin(true), { "data-action": "temporary" });
        this.settings = iconButton("adjust", text("conversationSettings"), () => openConversationSettings(store), { "data-action": "conversation-settings" });
        this.more = iconButton("more", text("more"), () => this.menu(), { "aria-haspopup": "menu", "aria-expanded": "false", "data-action": "more" });
        this.progress = element("div", { class: "progress", role: "progressbar", hidden: true, "aria-valuemin": "0", "aria-valuemax": "100" }, element("div"));
        fill(document.getElementById("head"), this.side,
            element("div", { class: "head-middle" }, this.model, this.title), this.chip, this.temporary, this.settings, this.more, this.progress);
        for (const name of ["state", "conversation", "settings"]) store.addEventListener(name, () => this.draw());
        store.addEventListener("message", () => this.drawSpeed());
        this.draw();
    }

    draw() {
        const { store } = this;
        const { conversation, model } = store;
        const title = conversation ? conversation.title || text("untitled") : "";
        document.getElementById("head").classList.toggle("has-conversation", conversation !== null);
        fill(this.title, title);
        document.title = title === "" ? "Hadal" : `${title} – Hadal`;
        this.chip.hidden = !store.temporary;
        this.temporary.hidden = store.temporary && conversation === null;
        this.more.hidden = conversation === null;
        const state = !store.connected ? "lost" : model?.state ?? "none";
        const loading = model?.state === "loading";
        const detail = !store.connected ? text("connectionLost")
            : model === null ? ""
            : loading ? (model.fraction === null ? text("loadingModel") : text("loadingFraction", { percent: number(model.fraction * 100) }))
            : model.state === "failed" ? text("modelFailed") : model.backend ?? "";
        const shown = JSON.stringify([state, model?.name, detail]);
        if (this.drawn !== shown) {
            this.drawn = shown;
            fill(this.model,
                element("span", { class: `dot ${state}` }),
                element("span", { class: "model-name" }, model?.name ?? text("noModel")),
                element("span", { class: "model-detail" }, detail),
                this.speed,
                icon("fold"));
        }
        this.drawSpeed();
        this.model.title = model ? this.describe(model) : "";
        this.progress.hidden = !loading;
        this.progress.setAttribute("aria-label", text("loadingModel"));
        this.progress.classList.toggle("unknown", loading && model.fraction === null);
        if (loading && model.fraction !== null) {
            this.progress.setAttribute("aria-valuenow", String(Math.round(model.fraction * 100)));
            this.progress.firstChild.style.inlineSize = `${model.fraction * 100}%`;
        }
    }

    /// Tokens a second stand beside the backend while an answer is made.
    drawSpeed() {
        const { running, answers } = this.store;
        const speed = running ? answers.get(running.id)?.live.figures?.tokens_per_second : null;
        const shown = speed ? text("tokensPerSecond", { speed: number(speed, 1) }) : "";
        if (this.speed.textContent !== shown) this.speed.textContent = shown;
    }

    describe(model) {
        const parts = [model.name, text(`model-${model.state}`)];
        if (model.backend) parts.push(model.backend);
        if (model.context_length) parts.push(text("contextOf", { tokens: number(model.context_length) }));
        if (model.has_chat_template === false) parts.push(text("noTemplate"));
        if (model.error) parts.push(model.error);
        return parts.join("\n");
    }

    chooseModel() {
        const { store } = this;
        const { models } = store.state;
        if (models.length === 0) return;
        openMenu(this.model, models.map(model => ({
            label: model.name,
            detail: [text(`model-${model.state}`), model.backend, model.context_length ? text("contextOf", { tokens: number(model.context_length) }) : null,
                model.has_chat_template === false ? text("noTemplate") : null, model.error].filter(part => part).join(" · "),
            checked: model === store.model,
            action: () => {
                preferences.model = model.name;
                store.attempt(() => store.changeSettings({ model: model.name }));
            },
        })), text("model"));
    }

    menu() {
        const { conversation } = this.store;
        if (conversation) openMenu(this.more, conversationActions(this.store, conversation), text("more"));
    }
}

