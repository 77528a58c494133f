// Follows an answer while the server makes it. A lost connection is resumed where it broke off.

import { api, ApiError } from "./api.js";
import { pause, readEvents } from "./event-stream.js";

export class Answer {
    /// - Parameters:
    ///   - message: the message that the events fill; it is changed in place.
    ///   - changed: called after each event; `ended` says whether it was the last.
    constructor(message, changed) {
        this.message = message;
        this.changed = changed;
        this.next = 0;
        this.abort = new AbortController();
        /// What is known beside the message: progress of loading, tokens a second, whether the connection is lost.
        this.live = { stage: "queued", fraction: null, restored: null, figures: null, lost: false };
    }

    close() {
        this.abort.abort();
    }

    async follow() {
        const { signal } = this.abort;
        let failures = 0;
        while (!signal.aborted) {
            try {
                await readEvents(api.answerEvents(this.message.id, this.next), signal, (name, data, id) => {
                    this.receive(name, data, id);
                }, {
                    // A long prompt is read in silence.
                    silence: 90,
                    opened: () => {
                        failures = 0;
                        this.live.lost = false;
                    },
                });
                if (this.message.state !== "streaming") return;
            } catch (error) {
                if (signal.aborted) return;
                if (error instanceof ApiError && error.status >= 400 && error.status < 500) {
                    this.gone(error);
                    return;
                }
            }
            if (signal.aborted) return;
            this.live.lost = failures > 0;
            failures++;
            this.changed(false);
            await pause(Math.min(0.3 * 2 ** failures, 8), signal);
        }
    }

    /// The server knows the answer no more: the conversation says what became of it.
    gone(error) {
        if (error.code !== "login_required" && error.code !== "history_locked") this.message.state = "stopped";
        this.changed(true, error);
    }

    receive(name, data, id) {
        const { message, live } = this;
        const order = id === null ? this.next : Number(id);
        // The first event, or a server that begins again where an answer is over: all of it comes as one event.
        if (order < this.next || this.next === 0) Object.assign(message, { content: "", reasoning: "", tool_calls: [] });
        this.next = order + 1;
        live.lost = false;
        let ended = false;
        switch (name) {
        case "queued": live.stage = "queued"; break;
        case "loading": Object.assign(live, { stage: "loading", fraction: data.fraction }); break;
        case "restored": Object.assign(live, { stage: "reading", restored: data }); break;
        case "text":
            live.stage = "writing";
            message.content += data.text;
            break;
        case "reasoning":
            live.stage = "reasoning";
            message.reasoning = (message.reasoning ?? "") + data.text;
            break;
        case "text_was_reasoning":
            live.stage = "reasoning";
            message.content = "";
            message.reasoning = data.text;
            break;
        case "tool_call":
            message.tool_calls = [...(message.tool_calls ?? []).filter(call => call.id !== data.id), data];
            break;
        case "figures": live.figures = data; break;
        case "finished": case "failed":
            Object.assign(message, data.message);
            ended = true;
            break;
        default: break;
        }
        this.changed(ended);
    }
}
