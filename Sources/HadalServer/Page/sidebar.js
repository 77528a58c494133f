// The conversations at the side, newest first, and what is done with one or all of them.

import { api } from "./api.js";
import { askText, confirmed } from "./dialogs.js";
import { element, fill, icon, iconButton, logo } from "./dom.js";
import { save } from "./files.js";
import { openMenu } from "./menu.js";
import { openPreferences } from "./preferences-dialog.js";
import { openShortcuts } from "./shortcuts.js";
import { language, text } from "./texts.js";

export class Sidebar {
    constructor(store, actions) {
        this.store = store;
        this.actions = actions;
        this.element = document.getElementById("side");
        this.element.setAttribute("aria-label", text("conversations"));
        this.search = element("input", { type: "search", placeholder: text("search"), "aria-label": text("searchConversations") });
        this.search.addEventListener("input", () => this.searched());
        this.list = element("div", { class: "list" });
        this.offline = element("button", { type: "button", class: "chip quiet", hidden: true, onclick: () => openPreferences(store) });
        fill(this.element,
            element("div", { class: "side-head" },
                element("span", { class: "brand" }, logo(24), "Hadal"),
                iconButton("close", text("hideConversations"), () => actions.toggleSide(false), { class: "icon-button narrow-only" })),
            iconButton("add", text("newConversation"), () => actions.begin(false), { shown: true, class: "button new" }),
            element("div", { class: "search" }, icon("search"), this.search),
            this.list,
            element("div", { class: "side-foot" }, this.offline,
                element("div", { class: "side-buttons" },
                    iconButton("settings", text("settings"), () => openPreferences(store), { "data-action": "settings" }),
                    iconButton("help", text("shortcuts"), () => openShortcuts()))));
        store.addEventListener("list", () => this.draw());
        store.addEventListener("state", () => this.drawState());
        store.addEventListener("conversation", () => this.draw());
        this.drawState();
    }

    searched() {
        clearTimeout(this.timer);
        this.timer = setTimeout(() => {
            this.store.query = this.search.value.trim();
            this.store.attempt(() => this.store.loadList());
        }, 180);
    }

    focusSearch() {
        this.search.focus();
        this.search.select();
    }

    drawState() {
        const { offline } = this.store.state;
        this.offline.hidden = offline === null;
        if (offline) {
            this.offline.classList.toggle("good", offline.sealed);
            fill(this.offline, icon(offline.sealed ? "lock" : "warning"), text(offline.sealed ? "sealed" : "notSealed"));
        }
    }

    draw() {
        const { store } = this;
        // A list that is made again under the pointer loses a click that has begun.
        const busy = new Set(store.busy.values());
        const key = JSON.stringify([
            new Date().toDateString(), store.query, store.more, store.state.history.locked, store.conversation?.id,
            this.items().map(item => [item.id, item.title, item.snippet, item.updated, item.temporary, busy.has(item.id)]),
        ]);
        if (this.drawn === key) return;
        this.drawn = key;
        const focused = document.activeElement?.closest?.(".item")?.dataset.id;
        const groups = [];
        for (const item of this.items()) {
            const name = store.query === "" ? groupOf(item.updated) : text("found");
            if (groups.at(-1)?.name !== name) groups.push({ name, items: [] });
            groups.at(-1).items.push(item);
        }
        const sections = groups.map(({ name, items }) => element("section", {},
            element("h2", {}, name), element("ul", {}, ...items.map(item => this.item(item, busy.has(item.id))))));
        if (sections.length === 0) sections.push(this.empty());
        if (store.more) {
            sections.push(element("button", { type: "button", class: "button quiet", onclick: () => store.attempt(() => store.loadMore()) }, text("showMore")));
        }
        const scroll = this.list.scrollTop;
        fill(this.list, ...sections);
        this.list.scrollTop = scroll;
        if (focused) this.list.querySelector(`.item[data-id="${CSS.escape(focused)}"] .item-open`)?.focus();
    }

    /// The list, and the open conversation where the list does not have it: a temporary one.
    items() {
        const { list, conversation, query } = this.store;
        if (!conversation?.temporary || query !== "" || list.some(item => item.id === conversation.id)) return list;
        return [conversation, ...list];
    }

    empty() {
        const { store } = this;
        if (store.state.history.locked) {
            return element("div", { class: "empty" }, icon("lock"), element("p", {}, text("historyLocked")),
                element("button", { type: "button", class: "button", onclick: () => this.actions.unlock() }, text("unlock")));
        }
        return element("div", { class: "empty" }, element("p", {}, text(store.query === "" ? "noConversations" : "nothingFound")));
    }

    item(item, busy) {
        const { store } = this;
        const open = store.conversation?.id === item.id;
        const title = item.title || text("untitled");
        const button = element("button", {
            type: "button", class: "item-open", "aria-current": open ? "page" : null, title, onclick: () => this.actions.open(item.id),
        },
        item.temporary ? icon("temporary") : null,
        element("span", { class: "item-text" },
            element("span", { class: "item-title" }, title),
            item.snippet ? element("span", { class: "item-snippet" }, item.snippet) : null),
        busy ? element("span", { class: "busy", role: "img", "aria-label": text("answering") }) : null);
        const more = iconButton("more", text("moreOf", { title }), () => this.menu(more, item), { "aria-haspopup": "menu", "aria-expanded": "false" });
        return element("li", { class: open ? "item open" : "item", "data-id": item.id }, button, more);
    }

    menu(anchor, item) {
        openMenu(anchor, conversationActions(this.store, item), text("moreOf", { title: item.title || text("untitled") }));
    }
}

/// What can be done with a conversation, for a menu.
export function conversationActions(store, item) {
    const title = item.title || text("untitled");
    return [
        {
            label: text("rename"), icon: "edit",
            action: async () => {
                const name = await askText(text("rename"), text("title"), item.title ?? "", text("save"));
                if (name !== null) store.attempt(() => store.rename(item.id, name));
            },
        },
        { label: text("exportMarkdown"), icon: "down", action: () => store.attempt(async () => save(await api.exportOne(item.id, "markdown"), `${title}.md`)) },
        { label: text("exportJSON"), icon: "down", action: () => store.attempt(async () => save(await api.exportOne(item.id, "json"), `${title}.json`)) },
        null,
        {
            label: text("delete"), icon: "close", danger: true,
            action: async () => {
                if (await confirmed(text("deleteTitle"), text("deleteMessage", { title }), text("delete"))) store.attempt(() => store.remove(item.id));
            },
        },
    ];
}

function groupOf(seconds) {
    const midnight = new Date();
    midnight.setHours(0, 0, 0, 0);
    const days = Math.floor((midnight.getTime() / 1000 - seconds) / 86_400) + 1;
    if (days <= 0) return text("today");
    if (days === 1) return text("yesterday");
    if (days <= 7) return text("lastWeek");
    if (days <= 30) return text("lastMonth");
    return new Intl.DateTimeFormat(language, { month: "long", year: "numeric" }).format(new Date(seconds * 1000));
}
