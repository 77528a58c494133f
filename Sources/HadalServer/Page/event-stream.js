// Server-sent events, read with fetch: an EventSource would hide why a connection failed.

import { request } from "./api.js";

/// Reads events of `path` until the stream ends, and calls `receive` with each one's name, data and id.
///
/// A stream from which nothing comes for `silence` seconds is taken to be lost. `opened` is called when the server has accepted it.
/// Errors: `ApiError`, and what `receive` throws.
export async function readEvents(path, signal, receive, { silence = 45, opened = () => {} } = {}) {
    const abort = new AbortController();
    const forward = () => abort.abort();
    signal.addEventListener("abort", forward);
    let timer = null;
    const alive = () => {
        clearTimeout(timer);
        timer = setTimeout(forward, silence * 1000);
    };
    try {
        alive();
        const reply = await request("GET", path, undefined, { signal: abort.signal, headers: { Accept: "text/event-stream" } });
        opened();
        const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
        let rest = "";
        let event = { name: "message", data: [], id: null };
        for (;;) {
            const { done, value } = await reader.read();
            if (done) return;
            alive();
            const lines = (rest + value).split("\n");
            rest = lines.pop();
            for (const line of lines) event = field(line.endsWith("\r") ? line.slice(0, -1) : line, event, receive);
        }
    } finally {
        clearTimeout(timer);
        signal.removeEventListener("abort", forward);
        abort.abort();
    }
}

function field(line, event, receive) {
    if (line === "") {
        if (event.data.length > 0) receive(event.name, JSON.parse(event.data.join("\n")), event.id);
        return { name: "message", data: [], id: null };
    }
    if (line.startsWith(":")) return event;
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    let value = colon < 0 ? "" : line.slice(colon + 1);
    if (value.startsWith(" ")) value = value.slice(1);
    if (name === "event") event.name = value;
    else if (name === "data") event.data.push(value);
    else if (name === "id") event.id = value;
    return event;
}

/// Waits, and less where the network comes back.
export function pause(seconds, signal) {
    return new Promise(resolve => {
        const wake = () => {
            clearTimeout(timer);
            globalThis.removeEventListener("online", wake);
            signal.removeEventListener("abort", wake);
            resolve();
        };
        const timer = setTimeout(wake, seconds * 1000);
        globalThis.addEventListener("online", wake);
        signal.addEventListener("abort", wake);
    });
}
