// What page_test.py evaluates in a tab of the page: the page's own modules on texts of markdown_cases.json. No part of the page.
(async cases => {
    const { render, MarkdownView } = await import("/hadal/page/markdown.js");
    const { formula } = await import("/hadal/page/tex.js");
    const { patch } = await import("/hadal/page/patch.js");
    const shown = ["href", "class", "start", "checked", "display"];
    const read = node => {
        if (node.nodeType === Node.TEXT_NODE) return node.data;
        if (node.classList.contains("code")) return `<pre ${node.querySelector(".language").textContent}>${node.querySelector("code").textContent}</pre>`;
        const attributes = shown.filter(name => node.hasAttribute(name)).map(name => ` ${name}=${node.getAttribute(name)}`).join("");
        return `<${node.localName}${attributes}>${[...node.childNodes].map(read).join("")}</${node.localName}>`;
    };
    const inside = fill => {
        const box = document.createElement("div");
        fill(box);
        return [...box.childNodes].map(read).join("");
    };
    const results = cases.map(({ kind, source }) => {
        switch (kind) {
        case "markdown": return inside(box => patch(box, render(source)));
        case "open": return inside(box => new MarkdownView(box).show(source, true));
        case "tex": {
            const made = formula(source, true);
            return made === null ? "source" : inside(box => patch(box, [made]));
        }
        default: return `no kind ${kind}`;
        }
    });
    return results;
})
