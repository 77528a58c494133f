// Emphasis: runs of `*`, `_` and `~`, and which of them make pairs, with the delimiter stack of CommonMark.

const punctuation = /[\p{P}\p{S}]/u;
// Scripts without spaces between words: emphasis may begin and end anywhere in them.
const unspaced = /[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]/;

/// The runs of a text that have no pair yet, as a list that is linked both ways. A run is a token of the text too: `ends` are the types
/// that end at it, in order, and `starts` the nodes that begin at it, the innermost first.
export class Runs {
    constructor() {
        this.last = null;
    }

    /// Adds the run from `at` to `end` as the token with the index `order`; it is the result.
    add(text, at, end, order) {
        const character = text[at];
        const count = end - at;
        const before = text[at - 1] ?? " ";
        const after = text[end] ?? " ";
        const spaceBefore = /\s/.test(before);
        const spaceAfter = /\s/.test(after);
        const loose = value => punctuation.test(value) || unspaced.test(value);
        const left = !spaceAfter && (!loose(after) || spaceBefore || loose(before));
        const right = !spaceBefore && (!loose(before) || spaceAfter || loose(after));
        const word = character === "_";
        const run = {
            type: "run", character, count, length: count, starts: [], ends: [], spaceBefore,
            canOpen: left && (!word || !right || punctuation.test(before)),
            canClose: right && (!word || !left || punctuation.test(after)),
            previous: this.last, next: null, order,
        };
        if (this.last) this.last.next = run;
        this.last = run;
        return run;
    }

    /// Pairs the runs after `bottom`, and forgets them: those without a pair that could begin something, the last first.
    pair(bottom) {
        const floors = new Map();
        let closer = bottom ? bottom.next : this.first();
        while (closer) {
            if (!closer.canClose || closer.count === 0) {
                closer = closer.next;
                continue;
            }
            const key = `${closer.character}${closer.canOpen}${closer.length % 3}${closer.character === "~" ? closer.length : ""}`;
            const floor = Math.max(floors.get(key) ?? -1, bottom ? bottom.order : -1);
            let opener = closer.previous;
            while (opener && opener.order > floor && !pairs(opener, closer)) opener = opener.previous;
            if (!opener || opener.order <= floor) {
                floors.set(key, closer.order - 1);
                const next = closer.next;
                if (!closer.canOpen) this.unlink(closer);
                closer = next;
                continue;
            }
            const size = closer.character === "~" ? closer.count : opener.count >= 2 && closer.count >= 2 ? 2 : 1;
            const type = closer.character === "~" ? "strike" : size === 2 ? "strong" : "emphasis";
            opener.starts.push({ type });
            closer.ends.push(type);
            opener.count -= size;
            closer.count -= size;
            // What stands between the two has no pair any more.
            opener.next = closer;
            closer.previous = opener;
            if (opener.count === 0) this.unlink(opener);
            if (closer.count === 0) {
                const next = closer.next;
                this.unlink(closer);
                closer = next;
            }
        }
        const unpaired = [];
        for (let run = this.last; run && run !== bottom; run = run.previous) if (run.canOpen && run.count > 0) unpaired.push(run);
        if (bottom) bottom.next = null;
        this.last = bottom;
        return unpaired;
    }

    first() {
        let run = this.last;
        while (run?.previous) run = run.previous;
        return run;
    }

    unlink(run) {
        if (run.previous) run.previous.next = run.next;
        if (run.next) run.next.previous = run.previous;
        if (this.last === run) this.last = run.previous;
    }

    /// Hides a mark at the very end of a text that is being written, where it is the first half of one.
    ///
    /// - Parameter last: the last token of the text.
    dropHalfMark(last) {
        if (last?.type !== "run") return;
        let opener = last.previous;
        while (opener && !(opener.character === last.character && opener.canOpen)) opener = opener.previous;
        if (last.canClose && !(opener && opener.length > last.length)) return;
        last.count = 0;
        this.unlink(last);
    }

    /// Ends what is still open with the text, where it looks like emphasis rather than a sign.
    ///
    /// - Returns: the types that end there, in order.
    close(unpaired) {
        const ended = [];
        for (const run of unpaired.slice(0, 8)) {
            if (run.count > 3 || (run.count === 1 && (run.character === "~" || !run.spaceBefore))) continue;
            const types = run.character === "~" ? ["strike"] : [[], ["emphasis"], ["strong"], ["emphasis", "strong"]][run.count];
            for (const type of types) run.starts.push({ type });
            run.count = 0;
            ended.push(...types);
        }
        return ended;
    }
}

/// Whether two runs make a pair, by the rules of CommonMark: the rule of three keeps `**a*b**` whole.
function pairs(opener, closer) {
    if (opener.character !== closer.character || !opener.canOpen || opener.count === 0) return false;
    if (opener.character === "~") return opener.length === closer.length && closer.count === closer.length;
    const both = opener.canClose || closer.canOpen;
    return !(both && (opener.length + closer.length) % 3 === 0 && (opener.length % 3 !== 0 || closer.length % 3 !== 0));
}
