// Dialogs: the browser keeps the focus in them and gives it back.

import { element, fill, iconButton } from "./dom.js";
import { text } from "./texts.js";

let count = 0;

/// A dialog with a title. It is removed when it is closed.
export function dialog(title, content, { actions = [], wide = false, closed = () => {} } = {}) {
    const id = `dialog-${++count}`;
    const made = element("dialog", { class: wide ? "dialog wide" : "dialog", "aria-labelledby": id },
        element("div", { class: "dialog-head" },
            element("h2", { id }, title),
            iconButton("close", text("close"), () => made.close())),
        element("div", { class: "dialog-body" }, ...content),
        actions.length > 0 ? element("div", { class: "dialog-foot" }, ...actions) : null);
    made.addEventListener("close", () => {
        made.remove();
        closed(made.returnValue);
    });
    // A click beside the dialog, on what it darkens, closes it.
    made.addEventListener("mousedown", event => {
        if (event.target !== made) return;
        const box = made.getBoundingClientRect();
        const inside = event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
        if (!inside) made.close();
    });
    document.body.append(made);
    made.showModal();
    return made;
}

export function button(label, action, kind = "") {
    return element("button", { type: "button", class: `button ${kind}`, onclick: action }, label);
}

/// Whether the question was answered with the action's name.
export function confirmed(title, message, action) {
    return new Promise(resolve => {
        let answer = false;
        const made = dialog(title, [element("p", {}, message)], {
            actions: [
                button(text("cancel"), () => made.close()),
                button(action, () => {
                    answer = true;
                    made.close();
                }, "danger solid"),
            ],
            closed: () => resolve(answer),
        });
        made.querySelector(".dialog-foot .button").focus();
    });
}

/// A line of text, or null where the dialog was closed.
export function askText(title, label, value, action) {
    return new Promise(resolve => {
        let answer = null;
        const input = element("input", { type: "text", value, maxlength: "200", "aria-label": label });
        const done = () => {
            answer = input.value.trim();
            made.close();
        };
        input.addEventListener("keydown", event => {
            if (event.key === "Enter" && !event.isComposing) done();
        });
        const made = dialog(title, [input], {
            actions: [button(text("cancel"), () => made.close()), button(action, done, "solid")],
            closed: () => resolve(answer === "" ? null : answer),
        });
        input.focus();
        input.select();
    });
}

/// A field with its label, a hint below, and a place for what is wrong with it.
export function field(label, input, hint = null) {
    const id = `field-${++count}`;
    input.id = id;
    const problem = element("span", { class: "field-problem", id: `${id}-problem`, role: "alert" });
    const help = hint ? element("span", { class: "field-hint", id: `${id}-hint` }, hint) : null;
    input.setAttribute("aria-describedby", `${id}-problem${hint ? ` ${id}-hint` : ""}`);
    const made = element("div", { class: "field" }, element("label", { for: id }, label), input, help, problem);
    return {
        element: made, input,
        setProblem(message) {
            fill(problem, message ?? "");
            input.setAttribute("aria-invalid", message ? "true" : "false");
        },
    };
}

/// What went wrong, at the edge of the page for a while.
export function notice(message) {
    const region = document.getElementById("notices");
    const made = element("div", { class: "notice" }, element("span", {}, message), iconButton("close", text("close"), () => made.remove()));
    region.append(made);
    while (region.children.length > 3) region.firstChild.remove();
    setTimeout(() => made.remove(), 9000);
}
