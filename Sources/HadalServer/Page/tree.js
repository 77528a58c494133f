// The branches of a conversation: its messages are a tree, and a path of it is shown.

/// Messages by the id of their parent, in the order in which they were made.
function childrenOf(messages) {
    const children = new Map();
    for (const message of messages.values()) {
        const siblings = children.get(message.parent) ?? [];
        siblings.push(message);
        children.set(message.parent, siblings);
    }
    for (const siblings of children.values()) siblings.sort((a, b) => a.created - b.created);
    return children;
}

/// The path that ends in `current`: for each message its siblings, itself among them.
///
/// A parent that is missing or that comes twice ends the path: a file that was imported may say anything.
export function pathTo(messages, current) {
    const children = childrenOf(messages);
    const path = [];
    const seen = new Set();
    for (let message = messages.get(current); message && !seen.has(message.id); message = messages.get(message.parent)) {
        seen.add(message.id);
        path.unshift({ message, siblings: children.get(message.parent) ?? [message] });
    }
    return path;
}

/// The newest end of the branch below a message.
export function leafBelow(messages, id) {
    const children = childrenOf(messages);
    const seen = new Set();
    let leaf = id;
    while (!seen.has(leaf)) {
        seen.add(leaf);
        const next = children.get(leaf);
        if (next === undefined) break;
        leaf = next[next.length - 1].id;
    }
    return leaf;
}

/// The calls of tools of a message that the path below it does not answer.
export function openCalls(path, index) {
    const answered = new Set();
    for (const { message } of path.slice(index + 1)) {
        if (message.role !== "tool") break;
        answered.add(message.tool_call_id);
    }
    return (path[index].message.tool_calls ?? []).filter(call => !answered.has(call.id));
}
