// A Markdown text as nodes of the page, and a view of one that grows.

import { Context, parseBlocks } from "./markdown-blocks.js";
import { parseInline } from "./markdown-inline.js";
import { formula } from "./tex.js";
import { patch } from "./patch.js";

const headings = ["h3", "h4", "h5", "h6", "h6", "h6"];

/// The nodes of a finished text, as `patch` takes them.
export function render(text) {
    const context = new Context();
    return parseBlocks(text, context).map(block => blockNode(block, context, false)).filter(node => node !== null);
}

/// Shows a text in an element. A text that grows is parsed from its last two blocks on: those before have ended.
export class MarkdownView {
    constructor(container) {
        this.container = container;
        this.nodes = [];
        this.text = "";
        this.settled = 0;
        this.settledNodes = 0;
        this.streaming = false;
    }

    /// Shows `text`. With `streaming`, its last marks are taken to go on; without, the text is parsed as a whole.
    show(text, streaming = false) {
        if (text === this.text && streaming === this.streaming) return;
        if (!streaming || !this.streaming || !text.startsWith(this.text)) {
            this.settled = 0;
            this.settledNodes = 0;
            this.nodes = [];
            this.context = new Context(streaming);
        }
        this.text = text;
        this.streaming = streaming;
        const blocks = parseBlocks(text.slice(this.settled), this.context);
        const before = this.nodes.slice(0, this.settledNodes);
        const made = blocks.map((block, index) => blockNode(block, this.context, streaming && index === blocks.length - 1));
        this.nodes = before.concat(made.filter(node => node !== null));
        patch(this.container, this.nodes, this.settledNodes);
        if (streaming && blocks.length > 2) {
            const ended = blocks.length - 2;
            this.settledNodes += made.slice(0, ended).filter(node => node !== null).length;
            this.settled += blocks[ended].offset;
        }
    }
}

/// - Parameter open: whether the block is being written.
function blockNode(block, context, open) {
    const inline = text => inlineNodes(parseInline(text, context, open));
    switch (block.type) {
    case "heading": return { tag: headings[block.level - 1], attributes: { class: `level-${block.level}` }, children: inline(block.text) };
    case "paragraph": return { tag: "p", children: inline(block.text) };
    case "rule": return { tag: "hr" };
    case "code": return { widget: "code", language: block.language, text: block.text };
    case "quote": return { tag: "blockquote", children: blockNodes(block.children, context, open) };
    case "formula": return { tag: "div", attributes: { class: "formula" }, children: [formulaNode(block.source, true, block.pending)] };
    case "list": return listNode(block, context, open);
    case "table": return tableNode(block, context, open);
    default: return null;
    }
}

function blockNodes(blocks, context, open) {
    return blocks.map((block, index) => blockNode(block, context, open && index === blocks.length - 1)).filter(node => node !== null);
}

function listNode(list, context, open) {
    const items = list.items.map((item, index) => {
        const last = open && index === list.items.length - 1;
        let children = blockNodes(item.children, context, last);
        if (list.tight) children = children.flatMap(child => (child.tag === "p" ? child.children : [child]));
        if (item.task === null) return { tag: "li", children };
        const attributes = { type: "checkbox", disabled: "" };
        if (item.task) attributes.checked = "";
        return { tag: "li", attributes: { class: "task" }, children: [{ tag: "input", attributes }, " ", ...children] };
    });
    const attributes = list.ordered && list.start !== 1 ? { start: String(list.start) } : {};
    return { tag: list.ordered ? "ol" : "ul", attributes, children: items };
}

function tableNode(table, context, open) {
    const row = (cells, tag, last) => ({
        tag: "tr",
        children: cells.map((cell, index) => {
            const attributes = table.align[index] ? { class: `align-${table.align[index]}` } : {};
            if (tag === "th") attributes.scope = "col";
            return { tag, attributes, children: inlineNodes(parseInline(cell, context, last && index === cells.length - 1)) };
        }),
    });
    const body = table.rows.map((cells, index) => row(cells, "td", open && index === table.rows.length - 1));
    const head = { tag: "thead", children: [row(table.head, "th", open && table.rows.length === 0)] };
    const parts = body.length > 0 ? [head, { tag: "tbody", children: body }] : [head];
    return { tag: "div", attributes: { class: "table", tabindex: "0" }, children: [{ tag: "table", children: parts }] };
}

const tags = { emphasis: "em", strong: "strong", strike: "s" };

function inlineNodes(nodes) {
    return nodes.map(node => {
        if (typeof node === "string") return node;
        switch (node.type) {
        case "break": return { tag: "br" };
        case "code": return { tag: "code", children: [node.text] };
        case "formula": return formulaNode(node.source, node.display, node.pending);
        case "link": return linkNode(node);
        default: return { tag: tags[node.type], children: inlineNodes(node.children) };
        }
    });
}

/// An image is a link too: the page fetches nothing that a text names.
function linkNode(link) {
    const children = inlineNodes(link.children);
    return {
        tag: "a",
        attributes: {
            href: link.href, target: "_blank", rel: "noopener noreferrer nofollow", referrerpolicy: "no-referrer", title: link.href,
            ...(link.image ? { class: "image" } : {}),
        },
        children: children.length > 0 ? children : [link.href],
    };
}

/// A formula, or its source where it says what the page does not know.
function formulaNode(source, display, pending) {
    const node = pending ? null : formula(source, display);
    return node ?? { tag: "code", attributes: { class: pending ? "tex pending" : "tex" }, children: [source] };
}
