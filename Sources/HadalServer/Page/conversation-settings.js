// System prompt, sampling, form of the answer and tools of a conversation.

import { button, dialog, field } from "./dialogs.js";
import { element } from "./dom.js";
import { text } from "./texts.js";

const numbers = [
    { name: "temperature", min: 0, max: 5, step: 0.05 }, { name: "top_p", min: 0, max: 1, step: 0.01 },
    { name: "top_k", min: 0, max: 100_000, step: 1 }, { name: "min_p", min: 0, max: 1, step: 0.01 },
    { name: "max_tokens", min: 1, max: 10_000_000, step: 1 },
];
const schemaExample = "{\n  \"type\": \"object\",\n  \"properties\": { \"title\": { \"type\": \"string\" } },\n  \"required\": [\"title\"]\n}";
const toolsExample = "[{\n  \"type\": \"function\",\n  \"function\": {\n    \"name\": \"weather\",\n    \"parameters\": { \"type\": \"object\", "
    + "\"properties\": { \"city\": { \"type\": \"string\" } } }\n  }\n}]";

/// - Parameter section: the field that has the focus first.
export function openConversationSettings(store, section = "system") {
    const { settings } = store;
    const area = (name, value, rows, placeholder, code) => {
        const input = element("textarea", { rows, placeholder, spellcheck: code ? "false" : null, class: code ? "code-input" : null, "data-setting": name });
        input.value = value;
        return input;
    };
    const system = field(text("systemPrompt"), area("system", settings.system ?? "", "4", text("systemPromptHere"), false), text("systemPromptHint"));
    const thinking = element("select", { "data-setting": "thinking" },
        ...["automatic", "on", "off"].map(value => element("option", { value, selected: value === (settings.thinking ?? "automatic") }, text(`thinking-${value}`))));
    const fields = numbers.map(({ name, min, max, step }) => {
        const input = element("input", { type: "number", min, max, step: "any", inputmode: "decimal", placeholder: text("default"), "data-setting": name });
        input.value = settings[name] ?? "";
        return { name, min, max, integer: step === 1, ...field(text(name), input, text(`${name}-hint`)) };
    });
    const schema = field(text("schema"), area("schema", settings.schema ?? "", "5", schemaExample, true), text("schemaHint"));
    const tools = settings.tools?.length ? JSON.stringify(settings.tools, null, 2) : "";
    const toolField = field(text("tools"), area("tools", tools, "5", toolsExample, true), text("toolsHint"));

    const save = async () => {
        const changes = { system: system.input.value.trim() === "" ? null : system.input.value, thinking: thinking.value === "automatic" ? null : thinking.value };
        let sound = true;
        const check = (part, read) => {
            const { value, problem } = read(part.input.value.trim());
            part.setProblem(problem);
            if (problem) {
                if (sound) part.input.focus();
                sound = false;
            }
            return value ?? null;
        };
        for (const part of fields) changes[part.name] = check(part, value => readNumber(part, value));
        changes.schema = check(schema, readSchema);
        changes.tools = check(toolField, readTools);
        if (!sound) return;
        made.close();
        await store.attempt(() => store.changeSettings(changes));
    };
    const made = dialog(text("conversationSettings"), [
        system.element,
        element("fieldset", {}, element("legend", {}, text("sampling")), element("div", { class: "fields" }, ...fields.map(part => part.element),
            field(text("thinking"), thinking, text("thinking-hint")).element)),
        schema.element, toolField.element,
    ], { wide: true, actions: [button(text("cancel"), () => made.close()), button(text("save"), save, "solid")] });
    const first = { system: system.input, sampling: fields[0].input, schema: schema.input, tools: toolField.input }[section];
    first.focus();
}

function readNumber({ min, max, integer }, value) {
    if (value === "") return {};
    const read = Number(value);
    if (!Number.isFinite(read) || read < min || read > max || (integer && !Number.isInteger(read))) {
        return { problem: text(integer ? "mustBeInteger" : "mustBeBetween", { min, max }) };
    }
    return { value: read };
}

function readSchema(value) {
    if (value === "") return {};
    try {
        const read = JSON.parse(value);
        if (read === null || typeof read !== "object" || Array.isArray(read)) return { problem: text("mustBeObject") };
        return { value };
    } catch (error) {
        return { problem: text("notJSON", { message: error.message }) };
    }
}

function readTools(value) {
    if (value === "") return {};
    try {
        const read = JSON.parse(value);
        const sound = Array.isArray(read) && read.every(tool => tool?.type === "function" && typeof tool.function?.name === "string");
        return sound ? { value: read.length > 0 ? read : null } : { problem: text("mustBeTools") };
    } catch (error) {
        return { problem: text("notJSON", { message: error.message }) };
    }
}
