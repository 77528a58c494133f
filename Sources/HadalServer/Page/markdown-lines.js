// What a line of Markdown is by itself: blank, a fence, a heading, a rule, the mark of a list, a row of a table.
//
// Patterns have no part that can match one text in two ways: a line takes time in proportion to its length.

/// Whether a last line may still become several things: it is shown when it has become one, lest the page jumps.
export function isUndecided(line) {
    // A line that begins with a bracket may define a link, which shows nothing; a long one is a list in brackets.
    if (line.length < 400 && /^ {0,3}\[[^[\]]*(?:\](?::.*)?)?$/.test(line)) return line.includes("]") || line.length < 60;
    if (line.length > 80) return false;
    return /^[\s\-=*_#`~|>+:\\$[\]]*$/.test(line) || /^\s*\d{1,9}[.)]?\s*$/.test(line) || /^\s*[-*+]\s\[[ xX]?\]?\s*$/.test(line);
}

export function expandTabs(line) {
    if (!line.includes("\t")) return line;
    let column = 0;
    let index = 0;
    for (; index < line.length; index++) {
        if (line[index] === " ") column++;
        else if (line[index] === "\t") column += 4 - (column % 4);
        else break;
    }
    // The tab after a mark of a list counts from the line's beginning too.
    const mark = /^(?:[-*+]|\d{1,9}[.)])\t/.exec(line.slice(index, index + 12));
    if (mark === null) return " ".repeat(column) + line.slice(index);
    const end = column + mark[0].length - 1;
    return " ".repeat(column) + mark[0].slice(0, -1) + " ".repeat(4 - (end % 4)) + line.slice(index + mark[0].length);
}

export function indentOf(line) {
    let indent = 0;
    while (indent < line.length && line[indent] === " ") indent++;
    return indent;
}

export const isBlank = line => indentOf(line) === line.length || line.trim() === "";

export function fenceOf(line) {
    const match = /^( {0,3})(`{3,}|~{3,})/.exec(line);
    if (!match) return null;
    const info = line.slice(match[0].length).trim();
    if (match[2][0] === "`" && info.includes("`")) return null;
    return { indent: match[1].length, mark: match[2][0], length: match[2].length, info };
}

export function closesFence(line, fence) {
    const match = /^ {0,3}(`{3,}|~{3,})/.exec(line);
    return match !== null && match[1][0] === fence.mark && match[1].length >= fence.length && isBlank(line.slice(match[0].length));
}

export function headingOf(line) {
    const match = /^ {0,3}(#{1,6})(?= |$)/.exec(line);
    if (!match) return null;
    let text = line.slice(match[0].length).trim();
    let end = text.length;
    while (end > 0 && text[end - 1] === "#") end--;
    if (end === 0 || text[end - 1] === " ") text = text.slice(0, end).trimEnd();
    return { level: match[1].length, text };
}

export function isRule(line) {
    if (indentOf(line) > 3) return false;
    const mark = line.trimStart()[0];
    if (mark !== "-" && mark !== "*" && mark !== "_") return false;
    let count = 0;
    for (const character of line) {
        if (character === mark) count++;
        else if (character !== " ") return false;
    }
    return count >= 3;
}

/// A list item's beginning: its kind, where its content begins, and what stands there.
export function markerOf(line) {
    const indent = indentOf(line);
    let end = indent;
    let number = null;
    if ("-*+".includes(line[end] ?? " ")) {
        end++;
    } else {
        while (end - indent < 9 && line[end] >= "0" && line[end] <= "9") end++;
        if (end === indent || (line[end] !== "." && line[end] !== ")")) return null;
        number = Number(line.slice(indent, end));
        end++;
    }
    if (end < line.length && line[end] !== " ") return null;
    let content = end;
    while (content < line.length && line[content] === " ") content++;
    const empty = content === line.length;
    if (empty || content - end > 4) content = end + 1;
    return { indent, kind: line[end - 1], number, content, empty };
}

/// The cells of a table's line. A bar after a backslash is no border.
export function cellsOf(line) {
    let text = line.trim();
    if (text.startsWith("|")) text = text.slice(1);
    const cells = [];
    let cell = "";
    for (let index = 0; index < text.length; index++) {
        if (text[index] === "\\" && text[index + 1] === "|") {
            cell += "|";
            index++;
        } else if (text[index] === "|") {
            cells.push(cell.trim());
            cell = "";
        } else {
            cell += text[index];
        }
    }
    if (cell.trim() !== "" || cells.length === 0) cells.push(cell.trim());
    return cells;
}

/// The alignments that a table's second line gives, or null where it is not one.
export function alignmentsOf(line) {
    if (line === undefined || indentOf(line) > 3 || !line.includes("-")) return null;
    for (const character of line) if (!"|:- ".includes(character)) return null;
    const cells = cellsOf(line);
    if (cells.length === 1 && !line.includes("|")) return null;
    const alignments = [];
    for (const cell of cells) {
        if (!/^:?-+:?$/.test(cell)) return null;
        const end = cell.endsWith(":");
        alignments.push(cell.startsWith(":") ? (end ? "center" : "start") : end ? "end" : null);
    }
    return alignments;
}

/// The first line of a formula that begins with an environment.
export const environment = /^ {0,3}\\begin\{(equation|align|aligned|gather|gathered|multline|eqnarray|split|alignat)\*?\}/;
