// What a link of a text may be: an absolute address of a scheme that opens a page or a letter, and nothing that runs.

const schemes = ["http:", "https:", "mailto:"];
const longest = 4000;

/// The address in its normal form, or null where it is not one that the page opens.
///
/// The browser's own parser decides what the scheme is: it skips tabs, line ends and control characters as a click would.
export function safeAddress(text) {
    if (text.length > longest) return null;
    try {
        const url = new URL(text);
        return schemes.includes(url.protocol) ? url.href : null;
    } catch {
        return null;
    }
}
