// Makes an element's children what a list of nodes says, and leaves alone what is so already: a selection in a text that grows stays,
// and so does the place to which a table was scrolled.
//
// A node is a string, or `{ tag, attributes, children, math }`, or `{ widget: "code", language, text }`. Tags and attributes are those
// that this page's own modules write; what a text says becomes text nodes alone.

import { CodeBlock } from "./code-block.js";

const mathNamespace = "http://www.w3.org/1998/Math/MathML";
const widgets = new WeakMap();
const made = new WeakMap();

/// Patches the children of `parent` from the one with the index `first` on.
export function patch(parent, nodes, first = 0) {
    let child = first === 0 ? parent.firstChild : parent.childNodes[first];
    for (let index = first; index < nodes.length; index++) {
        const next = child ? child.nextSibling : null;
        if (!child) parent.append(create(nodes[index]));
        else if (!update(child, nodes[index])) child.replaceWith(create(nodes[index]));
        child = next;
    }
    while (child) {
        const next = child.nextSibling;
        child.remove();
        child = next;
    }
}

/// Whether the existing child could be made into what the node says.
function update(child, node) {
    if (typeof node === "string") {
        if (child.nodeType !== Node.TEXT_NODE) return false;
        grow(child, node);
        return true;
    }
    const before = made.get(child);
    if (node.widget) {
        if (before?.widget !== node.widget) return false;
        widgets.get(child).show(node);
        return true;
    }
    if (before === undefined || before.widget || before.tag !== node.tag || before.math !== node.math) return false;
    // A formula is made whole: its parts mean little one by one.
    if (node.tag === "math" && before.source !== node.source) return false;
    if (node.tag === "math") return true;
    setAttributes(child, node.attributes ?? {}, before.attributes ?? {});
    patch(child, node.children ?? []);
    made.set(child, node);
    return true;
}

/// Appending keeps a selection in a text where it is.
export function grow(textNode, text) {
    if (textNode.data === text) return;
    if (text.startsWith(textNode.data)) textNode.appendData(text.slice(textNode.data.length));
    else textNode.data = text;
}

function create(node) {
    if (typeof node === "string") return document.createTextNode(node);
    if (node.widget) {
        const block = new CodeBlock();
        block.show(node);
        widgets.set(block.element, block);
        made.set(block.element, node);
        return block.element;
    }
    const element = node.math ? document.createElementNS(mathNamespace, node.tag) : document.createElement(node.tag);
    setAttributes(element, node.attributes ?? {}, {});
    for (const child of node.children ?? []) element.append(create(child));
    made.set(element, node);
    return element;
}

function setAttributes(element, attributes, before) {
    for (const name of Object.keys(before)) if (!(name in attributes)) element.removeAttribute(name);
    for (const [name, value] of Object.entries(attributes)) if (before[name] !== value) element.setAttribute(name, value);
}
