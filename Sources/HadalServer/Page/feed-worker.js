// A shared worker: holds the connection of `feed.js` while a tab wants it.

import { followEvents } from "./feed.js";

const ports = new Set();
let connection = null;
let open = false;

function tell(message) {
    if (message.kind !== "event") open = message.kind === "open";
    // A tab that logs in later makes another connection.
    if (message.kind === "refused") connection = null;
    for (const port of ports) port.postMessage(message);
}

function leave(port) {
    ports.delete(port);
    if (ports.size > 0) return;
    connection?.abort();
    connection = null;
    open = false;
}

self.addEventListener("connect", ({ ports: [port] }) => {
    ports.add(port);
    // The one message that a tab sends says that it leaves; "close" comes where a tab ended without it.
    port.onmessage = () => leave(port);
    port.addEventListener("close", () => leave(port));
    if (open) port.postMessage({ kind: "open" });
    if (connection !== null) return;
    connection = new AbortController();
    followEvents(connection.signal, tell);
});
