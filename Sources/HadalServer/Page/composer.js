// Where a message is written.

import { element, fill, icon } from "./dom.js";
import { openConversationSettings } from "./conversation-settings.js";
import { openMenu } from "./menu.js";
import { number, text } from "./texts.js";

export class Composer {
    constructor(store, actions) {
        this.store = store;
        this.actions = actions;
        /// What was written and not yet sent, by conversation.
        this.drafts = new Map();
        this.key = null;
        this.input = element("textarea", { id: "write", rows: "1", dir: "auto", "aria-label": text("message"), autocomplete: "off", enterkeyhint: "send" });
        this.input.addEventListener("input", () => this.resize());
        this.input.addEventListener("keydown", event => {
            if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
            event.preventDefault();
            if (!this.store.running) this.send();
        });
        this.submit = element("button", { type: "submit", class: "send" });
        this.options = element("div", { class: "options" });
        this.context = element("span", { class: "context" });
        this.form = element("form", { class: "composer" }, this.input, element("div", { class: "composer-foot" }, this.options, this.context, this.submit));
        this.form.addEventListener("submit", event => {
            event.preventDefault();
            if (this.store.running) actions.stop();
            else this.send();
        });
        this.form.addEventListener("mousedown", event => {
            if (event.target === this.form || event.target === this.options) {
                event.preventDefault();
                this.input.focus();
            }
        });
        fill(document.getElementById("foot"), this.form, element("p", { class: "hint" }, text("composerHint")));
        for (const name of ["conversation", "message", "state", "settings"]) store.addEventListener(name, () => this.draw());
        this.draw();
    }

    draw() {
        const { store } = this;
        const key = store.conversation?.id ?? `new ${store.draft.temporary}`;
        if (key !== this.key) {
            if (this.key !== null) this.drafts.set(this.key, this.input.value);
            // The first message of a conversation was written before there was one.
            this.input.value = this.drafts.get(key) ?? "";
            this.key = key;
            this.resize();
        }
        const locked = store.state.history.locked && !store.temporary;
        this.form.classList.toggle("is-temporary", store.temporary);
        this.input.placeholder = text(store.temporary ? "writeTemporary" : "writeHere");
        this.input.disabled = locked;
        const running = store.running !== null;
        if (this.running !== running) {
            this.running = running;
            fill(this.submit, icon(running ? "stop" : "arrow"));
            this.submit.setAttribute("aria-label", text(running ? "stopAnswer" : "send"));
            this.submit.title = text(running ? "stopAnswer" : "send");
            this.submit.classList.toggle("stop", running);
        }
        this.submit.disabled = locked || this.sending === true;
        const options = JSON.stringify([store.settings, store.model?.can_reason]);
        if (this.drawnOptions !== options) {
            this.drawnOptions = options;
            this.drawOptions();
        }
        this.drawContext();
    }

    drawOptions() {
        const { store } = this;
        const { settings, model } = store;
        const chips = [];
        if (model?.can_reason) {
            const thinking = settings.thinking ?? "automatic";
            const chip = element("button", {
                type: "button", class: thinking === "on" ? "chip on" : "chip", "aria-haspopup": "menu", "aria-expanded": "false",
                onclick: () => openMenu(chip, ["automatic", "on", "off"].map(value => ({
                    label: text(`thinking-${value}`), checked: value === thinking,
                    action: () => store.attempt(() => store.changeSettings({ thinking: value === "automatic" ? null : value })),
                })), text("thinking")),
            }, text("thinkingIs", { value: text(`thinking-${thinking}`) }));
            chips.push(chip);
        }
        const open = section => openConversationSettings(store, section);
        const add = (label, section) => chips.push(element("button", { type: "button", class: "chip on", onclick: () => open(section) }, label));
        if (settings.system) add(text("systemPrompt"), "system");
        if (settings.schema) add(text("schema"), "schema");
        if (settings.tools?.length) add(text("toolCount", { count: number(settings.tools.length) }), "tools");
        const sampling = ["temperature", "top_p", "top_k", "min_p", "max_tokens"].filter(name => settings[name] !== undefined);
        if (sampling.length > 0) add(sampling.length === 1 ? `${text(sampling[0])} ${settings[sampling[0]]}` : text("sampling"), "sampling");
        fill(this.options, ...chips);
    }

    /// How much of the model's context the path takes, by the last answer's figures.
    drawContext() {
        const { store } = this;
        const figures = store.path.findLast(({ message }) => message.figures)?.message.figures;
        const length = store.model?.context_length;
        const used = figures ? (figures.prompt_tokens ?? 0) + (figures.generated_tokens ?? 0) : 0;
        const shown = used > 0 && length ? text("contextUsed", { used: number(used), length: number(length) }) : "";
        if (this.context.textContent === shown) return;
        this.context.textContent = shown;
        this.context.classList.toggle("full", used > 0.9 * length);
    }

    async send() {
        const content = this.input.value;
        if (content.trim() === "" || this.sending || this.input.disabled) return;
        this.sending = true;
        const key = this.key;
        this.input.value = "";
        this.resize();
        this.draw();
        const sent = await this.store.attempt(() => this.actions.send(content));
        this.sending = false;
        this.drafts.delete(key);
        // What the server did not take can be sent again.
        if (sent === undefined && this.input.value === "") this.input.value = content;
        this.resize();
        this.draw();
    }

    resize() {
        this.input.style.blockSize = "auto";
        const height = Math.min(this.input.scrollHeight, Math.round(window.innerHeight * 0.4));
        this.input.style.blockSize = `${height}px`;
        this.input.style.overflowY = this.input.scrollHeight > height ? "auto" : "hidden";
    }

    focus() {
        this.input.focus();
    }
}
