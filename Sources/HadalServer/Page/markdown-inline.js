// What stands in a line of Markdown: emphasis, code, links, formulas, line ends. Anything else is text, HTML included.
//
// The text is read once into a flat list of tokens; emphasis (markdown-emphasis.js) marks tokens as opening or
// closing. The tree is made at the end with a bounded depth. What is searched for ahead (the end of a code span or a formula) is searched for
// once for the whole text, so that time is linear.

import { safeAddress } from "./links.js";
import { Runs } from "./markdown-emphasis.js";

const deepest = 24;
const special = /[\\`*_~[\]!<&$\nh]/g;
const entities = new Map([
    ["amp", "&"], ["lt", "<"], ["gt", ">"], ["quot", "\""], ["apos", "'"], ["nbsp", "\u00a0"], ["copy", "©"], ["reg", "®"],
    ["trade", "™"], ["hellip", "…"], ["mdash", "—"], ["ndash", "–"], ["larr", "←"], ["rarr", "→"], ["harr", "↔"], ["times", "×"],
    ["divide", "÷"], ["deg", "°"], ["plusmn", "±"], ["le", "≤"], ["ge", "≥"], ["ne", "≠"], ["middot", "·"], ["bull", "•"],
    ["laquo", "«"], ["raquo", "»"], ["euro", "€"], ["pound", "£"], ["sect", "§"], ["para", "¶"],
]);

/// The nodes of a text: strings, and objects with `type` and, for most, `children`.
///
/// - Parameter open: whether the text is still being written: marks without an end are then taken to end with the text.
export function parseInline(text, context, open = false) {
    const parser = new InlineParser(text, context, open);
    parser.read();
    return treeOf(parser.tokens);
}

/// The tree that a list of tokens says, with a bounded depth: what lies deeper stands in the node above it.
function treeOf(tokens) {
    const root = { type: "root", children: [] };
    const stack = [root];
    // Types of opened nodes, with null for those that lie too deep or in a link.
    const open = [];
    let links = 0;
    const text = value => {
        const { children } = stack[stack.length - 1];
        if (value === "") return;
        if (typeof children[children.length - 1] === "string") children[children.length - 1] += value;
        else children.push(value);
    };
    const start = node => {
        const skipped = stack.length > deepest || (node.type === "link" && (node.href === null || links > 0));
        open.push(skipped ? null : node.type);
        if (skipped) return;
        if (node.type === "link") links++;
        const made = { ...node, children: [] };
        stack[stack.length - 1].children.push(made);
        stack.push(made);
    };
    const end = () => {
        const type = open.pop();
        if (!type) return;
        stack.pop();
        if (type === "link") links--;
    };
    for (const token of tokens) {
        if (typeof token === "string") text(token);
        else if (token.type === "bracket") text(token.text);
        else if (token.type === "line") text("\n");
        else if (token.type === "start") start(token.node);
        else if (token.type === "end") end();
        else if (token.type === "run") {
            token.ends.forEach(end);
            text(token.character.repeat(token.count));
            for (let index = token.starts.length - 1; index >= 0; index--) start(token.starts[index]);
        } else stack[stack.length - 1].children.push(token);
    }
    return root.children;
}

class InlineParser {
    constructor(text, context, open) {
        this.text = text;
        this.context = context;
        this.open = open;
        this.at = 0;
        this.tokens = [];
        this.runs = new Runs();
        this.brackets = [];
        /// Brackets below this index cannot become links: a link has none inside.
        this.inactiveBelow = 0;
        this.missing = new Set();
    }

    push(token) {
        const last = this.tokens[this.tokens.length - 1];
        if (typeof token === "string" && typeof last === "string") this.tokens[this.tokens.length - 1] = last + token;
        else this.tokens.push(token);
    }

    read() {
        const { text } = this;
        while (this.at < text.length) {
            special.lastIndex = this.at;
            const next = special.exec(text)?.index ?? text.length;
            if (next > this.at) this.push(text.slice(this.at, next));
            this.at = next;
            if (next < text.length && !this.special(text[next])) {
                this.push(text[next]);
                this.at = next + 1;
            }
        }
        if (this.open) this.runs.dropHalfMark(this.tokens[this.tokens.length - 1]);
        const unpaired = this.runs.pair(null);
        if (this.open) for (const node of this.runs.close(unpaired)) this.tokens.push({ type: "end", node });
    }

    /// Reads what begins with a special character; false where it is text.
    special(character) {
        switch (character) {
        case "\\": return this.escape();
        case "`": return this.code();
        case "*": case "_": case "~": return this.run(character);
        case "[": return this.bracket(false);
        case "!": return this.text[this.at + 1] === "[" && this.bracket(true);
        case "]": return this.closeBracket();
        case "<": return this.angle();
        case "&": return this.entity();
        case "$": return this.dollars();
        case "\n": return this.lineEnd();
        default: return this.address();
        }
    }

    escape() {
        const next = this.text[this.at + 1];
        if (next === "\n") {
            this.push({ type: "break" });
            this.at += 2;
            return true;
        }
        if (next === "(" || next === "[") {
            const close = next === "(" ? "\\)" : "\\]";
            if (this.formula(this.at + 2, close, next === "[")) return true;
        }
        if (next !== undefined && /[!-/:-@[-`{-~]/.test(next)) {
            this.push(next);
            this.at += 2;
            return true;
        }
        return false;
    }

    /// A formula from `start` to `close`. An end that the text lacks is searched for once.
    formula(start, close, display) {
        const end = this.missing.has(close) ? -1 : this.text.indexOf(close, start);
        if (end < 0) {
            this.missing.add(close);
            if (!this.open) return false;
            this.push({ type: "formula", source: this.text.slice(start).trim(), display, pending: true });
            this.at = this.text.length;
            return true;
        }
        this.push({ type: "formula", source: this.text.slice(start, end).trim(), display, pending: false });
        this.at = end + close.length;
        return true;
    }

    dollars() {
        const { text, at } = this;
        if (text[at + 1] === "$") {
            const end = this.missing.has("$$") ? -1 : text.indexOf("$$", at + 2);
            if (end < 0) this.missing.add("$$");
            if (end > at + 2) return this.formula(at + 2, "$$", true);
            this.push("$$");
            this.at += 2;
            return true;
        }
        if (/\w/.test(text[at - 1] ?? " ") || /\s/.test(text[at + 1] ?? " ")) return false;
        const end = this.dollarAfter(at);
        if (end < 0 || /\s/.test(text[end - 1]) || /\w/.test(text[end + 1] ?? " ")) return false;
        const source = text.slice(at + 1, end);
        // An amount with words after it is money.
        if (/^\d[\d.,]*\s+[A-Za-z]{2,}/.test(source)) return false;
        this.push({ type: "formula", source, display: false, pending: false });
        this.at = end + 1;
        return true;
    }

    /// The next dollar sign. All are found once, and the list is read forwards only.
    dollarAfter(position) {
        if (this.dollarSigns === undefined) {
            this.dollarSigns = [];
            this.dollarNext = 0;
            for (let at = this.text.indexOf("$"); at >= 0; at = this.text.indexOf("$", at + 1)) {
                if (this.text[at - 1] !== "\\") this.dollarSigns.push(at);
            }
        }
        while (this.dollarNext < this.dollarSigns.length && this.dollarSigns[this.dollarNext] <= position) this.dollarNext++;
        return this.dollarSigns[this.dollarNext] ?? -1;
    }

    code() {
        let end = this.at;
        while (this.text[end] === "`") end++;
        const length = end - this.at;
        const close = this.ticksAfter(end, length);
        if (close < 0 && !(this.open && end < this.text.length)) {
            this.push(this.text.slice(this.at, end));
            this.at = end;
            return true;
        }
        let content = (close < 0 ? this.text.slice(end) : this.text.slice(end, close)).replaceAll("\n", " ");
        if (content.length > 2 && content.startsWith(" ") && content.endsWith(" ") && content.trim() !== "") content = content.slice(1, -1);
        this.push({ type: "code", text: content });
        this.at = close < 0 ? this.text.length : close + length;
        return true;
    }

    /// The position of the next run of exactly `length` backticks. All runs are found once, and each list is read forwards only.
    ticksAfter(position, length) {
        if (this.ticks === undefined) {
            this.ticks = new Map();
            const pattern = /`+/g;
            for (let match = pattern.exec(this.text); match; match = pattern.exec(this.text)) {
                const size = match[0].length;
                if (!this.ticks.has(size)) this.ticks.set(size, { positions: [], next: 0 });
                this.ticks.get(size).positions.push(match.index);
            }
        }
        const runs = this.ticks.get(length);
        if (runs === undefined) return -1;
        while (runs.next < runs.positions.length && runs.positions[runs.next] < position) runs.next++;
        return runs.positions[runs.next] ?? -1;
    }

    lineEnd() {
        const last = this.tokens[this.tokens.length - 1];
        let hard = false;
        if (typeof last === "string") {
            hard = last.endsWith("  ");
            this.tokens[this.tokens.length - 1] = last.trimEnd();
        }
        this.push({ type: hard ? "break" : "line" });
        this.at++;
        return true;
    }

    angle() {
        const match = /^<([^\s<>]{1,2000})>/.exec(this.text.slice(this.at, this.at + 2002));
        if (!match) return false;
        const mail = /^[\w.+-]{1,100}@[\w-]{1,100}(\.[\w-]{1,100}){1,5}$/.test(match[1]);
        const address = mail ? `mailto:${match[1]}` : /^[a-z][a-z0-9+.-]*:/i.test(match[1]) ? match[1] : null;
        const href = address === null ? null : safeAddress(address);
        if (href === null) return false;
        this.link(href, match[1]);
        this.at += match[0].length;
        return true;
    }

    link(href, text) {
        this.tokens.push({ type: "start", node: { type: "link", href } }, text, { type: "end", node: "link" });
    }

    entity() {
        const match = /^&(#x[0-9a-f]{1,6}|#\d{1,7}|[a-z]{2,8});/i.exec(this.text.slice(this.at, this.at + 12));
        if (!match) return false;
        let value = entities.get(match[1]);
        if (match[1][0] === "#") {
            const code = match[1][1].toLowerCase() === "x" ? parseInt(match[1].slice(2), 16) : parseInt(match[1].slice(1), 10);
            value = code === 0 || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff) ? "\ufffd" : String.fromCodePoint(code);
        }
        if (value === undefined) return false;
        this.push(value);
        this.at += match[0].length;
        return true;
    }

    /// An address that stands in the text as it is.
    address() {
        const { text, at } = this;
        if (!text.startsWith("http://", at) && !text.startsWith("https://", at)) return false;
        if (at > 0 && /\w/.test(text[at - 1])) return false;
        const match = /^https?:\/\/[^\s<>[\]`"“”‘’\u3000-\u303f\uff00-\uffef]+/.exec(text.slice(at, at + 2000));
        if (!match) return false;
        let end = match[0].length;
        let surplus = count(match[0], ")") - count(match[0], "(");
        while (end > 0) {
            const last = match[0][end - 1];
            if (last === ")" && surplus > 0) surplus--;
            else if (!"?!.,:;*_~'".includes(last)) break;
            end--;
        }
        const address = match[0].slice(0, Math.max(end, 1));
        const href = safeAddress(address);
        if (href === null) this.push(address);
        else this.link(href, address);
        this.at += address.length;
        return true;
    }

    run(character) {
        let end = this.at;
        while (this.text[end] === character) end++;
        if (character === "~" && end - this.at > 2) this.push(this.text.slice(this.at, end));
        else this.tokens.push(this.runs.add(this.text, this.at, end, this.tokens.length));
        this.at = end;
        return true;
    }

    // Links

    bracket(image) {
        const token = { type: "bracket", image, text: image ? "![" : "[", run: this.runs.last, index: this.tokens.length, end: 0 };
        this.tokens.push(token);
        this.brackets.push(token);
        this.at += image ? 2 : 1;
        token.end = this.at;
        return true;
    }

    closeBracket() {
        const opener = this.brackets.pop();
        if (opener === undefined) return false;
        const active = opener.image || this.brackets.length >= this.inactiveBelow;
        this.inactiveBelow = Math.min(this.inactiveBelow, this.brackets.length);
        const target = active ? this.target(opener) : null;
        if (target === null) return false;
        this.runs.pair(opener.run);
        this.tokens[opener.index] = { type: "start", node: { type: "link", href: safeAddress(target.address), image: opener.image } };
        this.tokens.push({ type: "end", node: "link" });
        if (!opener.image) this.inactiveBelow = this.brackets.length;
        this.at = target.end;
        return true;
    }

    /// Where the link whose text ends here leads to: an address in parentheses, or a label that the text defines elsewhere.
    target(opener) {
        const { text, at } = this;
        if (text[at + 1] === "(") {
            const window = text.slice(at + 2, at + 6000);
            const match = /^\s{0,20}(<[^<>\n]{0,4000}>|[^\s<)(][^\s()]{0,4000}(?:\([^\s()]{0,1000}\)[^\s()]{0,1000}){0,8})?\s{0,20}/.exec(window);
            if (match) {
                const title = /^("[^"]{0,1000}"|'[^']{0,1000}'|\([^()]{0,1000}\))\s{0,20}/.exec(window.slice(match[0].length));
                const end = match[0].length + (title ? title[0].length : 0);
                const address = match[1] ?? "";
                if (window[end] === ")") {
                    return { address: address.startsWith("<") ? address.slice(1, -1) : address, end: at + 3 + end };
                }
                // A link that is being written shows its text alone until its address is there.
                if (this.open && at + 2 + end >= text.length) return { address: "", end: text.length };
            }
        }
        const reference = /^\[([^[\]]{0,200})\]/.exec(text.slice(at + 1, at + 204));
        const label = (reference && reference[1] !== "" ? reference[1] : text.slice(opener.end, Math.min(at, opener.end + 201))).trim();
        const address = this.context.definitions.get(label.toLowerCase());
        return address === undefined ? null : { address, end: at + 1 + (reference ? reference[0].length : 0) };
    }
}

function count(text, character) {
    let total = 0;
    for (const each of text) if (each === character) total++;
    return total;
}
