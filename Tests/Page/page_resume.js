// An answer whose connection is cut again and again: evaluated by page_test.py in a tab of the page. What is wrong, or nothing.
(async () => {
    const { Answer } = await import("/hadal/page/answer.js");
    const events = [
        ["queued", {}], ["loading", { fraction: 0.5 }], ["text", { text: "first " }], ["text_was_reasoning", { text: "first thought" }], ["reasoning", { text: ", second" }],
        ["text", { text: "Grüße, " }], ["text", { text: "世界 🌊" }], ["tool_call", { id: "c", name: "n", arguments: "{}" }], ["text", { text: "!" }],
        // The message has no content here: what is shown is what the events made.
        ["finished", { message: { state: "complete" } }],
    ];
    const encoder = new TextEncoder();
    const bytes = from => encoder.encode(`: ping\n\n${events.map(([name, data], id) => [name, data, id]).slice(from)
        .map(([name, data, id]) => `id: ${id}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`).join("")}`);
    const original = window.fetch;
    const wrong = [];
    const asked = [];
    // Each connection brings some bytes more than the last, whatever they cut in two, and then breaks or just ends.
    window.fetch = async (path, ...rest) => {
        // The page itself goes on beside this.
        if (!String(path).startsWith("/hadal/answers/cut-answer/")) return original(path, ...rest);
        const from = Number(new URL(path, location.href).searchParams.get("from"));
        asked.push(from);
        if (asked.length % 4 === 3) throw new TypeError("no network");
        if (asked.length % 4 === 2) return new Response("{}", { status: 503 });
        const all = bytes(from);
        const end = Math.min(all.length, 90 + 61 * (asked.length % 3));
        return new Response(new ReadableStream({
            start(controller) {
                for (let at = 0; at < end; at += 7) controller.enqueue(all.slice(at, Math.min(at + 7, end)));
                if (asked.length % 2 === 0 || end === all.length) controller.close();
                else setTimeout(() => controller.error(new TypeError("cut")), 5);
            },
        }), { headers: { "Content-Type": "text/event-stream" } });
    };
    try {
        const message = { id: "cut-answer", state: "streaming", content: "what was stored", reasoning: "", tool_calls: [] };
        const answer = new Answer(message, () => {});
        // Pauses end at once.
        const timer = setInterval(() => window.dispatchEvent(new Event("online")), 5);
        await Promise.race([answer.follow(), new Promise(resolve => setTimeout(resolve, 20_000))]);
        clearInterval(timer);
        answer.close();
        if (message.state !== "complete") wrong.push(`is ${message.state}`);
        if (message.content !== "Grüße, 世界 🌊!") wrong.push(`content ${message.content}`);
        if (message.reasoning !== "first thought, second") wrong.push(`reasoning ${message.reasoning}`);
        if (message.tool_calls.length !== 1) wrong.push("tool calls");
        if (asked.length < 5 || asked.some((from, index) => index > 0 && from < asked[index - 1])) wrong.push(`asked for ${asked}`);
    } finally {
        window.fetch = original;
    }
    return wrong;
})
