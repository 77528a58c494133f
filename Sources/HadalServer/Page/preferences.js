// What this browser remembers: looks, language, the model last chosen. Nothing that was said.

function read(name) {
    try {
        return localStorage.getItem(`hadal.${name}`);
    } catch {
        return null;
    }
}

function write(name, value) {
    try {
        if (value === null) localStorage.removeItem(`hadal.${name}`);
        else localStorage.setItem(`hadal.${name}`, value);
    } catch {
        // A browser that stores nothing forgets it with the page.
    }
}

export const preferences = {
    get theme() { return read("theme") ?? "system"; },
    set theme(value) {
        write("theme", value === "system" ? null : value);
        if (value === "system") delete document.documentElement.dataset.theme;
        else document.documentElement.dataset.theme = value;
    },
    get language() { return read("language"); },
    set language(value) { write("language", value); },
    get model() { return read("model"); },
    set model(value) { write("model", value); },
};
