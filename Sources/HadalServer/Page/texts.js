// The visible texts, in the language of the browser or the one that was chosen.

import { preferences } from "./preferences.js";

let texts = {};
export let language = "en";

export async function loadTexts() {
    const wanted = preferences.language ?? navigator.language;
    language = wanted.toLowerCase().startsWith("zh") ? "zh" : "en";
    const reply = await fetch(`/hadal/page/texts-${language}.json`);
    texts = await reply.json();
    document.documentElement.lang = language === "zh" ? "zh-Hans" : "en";
}

/// The text with the name `key`, `{name}` in it replaced by values.
export function text(key, values = {}) {
    const found = texts[key] ?? key;
    return found.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

export const number = (value, digits = 0) => new Intl.NumberFormat(language, { maximumFractionDigits: digits, minimumFractionDigits: digits }).format(value);

export function dateAndTime(seconds) {
    return new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" }).format(new Date(seconds * 1000));
}
