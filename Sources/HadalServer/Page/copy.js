// Buttons that copy a text.

import { icon, iconButton } from "./dom.js";
import { text } from "./texts.js";
import { announce } from "./announce.js";

/// - Parameter source: gives the text at the time of the click.
export function copyButton(source, label) {
    let timer = null;
    const button = iconButton("copy", label, async () => {
        const done = await copyText(source());
        button.replaceChildren(icon(done ? "check" : "warning"));
        announce(text(done ? "copied" : "copyFailed"));
        clearTimeout(timer);
        timer = setTimeout(() => button.replaceChildren(icon("copy")), 1600);
    });
    return button;
}

/// The clipboard is for secure pages alone (https, or this machine); elsewhere a selected field is copied.
export async function copyText(content) {
    try {
        await navigator.clipboard.writeText(content);
        return true;
    } catch {
        const field = document.createElement("textarea");
        field.value = content;
        field.className = "visually-hidden";
        document.body.append(field);
        field.select();
        const done = document.execCommand("copy");
        field.remove();
        return done;
    }
}
