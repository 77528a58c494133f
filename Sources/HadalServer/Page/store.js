// What the page knows of the server: models, the list of conversations, the open conversation, answers that are being made.
//
// Changes are told as events of this object: "state", "list", "conversation" (another one, or its messages), "message" (the one in
// `detail`), "error".

import { Answer } from "./answer.js";
import { api, ApiError } from "./api.js";
import { subscribe } from "./feed.js";
import { leafBelow, pathTo } from "./tree.js";

export class Store extends EventTarget {
    constructor() {
        super();
        this.state = { version: "", models: [], answers: [], history: { available: true, locked: false, passphrase: false, problem: null }, offline: null };
        this.list = [];
        this.more = false;
        this.query = "";
        this.conversation = null;
        /// Answers by the id of their message.
        this.answers = new Map();
        /// Conversations in which an answer is being made, by the id of the answer.
        this.busy = new Map();
        /// Counts the events that change the state.
        this.heard = 0;
        this.draft = this.emptyDraft(false);
        this.connected = true;
        /// Counts what this page did to the open conversation.
        this.changes = 0;
    }

    tell(name, detail = null) {
        this.dispatchEvent(new CustomEvent(name, { detail }));
    }

    emptyDraft(temporary, settings = {}) {
        return { temporary, settings };
    }

    /// Settings of the open conversation, or of the one that the next message begins.
    get settings() {
        return this.conversation?.settings ?? this.draft.settings;
    }

    get temporary() {
        return this.conversation?.temporary ?? this.draft.temporary;
    }

    get path() {
        if (this.conversation === null) return [];
        // It is asked for with every piece of an answer, and changes with a message or a branch alone.
        const { messages, current } = this.conversation;
        const { known } = this;
        if (known?.messages !== messages || known.current !== current || known.size !== messages.size) {
            this.known = { messages, current, size: messages.size, path: pathTo(messages, current) };
        }
        return this.known.path;
    }

    /// The answer at the end of the path that is being made, or null.
    get running() {
        const last = this.path.at(-1)?.message;
        return last?.state === "streaming" ? last : null;
    }

    get model() {
        const { models } = this.state;
        return models.find(model => model.name === this.settings.model) ?? models[0] ?? null;
    }

    /// Calls `work`, and tells of its error. The result is undefined then.
    async attempt(work) {
        try {
            return await work();
        } catch (error) {
            if (!(error instanceof ApiError)) throw error;
            this.tell("error", error);
            return undefined;
        }
    }

    async loadState() {
        let heard;
        // A state that was sent before an event and came after it would undo it.
        do {
            heard = this.heard;
            this.state = await api.state();
        } while (heard !== this.heard);
        this.busy = new Map(this.state.answers.map(answer => [answer.id, answer.conversation]));
        this.tell("state");
    }

    async loadList() {
        if (this.state.history.locked) {
            this.list = [];
            this.more = false;
            this.tell("list");
            return;
        }
        const query = this.query;
        const limit = Math.max(60, this.list.length);
        const { conversations } = await api.conversations({ query, limit });
        if (query !== this.query) return;
        this.list = conversations;
        this.more = conversations.length >= limit;
        this.tell("list");
    }

    async loadMore() {
        const last = this.list.at(-1);
        if (!last) return;
        const { conversations } = await api.conversations({ query: this.query, before: last.updated });
        const known = new Set(this.list.map(item => item.id));
        this.list = this.list.concat(conversations.filter(item => !known.has(item.id)));
        this.more = conversations.length > 0;
        this.tell("list");
    }

    // The open conversation

    /// Leaves the open conversation for a new one, which the server learns of with its first message.
    begin(temporary = false) {
        // The model that was chosen last stays chosen.
        const { model } = this.settings;
        this.closeAnswers();
        this.conversation = null;
        this.draft = this.emptyDraft(temporary, model ? { model } : {});
        this.tell("conversation");
    }

    async open(id) {
        if (this.conversation?.id === id) return;
        this.closeAnswers();
        this.wanted = id;
        const loaded = await api.conversation(id);
        if (this.wanted === id) this.take(loaded);
    }

    /// Loads the open conversation again: another tab changed it.
    async refresh(id) {
        if (this.conversation?.id !== id) return;
        try {
            const { changes } = this;
            const loaded = await api.conversation(id);
            if (this.conversation?.id !== id) return;
            // What was loaded may be older than what this page did in the meantime.
            if (changes === this.changes) this.take(loaded);
            else this.soon("conversation", () => this.refresh(id));
        } catch (error) {
            if (error.code === "not_found" && this.conversation?.id === id) this.begin();
            else throw error;
        }
    }

    take(loaded) {
        const messages = new Map();
        for (const message of loaded.messages) {
            // A message that this page follows is ahead of what was stored.
            const followed = this.answers.get(message.id)?.message;
            messages.set(message.id, followed && message.state === "streaming" ? followed : message);
        }
        this.conversation = { ...loaded, messages, settings: loaded.settings ?? {} };
        const ended = [];
        for (const [id, answer] of this.answers) {
            if (messages.get(id) === answer.message) continue;
            answer.close();
            this.answers.delete(id);
            if (messages.has(id)) ended.push(messages.get(id));
        }
        for (const { message } of this.path) this.follow(message);
        this.tell("conversation");
        for (const message of ended) this.tell("answered", message);
    }

    closeAnswers() {
        for (const answer of this.answers.values()) answer.close();
        this.answers.clear();
        this.wanted = null;
    }

    follow(message) {
        if (message.state !== "streaming" || this.answers.has(message.id)) return;
        const conversation = this.conversation.id;
        const answer = new Answer(message, (ended, error = null) => {
            if (ended) this.answers.delete(message.id);
            if (error) this.attempt(() => this.refresh(conversation));
            this.tell("message", message);
            if (ended && !error) this.tell("answered", message);
        });
        this.answers.set(message.id, answer);
        answer.follow();
    }

    add(...messages) {
        this.changes++;
        for (const message of messages) {
            if (!message) continue;
            const known = this.conversation.messages.get(message.id);
            if (!known) this.conversation.messages.set(message.id, message);
            this.conversation.current = message.id;
        }
        for (const { message } of this.path) this.follow(message);
        this.tell("conversation");
    }

    /// Adds a message below `parent`, and lets the model answer it. Errors: `ApiError`.
    async send(content, parent, { role = "user", tool_call_id, answer = true, title } = {}) {
        let { conversation } = this;
        if (conversation === null) {
            const { temporary, settings } = this.draft;
            const made = await api.createConversation({ title, settings, temporary });
            conversation = { settings, temporary, ...made, current: null, messages: new Map() };
            this.conversation = conversation;
            this.tell("conversation");
        }
        const added = await api.addMessage(conversation.id, { parent, role, content, answer, ...(tool_call_id ? { tool_call_id } : {}) });
        if (this.conversation?.id === conversation.id) this.add(added.message, added.answer);
        return added;
    }

    async regenerate(parent) {
        const { id } = this.conversation;
        const { answer } = await api.addAnswer(id, parent);
        if (this.conversation?.id === id) this.add(answer);
    }

    async show(id) {
        const { conversation } = this;
        this.changes++;
        conversation.current = leafBelow(conversation.messages, id);
        for (const { message } of this.path) this.follow(message);
        this.tell("conversation");
        await api.changeConversation(conversation.id, { current: conversation.current });
    }

    async changeSettings(fields) {
        const settings = { ...this.settings, ...fields };
        for (const [name, value] of Object.entries(settings)) if (value === null || value === "") delete settings[name];
        if (this.conversation) {
            this.conversation.settings = settings;
            await api.changeConversation(this.conversation.id, { settings });
        } else {
            this.draft.settings = settings;
        }
        this.tell("settings");
    }

    async rename(id, title) {
        await api.changeConversation(id, { title });
        if (this.conversation?.id === id) this.conversation.title = title;
        this.tell("settings");
        await this.loadList();
    }

    async remove(id) {
        await api.deleteConversation(id);
        if (this.conversation?.id === id) this.begin();
        await this.loadList();
    }

    // What the server tells

    /// Follows the server's events until `signal` aborts, and catches up with each connection.
    listen(signal) {
        subscribe(signal, message => {
            switch (message.kind) {
            case "open": this.attempt(() => this.catchUp()); break;
            case "event": this.hear(message.name, message.data); break;
            case "lost": this.setConnected(false); break;
            case "refused": this.tell("error", new ApiError(message.status, message.code, message.message)); break;
            default: break;
            }
        });
    }

    async catchUp() {
        await this.loadState();
        this.setConnected(true);
        await this.loadList();
        if (this.conversation) await this.refresh(this.conversation.id);
    }

    setConnected(connected) {
        if (this.connected === connected) return;
        this.connected = connected;
        this.tell("state");
    }

    hear(name, data) {
        if (name !== "conversation") this.heard++;
        switch (name) {
        case "model": {
            const index = this.state.models.findIndex(model => model.name === data.name);
            if (index < 0) this.state.models.push(data);
            else this.state.models[index] = data;
            this.tell("state");
            break;
        }
        case "history": {
            const unlocked = this.state.history.locked && !data.locked;
            this.state.history = data;
            if (data.locked && this.conversation && !this.conversation.temporary) this.begin();
            this.tell("state");
            this.soon("list", () => this.loadList());
            if (unlocked) this.tell("unlocked");
            break;
        }
        case "conversation":
            // "*" is all of them.
            if (data.change === "deleted" && this.conversation && ["*", this.conversation.id].includes(data.id)) this.begin();
            else if (this.conversation?.id === data.id) this.soon("conversation", () => this.refresh(data.id));
            this.soon("list", () => this.loadList());
            break;
        case "answer":
            if (data.state === "streaming") this.busy.set(data.id, data.conversation);
            else this.busy.delete(data.id);
            if (this.conversation?.id === data.conversation && !this.answers.has(data.id)) {
                const known = this.conversation.messages.get(data.id);
                if (!known || known.state !== data.state) this.soon("conversation", () => this.refresh(data.conversation));
            }
            this.tell("list");
            break;
        default: break;
        }
    }

    /// Several events in a row are one reason to load.
    soon(name, work) {
        this.waiting ??= new Map();
        clearTimeout(this.waiting.get(name));
        this.waiting.set(name, setTimeout(() => this.attempt(work), 80));
    }
}
