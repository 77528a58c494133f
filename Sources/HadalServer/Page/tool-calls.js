// The tools that an answer calls. The page runs none: the user sees each call and gives its result.

import { element, fill, icon } from "./dom.js";
import { CodeBlock } from "./code-block.js";
import { openCalls } from "./tree.js";
import { text } from "./texts.js";

export class ToolCalls {
    constructor(store, actions) {
        this.store = store;
        this.actions = actions;
        this.element = element("div", { class: "tools", hidden: true });
        this.key = null;
    }

    show(path, index) {
        const { message } = path[index];
        const calls = message.tool_calls ?? [];
        const unanswered = openCalls(path, index);
        // An answer that was stopped or failed may lack calls: none of them can be answered.
        const open = message.state === "complete" ? unanswered : [];
        const key = JSON.stringify([calls, message.state, unanswered.map(call => call.id)]);
        this.element.hidden = calls.length === 0;
        if (this.key === key) return;
        this.key = key;
        this.inputs = new Map();
        fill(this.element, ...calls.map(call => this.card(call, open.includes(call), !unanswered.includes(call))), open.length > 0 ? this.sendButton(message, path, index, open) : null);
    }

    card(call, open, answered) {
        const code = new CodeBlock();
        code.show({ language: text("arguments"), text: pretty(call.arguments) });
        const card = element("div", { class: "call", role: "group", "aria-label": text("toolCall", { name: call.name }) },
            element("div", { class: "call-head" }, icon("tool"), element("span", {}, text("toolCall", { name: call.name })),
                open || answered ? element("span", { class: open ? "chip on" : "chip" }, text(open ? "toolWaits" : "toolAnswered")) : null),
            code.element);
        if (open) {
            const input = element("textarea", { rows: "2", "aria-label": text("toolResultOf", { name: call.name }), placeholder: text("toolResultHere") });
            input.addEventListener("keydown", event => {
                if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
                event.preventDefault();
                this.element.querySelector("[data-action=results]").click();
            });
            this.inputs.set(call.id, input);
            card.append(input);
        }
        return card;
    }

    sendButton(message, path, index, open) {
        // Results that were given already stand below the call, one below the other.
        let parent = message.id;
        for (const { message: next } of path.slice(index + 1)) {
            if (next.role !== "tool") break;
            parent = next.id;
        }
        const button = element("button", { type: "button", class: "button solid", "data-action": "results" }, text("sendResults"));
        button.addEventListener("click", async () => {
            button.disabled = true;
            const results = open.map(call => ({ id: call.id, content: this.inputs.get(call.id).value }));
            await this.actions.sendResults(results, parent);
            button.disabled = false;
        });
        return button;
    }
}

function pretty(value) {
    if (typeof value !== "string") return JSON.stringify(value, null, 2) ?? "";
    try {
        return JSON.stringify(JSON.parse(value), null, 2);
    } catch {
        return value;
    }
}
