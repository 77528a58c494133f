// What an answer took, in a line, and what an answer that has no text yet is waiting for.

import { number, text } from "./texts.js";

export function figuresLine(message, live) {
    const streaming = message.state === "streaming";
    const figures = streaming ? live?.figures : message.figures;
    if (!figures) return "";
    const parts = [];
    const speed = figures.tokens_per_second ?? figures.decode_tokens_per_second;
    if (speed) parts.push(text("tokensPerSecond", { speed: number(speed, 1) }));
    if (figures.generated_tokens) parts.push(text("tokens", { tokens: number(figures.generated_tokens) }));
    if (figures.prompt_tokens) {
        const cached = figures.cached_tokens ?? 0;
        const values = { tokens: number(figures.prompt_tokens), cached: number(cached), percent: number(100 * cached / figures.prompt_tokens) };
        parts.push(text(cached > 0 ? "promptCached" : "prompt", values));
    }
    if (!streaming && message.model) parts.push(message.model);
    return parts.join(" · ");
}

/// Null where the text itself shows that the answer goes on.
export function stageText(live, message) {
    if (live === null) return text("waiting");
    if (live.lost) return text("resuming");
    switch (live.stage) {
    case "queued": return text("waiting");
    case "loading": return typeof live.fraction === "number" ? text("loadingFraction", { percent: number(live.fraction * 100) }) : text("loadingModel");
    case "reading": {
        const { tokens, of } = live.restored;
        return text("restored", { tokens: number(tokens), of: number(of) });
    }
    case "reasoning": return null;
    default: return message.content === "" && !message.reasoning ? text("waiting") : null;
    }
}
