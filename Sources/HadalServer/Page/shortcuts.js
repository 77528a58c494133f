// Keys for what is done often, and the dialog that lists them.

import { dialog } from "./dialogs.js";
import { element } from "./dom.js";
import { text } from "./texts.js";

const keys = [
    ["write", ["/"]], ["send", ["Enter"]], ["newLine", ["Shift", "Enter"]], ["stopAnswer", ["Esc"]],
    ["newConversation", ["Alt", "N"]], ["newTemporary", ["Alt", "T"]], ["searchConversations", ["Ctrl", "K"]], ["conversations", ["Alt", "S"]],
    ["editLast", ["Alt", "E"]], ["regenerate", ["Alt", "R"]], ["copyLast", ["Alt", "C"]], ["conversationSettings", ["Alt", "O"]],
    ["shortcuts", ["?"]],
];

export function openShortcuts() {
    const rows = keys.map(([name, parts]) => element("div", { class: "shortcut" },
        element("dt", {}, text(name)), element("dd", {}, ...parts.map(part => element("kbd", {}, part)))));
    dialog(text("shortcuts"), [element("dl", { class: "shortcuts" }, ...rows)]);
}

/// - Parameter actions: what the keys do, by the names above.
export function installShortcuts(actions) {
    document.addEventListener("keydown", event => {
        if (event.isComposing || event.defaultPrevented) return;
        // A dialog or a menu has its own keys.
        if (document.querySelector("dialog[open], [popover]:popover-open")) return;
        const name = actionOf(event);
        if (name === null || !actions[name]) return;
        if (actions[name]() !== false) event.preventDefault();
    });
}

function actionOf(event) {
    const writing = event.target.closest?.("input, textarea, select") !== null;
    // In a search Escape empties the field.
    if (event.key === "Escape") return event.target.type === "search" ? null : "stopAnswer";
    if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k") return "searchConversations";
    if (event.altKey && !event.ctrlKey && !event.metaKey) {
        return {
            KeyN: "newConversation", KeyT: "newTemporary", KeyS: "conversations", KeyE: "editLast", KeyR: "regenerate", KeyC: "copyLast",
            KeyO: "conversationSettings",
        }[event.code] ?? null;
    }
    if (writing || event.ctrlKey || event.metaKey) return null;
    if (event.key === "?") return "shortcuts";
    if (event.key === "/") return "write";
    return null;
}
