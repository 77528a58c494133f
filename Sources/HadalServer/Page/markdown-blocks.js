// The blocks of a Markdown text: headings, paragraphs, lists, quotes, code, tables, formulas and rules.
//
// Every line is looked at a bounded number of times at each level of nesting, and levels are bounded, so that time is linear in the text.

import {
    alignmentsOf, cellsOf, closesFence, environment, expandTabs, fenceOf, headingOf, indentOf, isBlank, isRule, isUndecided, markerOf,
} from "./markdown-lines.js";

const deepest = 16;

/// Shared by all levels of one text: definitions of links, and whether more text is to come.
export class Context {
    constructor(streaming = false) {
        this.streaming = streaming;
        this.definitions = new Map();
    }
}

/// The top blocks of `text`, each with `offset`, where its first line begins in the text.
export function parseBlocks(text, context) {
    const lines = [];
    const offsets = [];
    let offset = 0;
    for (const line of text.split("\n")) {
        lines.push(expandTabs(line.endsWith("\r") ? line.slice(0, -1) : line));
        offsets.push(offset);
        offset += line.length + 1;
    }
    if (context.streaming && isUndecided(lines[lines.length - 1])) lines.pop();
    const blocks = new BlockParser(lines, 0, context).parse();
    for (const block of blocks) block.offset = offsets[block.line];
    return blocks;
}

class BlockParser {
    constructor(lines, depth, context) {
        this.lines = lines;
        this.depth = depth;
        this.context = context;
        this.at = 0;
        this.blocks = [];
        /// Whether a blank line stands between two of the blocks: a list with such an item is a loose one.
        this.spaced = false;
        /// By the end of a formula: the line before which a formula that begins is known to have none.
        this.unclosed = new Map();
    }

    parse() {
        let blankBefore = false;
        while (this.at < this.lines.length) {
            if (isBlank(this.lines[this.at])) {
                blankBefore = true;
                this.at++;
                continue;
            }
            if (blankBefore && this.blocks.length > 0) this.spaced = true;
            blankBefore = false;
            const line = this.at;
            const block = this.block(this.lines[line]);
            if (block !== null) this.blocks.push({ ...block, line });
            blankBefore = this.at > 0 && isBlank(this.lines[this.at - 1]);
        }
        return this.blocks;
    }

    block(line) {
        if (indentOf(line) >= 4) return this.indentedCode();
        const fence = fenceOf(line);
        if (fence) return this.fencedCode(fence);
        const heading = headingOf(line);
        if (heading) {
            this.at++;
            return { type: "heading", level: heading.level, text: heading.text };
        }
        if (isRule(line)) {
            this.at++;
            return { type: "rule" };
        }
        if (this.depth < deepest) {
            if (line.trimStart()[0] === ">") return this.quote();
            const marker = markerOf(line);
            if (marker) return this.list(marker);
        }
        return this.formula(line) ?? this.table() ?? this.definition(line) ?? this.paragraph();
    }

    indentedCode() {
        const lines = [];
        let filled = 0;
        for (; this.at < this.lines.length; this.at++) {
            const line = this.lines[this.at];
            if (isBlank(line)) {
                lines.push(line.slice(4));
            } else if (indentOf(line) >= 4) {
                lines.push(line.slice(4));
                filled = lines.length;
            } else break;
        }
        // A blank line is needed to tell whether what follows stands apart.
        if (lines.length > filled) this.at--;
        return { type: "code", language: "", text: lines.slice(0, filled).join("\n") };
    }

    fencedCode(fence) {
        const lines = [];
        for (this.at++; this.at < this.lines.length; this.at++) {
            const line = this.lines[this.at];
            if (closesFence(line, fence)) {
                this.at++;
                break;
            }
            lines.push(line.slice(Math.min(fence.indent, indentOf(line))));
        }
        return { type: "code", language: fence.info.split(" ", 1)[0].slice(0, 40), text: lines.join("\n") };
    }

    /// Whether a line ends a paragraph before it.
    interrupts(line) {
        if (indentOf(line) > 3) return false;
        if (fenceOf(line) || headingOf(line) || isRule(line)) return true;
        if (this.isFormulaStart(line)) return true;
        if (this.depth >= deepest) return false;
        if (line.trimStart()[0] === ">") return true;
        const marker = markerOf(line);
        return marker !== null && !marker.empty && (marker.number === null || marker.number === 1);
    }

    quote() {
        const lines = [];
        let text = false;
        let fence = null;
        for (; this.at < this.lines.length; this.at++) {
            const line = this.lines[this.at];
            const rest = line.trimStart();
            if (rest[0] === ">" && indentOf(line) < 4) {
                const inner = expandTabs(rest.slice(rest[1] === " " ? 2 : 1));
                lines.push(inner);
                if (fence) {
                    if (closesFence(inner, fence)) fence = null;
                } else {
                    fence = fenceOf(inner);
                }
                text = !fence && !isBlank(inner) && !headingOf(inner) && !isRule(inner);
            } else if (text && !isBlank(line) && !this.interrupts(line)) {
                lines.push(line);
            } else break;
        }
        return { type: "quote", children: new BlockParser(lines, this.depth + 1, this.context).parse() };
    }

    list(first) {
        const list = { type: "list", ordered: first.number !== null, start: first.number ?? 1, tight: true, items: [] };
        let marker = first;
        while (marker !== null) {
            const lines = [this.lines[this.at].slice(marker.content)];
            this.at++;
            const ended = this.itemLines(lines, marker);
            const parser = new BlockParser(lines, this.depth + 1, this.context);
            const task = this.task(lines);
            list.items.push({ task, children: parser.parse() });
            if (parser.spaced) list.tight = false;
            marker = null;
            if (this.at < this.lines.length) {
                const next = markerOf(this.lines[this.at]);
                if (next && next.indent <= 3 && next.kind === sameKind(first, next) && !isRule(this.lines[this.at])) marker = next;
            }
            if (ended.blank && marker) list.tight = false;
        }
        return list;
    }

    /// Takes the lines of an item after its first; whether blank lines follow it, which are taken too.
    itemLines(lines, marker) {
        let blanks = 0;
        let text = !marker.empty;
        for (; this.at < this.lines.length; this.at++) {
            const line = this.lines[this.at];
            if (isBlank(line)) {
                // An item that begins with two blank lines is empty.
                if (marker.empty && lines.length === 1 && blanks > 0) break;
                blanks++;
                continue;
            }
            const indent = indentOf(line);
            const inside = indent >= marker.content;
            // Many texts indent a list in a numbered one by two columns only.
            const nested = !inside && indent >= marker.indent + 2 && markerOf(line) !== null;
            const lazy = !inside && blanks === 0 && text && !this.interrupts(line) && markerOf(line) === null;
            if (!inside && !nested && !lazy) break;
            for (; blanks > 0; blanks--) lines.push("");
            const inner = line.slice(Math.min(indent, marker.content));
            lines.push(nested ? line.slice(Math.min(indent, marker.indent + 2)) : inner);
            text = !fenceOf(inner) && !headingOf(inner);
        }
        return { blank: blanks > 0 };
    }

    task(lines) {
        const match = /^\[([ xX])\] /.exec(lines[0]);
        if (!match) return null;
        lines[0] = lines[0].slice(match[0].length);
        return match[1] !== " ";
    }

    isFormulaStart(line) {
        const rest = line.trimStart();
        return rest.startsWith("$$") || rest.startsWith("\\[") || environment.test(line);
    }

    /// A formula that has its lines for itself. One that has text after its end is a part of a paragraph.
    formula(line) {
        if (indentOf(line) > 3 || !this.isFormulaStart(line)) return null;
        const rest = line.trimStart();
        const named = environment.exec(line);
        const close = rest.startsWith("$$") ? "$$" : named ? named[0].trimStart().replace("begin", "end") : "\\]";
        if (this.at < (this.unclosed.get(close) ?? 0)) return null;
        const lines = [];
        for (let at = this.at; at < this.lines.length; at++) {
            const text = at === this.at && !named ? rest.slice(2) : this.lines[at];
            const end = text.indexOf(close);
            if (end >= 0) {
                if (text.slice(end + close.length).trim() !== "") {
                    this.unclosed.set(close, at);
                    return null;
                }
                lines.push(named ? text : text.slice(0, end));
                this.at = at + 1;
                return { type: "formula", source: lines.join("\n").trim(), pending: false };
            }
            // A formula has no blank lines: one that was never closed does not swallow the text.
            if (isBlank(text) && at > this.at) {
                this.unclosed.set(close, at);
                return null;
            }
            lines.push(text);
        }
        if (!this.context.streaming) {
            this.unclosed.set(close, this.lines.length);
            return null;
        }
        this.at = this.lines.length;
        return { type: "formula", source: lines.join("\n").trim(), pending: true };
    }

    table() {
        const head = this.lines[this.at];
        if (!head.includes("|")) return null;
        let align = alignmentsOf(this.lines[this.at + 1]);
        const cells = cellsOf(head);
        if (align === null || align.length !== cells.length) {
            // A table that has just begun has its first line alone.
            const begun = this.context.streaming && this.at + 1 >= this.lines.length && head.trimStart().startsWith("|");
            if (!begun) return null;
            align = cells.map(() => null);
        }
        const rows = [];
        for (this.at = Math.min(this.at + 2, this.lines.length); this.at < this.lines.length; this.at++) {
            const line = this.lines[this.at];
            if (isBlank(line) || this.interrupts(line)) break;
            rows.push(cellsOf(line).slice(0, align.length));
        }
        return { type: "table", align, head: cells, rows };
    }

    definition(line) {
        if (!line.trimStart().startsWith("[")) return null;
        const match = /^ {0,3}\[([^[\]]{1,200})\]: *(<[^<>]{0,2000}>|[^\s<][^\s]{0,2000})(?: +("[^"]{0,500}"|'[^']{0,500}'|\([^()]{0,500}\)))? *$/.exec(line);
        if (!match) return null;
        const label = match[1].trim().toLowerCase();
        if (label === "" || label.startsWith("^")) return null;
        const address = match[2].startsWith("<") ? match[2].slice(1, -1) : match[2];
        if (!this.context.definitions.has(label)) this.context.definitions.set(label, address);
        this.at++;
        return { type: "definition" };
    }

    paragraph() {
        const lines = [this.lines[this.at].trimStart()];
        for (this.at++; this.at < this.lines.length; this.at++) {
            const line = this.lines[this.at];
            if (isBlank(line)) break;
            if (indentOf(line) < 4 && /^ {0,3}(=+|-+)$/.test(line.trimEnd())) {
                this.at++;
                return { type: "heading", level: line.trimStart()[0] === "=" ? 1 : 2, text: lines.join("\n").trimEnd() };
            }
            if (this.interrupts(line)) break;
            if (line.includes("|")) {
                const align = alignmentsOf(this.lines[this.at + 1]);
                if (align !== null && align.length === cellsOf(line).length) break;
            }
            lines.push(line.trimStart());
        }
        return { type: "paragraph", text: lines.join("\n").trimEnd() };
    }
}

/// The kind that a list's next item must have: the mark of the first one.
function sameKind(first, next) {
    return (first.number === null) === (next.number === null) ? first.kind : null;
}
