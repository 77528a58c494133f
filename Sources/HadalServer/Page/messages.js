// The path of the open conversation, and what is shown where there is none.

import { announce } from "./announce.js";
import { element, fill, iconButton } from "./dom.js";
import { emptyView, lockedView } from "./empty.js";
import { MessageView } from "./message-view.js";
import { text } from "./texts.js";

/// How far from the end, in pixels, counts as being there.
const nearEnd = 56;

export class Messages {
    constructor(store, actions) {
        this.store = store;
        this.actions = { ...actions, redraw: () => this.draw() };
        this.element = document.getElementById("messages");
        this.element.setAttribute("aria-label", text("messages"));
        this.column = element("div", { class: "column" });
        this.jump = iconButton("down", text("jumpToEnd"), () => this.toEnd(), { class: "icon-button jump", hidden: true });
        fill(this.element, this.column);
        document.getElementById("foot").before(element("div", { class: "jump-place" }, this.jump));
        this.views = new Map();
        /// Messages that are to be drawn again with the next frame, by id.
        this.changed = new Set();
        this.conversation = null;
        this.atEnd = true;
        this.element.addEventListener("scroll", () => this.scrolled(), { passive: true });
        new ResizeObserver(() => this.keepEnd()).observe(this.column);
        new ResizeObserver(() => this.keepEnd()).observe(this.element);
        store.addEventListener("conversation", () => this.draw());
        store.addEventListener("state", () => this.drawEmpty());
        store.addEventListener("message", event => this.soon(event.detail));
        store.addEventListener("answered", event => announce(this.spoken(event.detail)));
    }

    spoken(message) {
        if (message.state === "failed") return text("answerFailed");
        this.draw();
        const content = this.views.get(message.id)?.body.textContent ?? "";
        return `${text(message.state === "stopped" ? "answerStopped" : "answerComplete")} ${content}`;
    }

    /// Many pieces of an answer are drawn once, when the screen is.
    soon(message) {
        this.changed.add(message.id);
        if (this.frame) return;
        const draw = () => {
            this.frame = null;
            const { path } = this.store;
            path.forEach((step, index) => {
                if (this.changed.has(step.message.id)) this.views.get(step.message.id)?.show(path, index);
            });
            this.changed.clear();
        };
        // A tab in the background has no frames, but its title and its text go on.
        this.frame = document.hidden ? setTimeout(draw, 250) : requestAnimationFrame(draw);
    }

    draw() {
        const { store } = this;
        const { conversation } = store;
        if (this.conversation !== (conversation?.id ?? null)) {
            const begun = this.conversation === null && this.sent;
            this.conversation = conversation?.id ?? null;
            if (!begun) this.views.clear();
            this.atEnd = true;
        }
        const { path } = store;
        if (path.length === 0) {
            this.views.clear();
            this.emptyKey = null;
            this.drawEmpty();
            return;
        }
        this.emptyKey = null;
        const views = path.map(({ message }) => this.views.get(message.id) ?? new MessageView(store, this.actions));
        this.views = new Map(path.map(({ message }, index) => [message.id, views[index]]));
        views.forEach((view, index) => view.show(path, index));
        this.place(views.map(view => view.element));
        this.keepEnd();
    }

    /// Moves no element that is where it belongs: a selection and a focus stay.
    place(elements) {
        elements.forEach((each, index) => {
            if (this.column.children[index] !== each) this.column.insertBefore(each, this.column.children[index] ?? null);
        });
        while (this.column.children.length > elements.length) this.column.lastElementChild.remove();
    }

    drawEmpty() {
        const { store } = this;
        if (store.path.length > 0) return;
        const { history, models } = store.state;
        const locked = history.locked && !store.temporary;
        const key = JSON.stringify([locked, store.temporary, store.conversation?.id ?? null, models.map(model => [model.name, model.state]), history.problem]);
        if (this.emptyKey === key) return;
        this.emptyKey = key;
        fill(this.column, locked ? lockedView(store, this.actions) : emptyView(store, this.actions));
        this.scrolled();
    }

    scrolled() {
        const { scrollTop, scrollHeight, clientHeight } = this.element;
        this.atEnd = scrollHeight - scrollTop - clientHeight < nearEnd;
        this.jump.hidden = this.atEnd;
        this.element.classList.toggle("scrolled", scrollTop > 4);
    }

    /// Follows an answer only where the reader is at its end.
    keepEnd() {
        if (this.atEnd) this.element.scrollTop = this.element.scrollHeight;
        this.scrolledSoon ??= requestAnimationFrame(() => {
            this.scrolledSoon = null;
            this.scrolled();
        });
    }

    toEnd() {
        this.atEnd = true;
        this.keepEnd();
    }

    editLast() {
        const last = this.store.path.findLast(({ message }) => message.role === "user");
        if (last) this.views.get(last.message.id)?.edit();
        return last !== undefined;
    }
}
