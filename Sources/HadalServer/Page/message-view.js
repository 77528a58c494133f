// One message: what it says, what it was reasoned from, the tools it calls, and what can be done with it.

import { copyButton } from "./copy.js";
import { element, fill, icon, iconButton } from "./dom.js";
import { figuresLine, stageText } from "./figures.js";
import { MarkdownView } from "./markdown.js";
import { ToolCalls } from "./tool-calls.js";
import { number, text } from "./texts.js";

export class MessageView {
    constructor(store, actions) {
        this.store = store;
        this.actions = actions;
        this.body = element("div", { class: "text" });
        this.element = element("article", { class: "message" });
        this.foot = element("div", { class: "message-foot" });
        this.editing = false;
    }

    /// Shows the message at `index` of the path.
    show(path, index) {
        const { message, siblings } = path[index];
        const last = index === path.length - 1;
        // A message that was loaded again is the same one: an edit of it goes on.
        if (this.message?.id !== message.id) this.build(message);
        this.message = message;
        this.element.classList.toggle("last", last);
        this.drawContent();
        this.tools?.show(path, index);
        this.drawFoot(siblings, last);
    }

    build(message) {
        this.message = message;
        this.drawnFoot = null;
        this.element.className = `message ${message.role}`;
        this.element.dataset.id = message.id;
        this.element.setAttribute("aria-label", text(`by-${message.role}`));
        if (message.role === "user") {
            fill(this.element, element("div", { class: "bubble" }, this.body), this.foot);
            return;
        }
        if (message.role === "tool") {
            this.output = element("pre", { tabindex: "0" });
            const name = this.toolName(message.tool_call_id);
            const label = name === null ? text("toolResult") : text("toolResultOf", { name });
            fill(this.element, element("details", { class: "tool-result" },
                element("summary", {}, icon("tool"), label, icon("fold")), this.output));
            return;
        }
        this.markdown = new MarkdownView(this.body);
        this.reasoningText = element("div", { class: "text" });
        this.reasoningMarkdown = new MarkdownView(this.reasoningText);
        this.reasoningLabel = element("span", {});
        this.reasoning = element("details", { class: "reasoning", hidden: true, ontoggle: () => this.drawReasoning() },
            element("summary", {}, this.reasoningLabel, icon("fold")), this.reasoningText);
        this.stage = element("div", { class: "stage", hidden: true });
        this.problem = element("div", { class: "problem", hidden: true });
        this.tools = new ToolCalls(this.store, this.actions);
        fill(this.element, this.reasoning, this.body, this.tools.element, this.stage, this.problem, this.foot);
    }

    /// The name of the tool that a call of the conversation names, or null.
    toolName(id) {
        for (const { message } of this.store.path) {
            const call = message.tool_calls?.find(each => each.id === id);
            if (call) return call.name;
        }
        return null;
    }

    drawContent() {
        const { message } = this;
        if (message.role === "user") {
            if (this.body.textContent !== message.content) this.body.textContent = message.content;
            return;
        }
        if (message.role === "tool") {
            if (this.output.textContent !== message.content) this.output.textContent = message.content;
            return;
        }
        const streaming = message.state === "streaming";
        const live = this.store.answers.get(message.id)?.live ?? null;
        this.element.setAttribute("aria-busy", String(streaming));
        this.markdown.show(message.content ?? "", streaming);
        this.drawReasoning(live);
        const stage = streaming ? stageText(live, message) : null;
        this.stage.hidden = stage === null;
        if (stage !== null && this.stage.dataset.text !== stage) {
            this.stage.dataset.text = stage;
            fill(this.stage, element("span", { class: "pulse" }), stage);
        }
        this.drawProblem();
    }

    drawReasoning(live = this.store.answers.get(this.message.id)?.live ?? null) {
        const { message } = this;
        const content = message.reasoning ?? "";
        this.reasoning.hidden = content === "";
        if (content === "") return;
        const now = message.state === "streaming" && live?.stage === "reasoning";
        const tokens = message.figures?.reasoning_tokens;
        const label = now ? text("reasoningNow") : tokens ? text("reasoningTokens", { tokens: number(tokens) }) : text("reasoning");
        if (this.reasoningLabel.textContent !== label) this.reasoningLabel.textContent = label;
        this.reasoning.classList.toggle("now", now);
        // What is folded is not laid out.
        if (this.reasoning.open) this.reasoningMarkdown.show(content, now);
    }

    drawProblem() {
        const { message } = this;
        const failed = message.state === "failed";
        const limited = message.state !== "streaming" && message.figures?.finish_reason === "length";
        const kind = failed ? "failed" : message.state === "stopped" ? "stopped" : limited ? "limited" : "";
        this.problem.hidden = kind === "";
        const error = typeof message.error === "object" ? message.error?.message : message.error;
        const shown = failed ? error || text("answerFailed") : kind === "stopped" ? text("answerStopped") : limited ? text("answerLimited") : "";
        if (this.problem.dataset.text === shown) return;
        this.problem.dataset.text = shown;
        this.problem.className = `problem ${kind}`;
        fill(this.problem, failed ? icon("warning") : null, element("span", {}, shown),
            failed ? element("button", { type: "button", class: "button", onclick: () => this.actions.regenerate(message.parent) }, text("tryAgain")) : null);
    }

    /// Buttons, branches and figures, made again only where they differ: the focus stays.
    drawFoot(siblings, last) {
        const { message, store } = this;
        const streaming = message.state === "streaming";
        const live = store.answers.get(message.id)?.live ?? null;
        const figures = message.role === "assistant" ? figuresLine(message, live) : "";
        const at = siblings.findIndex(sibling => sibling.id === message.id);
        const key = JSON.stringify([siblings.map(sibling => sibling.id), at, streaming, last, this.editing, message.id]);
        if (this.drawnFoot !== key) {
            this.drawnFoot = key;
            const focused = this.foot.contains(document.activeElement) ? document.activeElement.dataset.action : null;
            this.figures = element("span", { class: "figures" });
            fill(this.foot, ...(this.editing ? [] : this.buttons(siblings, at, streaming, last)), this.figures);
            if (focused) this.foot.querySelector(`[data-action="${focused}"]`)?.focus();
        }
        if (this.figures.textContent !== figures) this.figures.textContent = figures;
    }

    buttons(siblings, at, streaming, last) {
        const { message, actions } = this;
        const made = [];
        if (siblings.length > 1) {
            const turn = step => actions.showBranch(siblings[at + step].id);
            made.push(element("span", { class: "branches", role: "group", "aria-label": text("branches") },
                iconButton("back", text("previousBranch"), () => turn(-1), { disabled: at === 0, "data-action": "previous" }),
                element("span", { class: "branch-number" }, text("branchOf", { at: number(at + 1), count: number(siblings.length) })),
                iconButton("branch", text("nextBranch"), () => turn(1), { disabled: at === siblings.length - 1, "data-action": "next" })));
        }
        if (message.role === "user") {
            const copy = copyButton(() => message.content, text("copyMessage"));
            made.unshift(copy, iconButton("edit", text("edit"), () => this.edit(), { "data-action": "edit" }));
            if (last) made.push(iconButton("retry", text("answerThis"), () => actions.regenerate(message.id), { shown: true, "data-action": "answer" }));
        } else if (!streaming) {
            made.unshift(copyButton(() => message.content, text("copyAnswer")),
                iconButton("retry", text("regenerate"), () => actions.regenerate(message.parent), { "data-action": "regenerate" }));
        }
        return made;
    }

    /// Lets a message of the user be changed and sent again: a branch beside it.
    edit() {
        if (this.editing || this.message.role !== "user") return;
        this.editing = true;
        const input = element("textarea", { rows: "1", dir: "auto", "aria-label": text("editMessage") });
        input.value = this.message.content;
        const resize = () => {
            input.style.blockSize = "auto";
            input.style.blockSize = `${Math.min(input.scrollHeight + 2, window.innerHeight * 0.5)}px`;
        };
        const end = () => {
            this.editing = false;
            form.replaceWith(bubble);
            this.actions.redraw();
            this.foot.querySelector("[data-action=edit]")?.focus();
        };
        const send = () => {
            const content = input.value;
            if (content.trim() === "") return;
            end();
            this.actions.resend(content, this.message.parent);
        };
        input.addEventListener("input", resize);
        input.addEventListener("keydown", event => {
            if (event.isComposing) return;
            if (event.key === "Escape") end();
            else if (event.key === "Enter" && !event.shiftKey) send();
            else return;
            event.preventDefault();
            event.stopPropagation();
        });
        const form = element("div", { class: "edit" }, input, element("div", { class: "edit-foot" },
            element("span", { class: "field-hint" }, text("editHint")),
            element("button", { type: "button", class: "button", onclick: end }, text("cancel")),
            element("button", { type: "button", class: "button solid", onclick: send, "data-action": "resend" }, text("send"))));
        const bubble = this.element.querySelector(".bubble");
        bubble.replaceWith(form);
        this.actions.redraw();
        resize();
        input.focus();
        input.setSelectionRange(input.value.length, input.value.length);
    }
}
