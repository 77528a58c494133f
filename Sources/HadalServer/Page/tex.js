// TeX formulas as MathML. A formula with anything unknown is shown as its source: half of one would say something else.

import {
    accents, below, delimiters, environments, functions, integrals, large, letters, limitFunctions, operators, sizes, spaces, styleCommands,
    styled,
} from "./tex-symbols.js";

const deepest = 40;
const longest = 20_000;

class Unknown extends Error {}

const node = (tag, children = [], attributes = {}) => ({ tag, attributes, children, math: true });
const row = children => (children.length === 1 ? children[0] : node("mrow", children));
const operator = (text, attributes = {}) => node("mo", [text], attributes);

/// The `math` element of a formula for `patch`, or null where the page does not know all of it.
export function formula(source, display) {
    if (source.length > longest) return null;
    try {
        const parser = new Parser(source, display);
        const body = row(parser.sequence(() => parser.ended));
        const attributes = display ? { display: "block", class: "tex" } : { class: "tex" };
        return { ...node("math", [body], attributes), source };
    } catch (error) {
        if (error instanceof Unknown) return null;
        throw error;
    }
}

/// Commands, single characters; spaces only separate.
function tokensOf(source) {
    const tokens = [];
    const pattern = /\\(?:[a-zA-Z]+\*?|[^])|%[^\n]*|[^\s\\%]|\s+/gu;
    for (const [token] of source.matchAll(pattern)) if (token[0] !== "%") tokens.push(/^\s/.test(token) ? " " : token);
    return tokens;
}

class Parser {
    constructor(source, display) {
        this.tokens = tokensOf(source);
        this.at = 0;
        this.display = display;
        this.depth = 0;
        this.style = null;
    }

    get ended() {
        this.skipSpaces();
        return this.at >= this.tokens.length;
    }

    skipSpaces() {
        while (this.tokens[this.at] === " ") this.at++;
    }

    peek() {
        this.skipSpaces();
        return this.tokens[this.at];
    }

    next() {
        const token = this.peek();
        if (token === undefined) throw new Unknown();
        this.at++;
        return token;
    }

    expect(token) {
        if (this.next() !== token) throw new Unknown();
    }

    nested(work) {
        if (++this.depth > deepest) throw new Unknown();
        const made = work();
        this.depth--;
        return made;
    }

    /// Atoms with their scripts until `stop` holds, which is asked before each.
    sequence(stop) {
        const parts = [];
        while (!stop()) {
            const token = this.peek();
            if (token === undefined || token === "}") throw new Unknown();
            const size = { "\\displaystyle": "true", "\\textstyle": "false", "\\scriptstyle": "false" }[token];
            if (size !== undefined) {
                this.at++;
                const outer = this.display;
                this.display = size === "true";
                const rest = this.sequence(stop);
                this.display = outer;
                parts.push(node("mstyle", rest, { displaystyle: size }));
                break;
            }
            if (["\\rm", "\\bf", "\\cal"].includes(token)) {
                this.at++;
                parts.push(...this.inStyle(styleCommands.get(token.slice(1)), () => this.sequence(stop)));
                break;
            }
            const atom = this.scripts();
            if (atom !== null) parts.push(atom);
        }
        return parts;
    }

    inStyle(style, work) {
        const outer = this.style;
        this.style = style;
        const made = work();
        this.style = outer;
        return made;
    }

    /// A group in braces, or one atom.
    argument() {
        return this.nested(() => {
            if (this.peek() === "{") {
                this.at++;
                return this.group("}");
            }
            // Without braces one digit is the argument, not the number.
            if (/^[0-9]$/.test(this.peek() ?? "")) return node("mn", [this.next()]);
            return this.atom().node ?? node("mrow");
        });
    }

    group(close) {
        const made = row(this.sequence(() => this.peek() === close));
        this.expect(close);
        return made;
    }

    /// The characters of a group, as they are.
    raw() {
        this.expect("{");
        let text = "";
        let level = 1;
        for (; this.at < this.tokens.length; this.at++) {
            const token = this.tokens[this.at];
            if (token === "{") level++;
            if (token === "}" && --level === 0) {
                this.at++;
                return text;
            }
            if (token !== "{" && token !== "}") text += token;
        }
        throw new Unknown();
    }

    scripts() {
        const token = this.peek();
        const base = token === "^" || token === "_" || token === "'" ? { node: node("mrow") } : this.nested(() => this.atom());
        if (base.node === null) return null;
        let limits = base.limits === true && this.display;
        while (this.peek() === "\\limits" || this.peek() === "\\nolimits") limits = this.next() === "\\limits";
        let lower = null;
        let upper = null;
        for (;;) {
            const mark = this.peek();
            if (mark === "_" && lower === null) {
                this.at++;
                lower = this.argument();
            } else if (mark === "^" && upper === null) {
                this.at++;
                upper = this.argument();
            } else if (mark === "'" && upper === null) {
                let primes = "";
                while (this.peek() === "'") {
                    primes += "′";
                    this.at++;
                }
                upper = operator(primes);
                if (this.peek() === "^") {
                    this.at++;
                    upper = node("mrow", [upper, this.argument()]);
                }
            } else break;
        }
        if (this.peek() === "^" || this.peek() === "_") throw new Unknown();
        if (lower && upper) return node(limits ? "munderover" : "msubsup", [base.node, lower, upper]);
        if (lower) return node(limits || base.under ? "munder" : "msub", [base.node, lower]);
        if (upper) return node(limits || base.over ? "mover" : "msup", [base.node, upper]);
        return base.node;
    }

    /// One piece without scripts: `node`, null for what shows nothing, and whether scripts are limits.
    atom() {
        const token = this.next();
        if (token === "{") return { node: this.group("}") };
        if (token[0] === "\\") return this.command(token.slice(1));
        if (/[0-9]/.test(token)) return { node: this.number(token) };
        if (/\p{L}/u.test(token)) return { node: this.letter(token) };
        if (token === "~") return { node: node("mspace", [], { width: "0.25em" }) };
        if (token === "&" || token === "#" || token === "$" || token === "}") throw new Unknown();
        const characters = { "-": "−", "*": "∗", "`": "‘" };
        if ("()[]|".includes(token)) return { node: operator(token, { stretchy: "false" }) };
        return { node: operator(characters[token] ?? token) };
    }

    number(first) {
        let digits = first;
        for (; this.at < this.tokens.length; this.at++) {
            const token = this.tokens[this.at];
            const point = (token === "." || token === ",") && /^[0-9]$/.test(this.tokens[this.at + 1] ?? "") && !(token === "," && !this.isGroup());
            if (!/^[0-9]$/.test(token) && !point) break;
            digits += token;
        }
        return node("mn", [this.style ? [...digits].map(digit => styled(digit, this.style)).join("") : digits]);
    }

    /// Whether a comma here separates three digits, and no more, of a number.
    isGroup() {
        const digits = [1, 2, 3, 4].map(step => /^[0-9]$/.test(this.tokens[this.at + step] ?? ""));
        return digits[0] && digits[1] && digits[2] && !digits[3];
    }

    letter(character) {
        const upright = this.style !== null && this.style !== "normal" && this.style !== "italic";
        return node("mi", [this.style ? styled(character, this.style) : character], upright ? { mathvariant: "normal" } : {});
    }

    command(written) {
        const name = written.endsWith("*") && written.length > 1 && written !== "operatorname*" ? written.slice(0, -1) : written;
        if (name !== written && !environments.has(name)) this.tokens.splice(this.at, 0, "*");
        if (letters.has(name)) return { node: this.letter(letters.get(name)) };
        if (operators.has(name)) return { node: operator(operators.get(name)) };
        if (large.has(name)) return { node: operator(large.get(name)), limits: true };
        if (integrals.has(name)) return { node: operator(integrals.get(name)) };
        if (functions.has(name)) return { node: node("mi", [name]) };
        if (limitFunctions.has(name)) return { node: operator(limitFunctions.get(name), { form: "prefix" }), limits: true };
        if (spaces.has(name)) return { node: node("mspace", [], { width: spaces.get(name) }) };
        if (styleCommands.has(name)) return { node: this.inStyle(styleCommands.get(name), () => this.argument()) };
        if (accents.has(name)) return { node: this.accent(name, "mover", accents), over: true };
        if (below.has(name)) return { node: this.accent(name, "munder", below), under: true };
        if (delimiters.has(`\\${name}`)) return { node: operator(delimiters.get(`\\${name}`), { stretchy: "false" }) };
        const size = /^(big|Big|bigg|Bigg)[lrm]?$/.exec(name);
        if (size) return { node: this.sized(sizes.get(size[1])) };
        if ("{}%$#&_".includes(name)) return { node: operator(name, { stretchy: "false" }) };
        return this.structure(name);
    }

    structure(name) {
        switch (name) {
        case "frac": case "dfrac": case "tfrac": case "cfrac": return { node: this.fraction(name) };
        case "binom": case "dbinom": case "tbinom": return { node: this.binomial() };
        case "sqrt": return { node: this.root() };
        case "left": return { node: this.fenced() };
        case "begin": return { node: this.nested(() => this.environment()) };
        case "text": case "textrm": case "textnormal": case "mbox": case "hbox": return { node: node("mtext", [visible(this.raw())]) };
        case "textbf": case "textit": case "texttt": case "textsf":
            return { node: node("mtext", [visible(this.raw())], { class: `tex-${name.slice(4)}` }) };
        case "operatorname": return { node: node("mi", [this.raw().replaceAll("\\,", "\u2009")], { mathvariant: "normal" }) };
        case "operatorname*": return { node: operator(this.raw(), { form: "prefix" }), limits: true };
        case "overset": case "stackrel": return { node: this.stacked("mover") };
        case "underset": return { node: this.stacked("munder") };
        case "xrightarrow": case "xleftarrow": return { node: this.longArrow(name === "xrightarrow" ? "→" : "←") };
        case "pmod": return { node: node("mrow", [operator("("), node("mi", ["mod"]), node("mspace", [], { width: "0.3em" }), this.argument(), operator(")")]) };
        case "mod": return { node: operator("mod", { lspace: "1em", rspace: "0.3em" }) };
        case "not": return { node: this.negated() };
        case "boxed": case "fbox": return { node: node("mrow", [this.argument()], { class: "tex-boxed" }) };
        case "phantom": case "hphantom": case "vphantom": return { node: node("mphantom", [this.argument()]) };
        case "mathop": return { node: this.argument(), limits: true };
        case "mathrel": case "mathbin": case "mathord": case "mathopen": case "mathclose": case "mathpunct": return { node: this.argument() };
        case "substack": return { node: this.substack() };
        case "tag": return { node: node("mtext", [`  (${this.raw()})`]) };
        case "label": this.raw(); return { node: null };
        case "nonumber": case "notag": case "hline": case "left.": case "allowbreak": case "noindent": return { node: null };
        default: throw new Unknown();
        }
    }

    accent(name, tag, map) {
        const wide = name.startsWith("wide") || name.startsWith("over") || name.startsWith("under");
        const base = this.argument();
        const mark = operator(map.get(name), wide ? { stretchy: "true" } : { stretchy: "false" });
        return node(tag, [base, mark], tag === "mover" ? { accent: "true" } : { accentunder: "true" });
    }

    fraction(name) {
        const outer = this.display;
        this.display = false;
        const parts = [this.argument(), this.argument()];
        this.display = outer;
        const fraction = node("mfrac", parts);
        return name === "frac" ? fraction : node("mstyle", [fraction], { displaystyle: name === "tfrac" ? "false" : "true" });
    }

    binomial() {
        return node("mrow", [operator("("), node("mfrac", [this.argument(), this.argument()], { linethickness: "0" }), operator(")")]);
    }

    root() {
        if (this.peek() !== "[") return node("msqrt", [this.argument()]);
        this.at++;
        const index = this.nested(() => this.group("]"));
        return node("mroot", [this.argument(), index]);
    }

    delimiter() {
        const token = this.next();
        if (!delimiters.has(token)) throw new Unknown();
        return delimiters.get(token);
    }

    sized(size) {
        return operator(this.delimiter(), { stretchy: "true", symmetric: "true", minsize: `${size}em`, maxsize: `${size}em` });
    }

    fenced() {
        const parts = [operator(this.delimiter(), { stretchy: "true", fence: "true", form: "prefix" })];
        for (;;) {
            parts.push(...this.sequence(() => this.peek() === "\\right" || this.peek() === "\\middle"));
            const end = this.next() === "\\right";
            parts.push(operator(this.delimiter(), { stretchy: "true", fence: "true", form: end ? "postfix" : "infix" }));
            if (end) return node("mrow", parts);
        }
    }

    stacked(tag) {
        const mark = this.argument();
        return node(tag, [this.argument(), mark]);
    }

    longArrow(arrow) {
        let under = null;
        if (this.peek() === "[") {
            this.at++;
            under = this.nested(() => this.group("]"));
        }
        const over = node("mpadded", [this.argument()], { lspace: "0.4em", width: "+0.8em" });
        const mark = operator(arrow, { stretchy: "true", minsize: "1.6em" });
        return under ? node("munderover", [mark, under, over]) : node("mover", [mark, over]);
    }

    negated() {
        const base = this.argument();
        if (base.tag !== "mo" || typeof base.children[0] !== "string") throw new Unknown();
        return operator(`${base.children[0]}\u0338`.normalize("NFC"));
    }

    substack() {
        this.expect("{");
        const table = this.rows(() => this.peek() === "}", () => "c", false);
        this.expect("}");
        return table;
    }

    environment() {
        const name = this.raw().replace(/\*$/, "");
        const kind = environments.get(name);
        if (kind === undefined) throw new Unknown();
        let align = kind.align;
        if (kind.columns) align = this.raw().replace(/[^lcr]/g, "") || "c";
        else if (name === "alignat") this.raw();
        // Columns beyond those named repeat: pairs of an align, all of a matrix.
        const table = this.rows(() => this.peek() === "\\end", column => align[column % align.length], kind.display === true);
        this.expect("\\end");
        if (this.raw().replace(/\*$/, "") !== name) throw new Unknown();
        const [open, close] = kind.fences;
        if (open === "" && close === "") return table;
        const fence = (text, form) => operator(text, { stretchy: "true", fence: "true", form });
        return node("mrow", [fence(open, "prefix"), table, fence(close, "postfix")]);
    }

    rows(end, align, display) {
        const outer = this.display;
        this.display = display;
        const rows = [];
        let cells = [];
        const stop = () => end() || ["&", "\\\\", "\\cr"].includes(this.peek());
        for (;;) {
            const cell = this.sequence(stop);
            const side = { l: "tex-left", r: "tex-right", c: "tex-centre" }[align(cells.length)];
            cells.push(node("mtd", cell, { class: side }));
            if (this.peek() === "&") {
                this.at++;
                continue;
            }
            // A last line break makes no row.
            if (cells.length > 1 || cell.length > 0 || !end()) rows.push(node("mtr", cells));
            cells = [];
            if (end()) break;
            this.at++;
            if (this.tokens[this.at] === "[") this.skipGap();
        }
        this.display = outer;
        return node("mtable", rows, display ? { displaystyle: "true", class: "tex-rows" } : {});
    }

    /// The space that a line break may name.
    skipGap() {
        const end = this.tokens.indexOf("]", this.at);
        const gap = end < 0 ? "" : this.tokens.slice(this.at + 1, Math.min(end, this.at + 12)).join("");
        if (/^-?[0-9.]+(em|ex|pt|mm|cm|px)$/.test(gap)) this.at = end + 1;
    }
}

/// MathML drops spaces at the ends of a text.
const visible = text => text.replaceAll("\\ ", " ").replace(/^ | $/g, "\u00a0").replace(/\\([{}%$#&_])/g, "$1");
