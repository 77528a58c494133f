// A block of code: its language, a button that copies it, and the text.

import { element } from "./dom.js";
import { copyButton } from "./copy.js";
import { grow } from "./patch.js";
import { text } from "./texts.js";

export class CodeBlock {
    constructor() {
        this.label = element("span", { class: "language" });
        this.content = document.createTextNode("");
        const pre = element("pre", { tabindex: "0" }, element("code", {}, this.content));
        const copy = copyButton(() => this.content.data, text("copyCode"));
        this.element = element("div", { class: "code" }, element("div", { class: "code-head" }, this.label, copy), pre);
    }

    show({ language, text: content }) {
        if (this.label.textContent !== language) this.label.textContent = language;
        grow(this.content, content);
    }
}
