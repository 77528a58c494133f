// Files that leave the page, and files that come into it.

import { element } from "./dom.js";

/// Has the browser store a file.
export function save(blob, name) {
    const address = URL.createObjectURL(blob);
    const link = element("a", { href: address, download: name.replace(/[\\/:*?"<>|\u0000-\u001f]+/g, " ").trim().slice(0, 120) });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/// The name and the text of a file that the user chooses, or null.
export function chooseFile(accept) {
    return new Promise(resolve => {
        const input = element("input", { type: "file", accept, class: "visually-hidden", "data-action": "import-file" });
        input.addEventListener("cancel", () => {
            input.remove();
            resolve(null);
        });
        input.addEventListener("change", async () => {
            const [file] = input.files;
            input.remove();
            resolve(file ? { name: file.name, content: await file.text() } : null);
        });
        document.body.append(input);
        input.click();
    });
}

/// What the server takes for an import: an export of all conversations, or of one.
export function importable(content) {
    const value = JSON.parse(content);
    if (value !== null && typeof value === "object" && Array.isArray(value.messages)) return { hadal: "conversations/1", conversations: [value] };
    return value;
}
