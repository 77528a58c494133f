// The routes of the server that the page uses.

/// What a server said no to: `code` is one of the interface's, or "connection" where there was no answer.
export class ApiError extends Error {
    constructor(status, code, message) {
        super(message);
        this.status = status;
        this.code = code;
    }
}

async function failure(reply) {
    let detail = null;
    try {
        detail = (await reply.json()).error;
    } catch {
        // A proxy's page, or nothing.
    }
    return new ApiError(reply.status, detail?.code ?? "", detail?.message ?? `HTTP ${reply.status}`);
}

/// The reply to a request that succeeded. Errors: `ApiError`.
///
/// - Parameter body: a value that is sent as JSON, or a text of the type `type`.
export async function request(method, path, body, { type = "application/json", ...options } = {}) {
    let reply;
    try {
        reply = await fetch(path, {
            method,
            headers: body === undefined ? {} : { "Content-Type": type },
            body: body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body),
            cache: "no-store",
            ...options,
        });
    } catch (error) {
        if (error.name === "AbortError") throw error;
        throw new ApiError(0, "connection", error.message);
    }
    if (!reply.ok) throw await failure(reply);
    return reply;
}

const json = async (...parts) => (await request(...parts)).json();
const base = id => `/hadal/conversations/${encodeURIComponent(id)}`;

export const api = {
    login: token => request("POST", "/hadal/login", { token }),
    state: () => json("GET", "/hadal/state"),
    conversations({ query = "", limit = 60, before = null } = {}) {
        const parts = new URLSearchParams({ limit: String(limit) });
        if (query !== "") parts.set("query", query);
        if (before !== null) parts.set("before", String(before));
        return json("GET", `/hadal/conversations?${parts}`);
    },
    createConversation: fields => json("POST", "/hadal/conversations", fields),
    conversation: id => json("GET", base(id)),
    changeConversation: (id, fields) => json("PATCH", base(id), fields),
    deleteConversation: id => request("DELETE", base(id)),
    deleteAll: () => request("DELETE", "/hadal/conversations"),
    addMessage: (id, fields) => json("POST", `${base(id)}/messages`, fields),
    addAnswer: (id, parent) => json("POST", `${base(id)}/answers`, { parent }),
    stop: answer => request("POST", `/hadal/answers/${encodeURIComponent(answer)}/stop`),
    answerEvents: (answer, from) => `/hadal/answers/${encodeURIComponent(answer)}/events?from=${from}`,
    exportOne: async (id, format) => (await request("GET", `${base(id)}/export?format=${format}`)).blob(),
    exportAll: async () => (await request("GET", "/hadal/export")).blob(),
    import: content => json("POST", "/hadal/import", content),
    importMarkdown: content => json("POST", "/hadal/import", content, { type: "text/markdown" }),
    unlock: passphrase => request("POST", "/hadal/history/unlock", { passphrase }),
    lock: () => request("POST", "/hadal/history/lock"),
    setPassphrase: (current, next) => request("PUT", "/hadal/history/passphrase", { current, new: next }),
};
