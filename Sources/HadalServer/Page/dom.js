// Elements of the page. Text is always a text node, and an attribute is one of the page's own.

const svgNamespace = "http://www.w3.org/2000/svg";

/// An element with attributes and children. An attribute that begins with `on` is a listener; null, undefined and false are left out.
export function element(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
        if (value === null || value === undefined || value === false) continue;
        if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
        else made.setAttribute(name, value === true ? "" : String(value));
    }
    made.append(...children.filter(child => child !== null && child !== undefined && child !== false));
    return made;
}

// Outlines in a square of 24 units, drawn for this page.
const outlines = {
    add: ["M12 5v14M5 12h14"],
    arrow: ["M12 19V5M5.5 11.5 12 5l6.5 6.5"],
    branch: ["M9.5 6 15 12l-5.5 6"],
    back: ["M14.5 6 9 12l5.5 6"],
    check: ["M5 12.5 10 17.5 19 7"],
    close: ["M6 6l12 12M18 6 6 18"],
    copy: ["M9 9h10v11H9zM15 9V4H5v11h4"],
    down: ["M12 5v14M5.5 12.5 12 19l6.5-6.5"],
    edit: ["M4 20l1-4L16.5 4.5l3 3L8 19zM14 7l3 3"],
    fold: ["M7 10l5 5 5-5"],
    help: ["M9 9.2a3 3 0 1 1 4.2 2.7c-.8.4-1.2 1-1.2 2M12 17.2v.1", "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z"],
    lock: ["M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3"],
    menu: ["M4 7h16M4 12h16M4 17h10"],
    more: ["M5.5 12h.010M12 12h.010M18.5 12h.01"],
    retry: ["M19 12a7 7 0 1 1-2-4.9L19.5 9M19.5 4.5V9H15"],
    search: ["M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM16.2 16.2 20.5 20.5"],
    settings: ["M4 7h9M17 7h3M4 17h3M11 17h9", "M15 9a2 2 0 1 0 0-4 2 2 0 0 0 0 4z", "M9 19a2 2 0 1 0 0-4 2 2 0 0 0 0 4z"],
    stop: ["M7.5 7.5h9v9h-9z"],
    temporary: ["M12 21a9 9 0 1 0 0-18", "M12 7v5l3 2", "M8.2 3.8A9 9 0 0 0 3.2 10M3.2 14a9 9 0 0 0 5 6.2"],
    tool: ["M14.5 6.5a4 4 0 0 0 5 5L10 21l-4-4L15.5 7.5M14.5 6.5 17 4"],
    warning: ["M12 4 21 19.5H3zM12 10v4.5M12 17v.1"],
    adjust: ["M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z", "M12 3v18"],
};

/// An icon, which says nothing to a screen reader: the button around it has a name.
export function icon(name) {
    const svg = document.createElementNS(svgNamespace, "svg");
    for (const [key, value] of Object.entries({ class: `icon icon-${name}`, viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" })) {
        svg.setAttribute(key, value);
    }
    for (const outline of outlines[name]) {
        const path = document.createElementNS(svgNamespace, "path");
        path.setAttribute("d", outline);
        svg.append(path);
    }
    return svg;
}

/// The mark of the page: three waves, each deeper one fainter.
export function logo(size) {
    const svg = document.createElementNS(svgNamespace, "svg");
    const attributes = { class: "logo", viewBox: "0 0 32 32", width: size, height: size, "aria-hidden": "true", focusable: "false" };
    for (const [key, value] of Object.entries(attributes)) svg.setAttribute(key, value);
    for (const outline of ["M7 11q4.5-3.5 9 0t9 0", "M9 17q3.5-2.8 7 0t7 0", "M12 22.5q2-1.8 4 0t4 0"]) {
        const path = document.createElementNS(svgNamespace, "path");
        path.setAttribute("d", outline);
        svg.append(path);
    }
    return svg;
}

/// A button with an icon alone, or with a label beside it.
export function iconButton(name, label, action, { shown = false, ...attributes } = {}) {
    const names = shown ? {} : { "aria-label": label, title: label };
    return element("button", { type: "button", class: shown ? "button" : "icon-button", ...names, ...attributes, onclick: action },
        icon(name), shown ? element("span", {}, label) : null);
}

/// Replaces an element's children.
export function fill(parent, ...children) {
    parent.replaceChildren(...children.filter(child => child !== null && child !== undefined && child !== false));
}
