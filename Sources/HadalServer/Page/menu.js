// Menus that open at a button. The browser closes them on a click elsewhere and on Escape.

import { element, icon } from "./dom.js";

/// Opens a menu at `anchor`. An item is `{ label, detail, icon, action, danger, checked }`, or null for a line between items.
export function openMenu(anchor, items, label) {
    const radio = items.some(item => item && item.checked !== undefined);
    const list = element("div", { class: "menu", role: "menu", "aria-label": label, popover: "auto" });
    for (const item of items) {
        if (item === null) {
            list.append(element("div", { class: "menu-line", role: "separator" }));
            continue;
        }
        list.append(element("button", {
            type: "button", class: item.danger ? "menu-item danger" : "menu-item", role: radio ? "menuitemradio" : "menuitem", tabindex: "-1",
            "aria-checked": item.checked === undefined ? null : String(item.checked),
            onclick: () => {
                list.hidePopover();
                item.action();
            },
        },
        item.icon ? icon(item.icon) : null,
        element("span", { class: "menu-label" }, item.label, item.detail ? element("span", { class: "menu-detail" }, item.detail) : null),
        item.checked ? icon("check") : null));
    }
    anchor.setAttribute("aria-expanded", "true");
    list.addEventListener("toggle", event => {
        if (event.newState !== "closed") return;
        const inside = list.contains(document.activeElement) || document.activeElement === document.body;
        list.remove();
        anchor.setAttribute("aria-expanded", "false");
        if (inside) anchor.focus();
    });
    list.addEventListener("keydown", event => move(list, event));
    document.body.append(list);
    list.showPopover();
    place(list, anchor);
    (list.querySelector("[aria-checked=true]") ?? list.querySelector(".menu-item"))?.focus();
}

function move(list, event) {
    const items = [...list.querySelectorAll(".menu-item")];
    const at = items.indexOf(document.activeElement);
    const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
    if (event.key === "Tab") list.hidePopover();
    if (next === undefined) return;
    event.preventDefault();
    items[(next + items.length) % items.length].focus();
}

function place(list, anchor) {
    const box = anchor.getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = list;
    const start = Math.max(8, Math.min(box.left, window.innerWidth - width - 8));
    const below = box.bottom + 6 + height <= window.innerHeight;
    list.style.left = `${start}px`;
    list.style.top = `${below ? box.bottom + 6 : Math.max(8, box.top - height - 6)}px`;
}
