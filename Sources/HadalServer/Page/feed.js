// The events that the server tells all pages of, by one connection for all tabs: a browser has six for one server.

import { ApiError } from "./api.js";
import { pause, readEvents } from "./event-stream.js";

/// Follows the server's events until `signal` aborts, and again after each break.
///
/// Calls `tell` with one of
/// - `{ kind: "open" }`: a connection was made, and what happened before it was not told;
/// - `{ kind: "event", name, data }`;
/// - `{ kind: "lost" }`: the server was not reached twice in a row;
/// - `{ kind: "refused", status, code, message }`: the server does not know this browser. Nothing follows.
export async function followEvents(signal, tell) {
    let failures = 0;
    while (!signal.aborted) {
        try {
            await readEvents("/hadal/events", signal, (name, data) => tell({ kind: "event", name, data }), {
                opened: () => {
                    failures = 0;
                    tell({ kind: "open" });
                },
            });
        } catch (error) {
            if (signal.aborted) return;
            if (error instanceof ApiError && error.status === 401) {
                tell({ kind: "refused", status: error.status, code: error.code, message: error.message });
                return;
            }
        }
        if (signal.aborted) return;
        failures++;
        if (failures > 1) tell({ kind: "lost" });
        await pause(Math.min(0.3 * 2 ** failures, 8), signal);
    }
}

/// The same, through the worker that all tabs share, where the browser has shared workers.
export function subscribe(signal, tell) {
    let worker;
    try {
        worker = new SharedWorker("/hadal/page/feed-worker.js", { type: "module", name: "hadal-feed" });
    } catch {
        followEvents(signal, tell);
        return;
    }
    const { port } = worker;
    port.onmessage = ({ data }) => {
        if (!signal.aborted) tell(data);
    };
    signal.addEventListener("abort", () => {
        port.postMessage("leave");
        port.close();
    });
    worker.addEventListener("error", () => {
        port.onmessage = null;
        if (!signal.aborted) followEvents(signal, tell);
    }, { once: true });
}
