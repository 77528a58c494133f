// A text that grows piece by piece: evaluated by page_test.py in a tab of the page. What is wrong, or nothing.
(async text => {
    const { render, MarkdownView } = await import("/hadal/page/markdown.js");
    const { patch } = await import("/hadal/page/patch.js");
    const wrong = [];
    const box = document.createElement("div");
    const view = new MarkdownView(box);
    let first = null;
    let fewest = 0;
    for (let end = 1; end <= text.length; end++) {
        view.show(text.slice(0, end), true);
        if (first === null && box.children.length > 2) first = box.firstChild;
        if (first !== null && box.firstChild !== first) wrong.push(`the first block was made again at ${end}`);
        // A block may become another one, but what stands does not vanish.
        if (box.children.length < fewest) wrong.push(`a block vanished at ${end}: ${JSON.stringify(text.slice(end - 30, end))}`);
        fewest = box.children.length;
        if (wrong.length > 4) break;
    }
    view.show(text, false);
    const whole = document.createElement("div");
    patch(whole, render(text));
    if (!box.isEqualNode(whole)) wrong.push("the end differs from the text at once");

    const selected = document.createElement("p");
    document.body.append(selected);
    const growing = new MarkdownView(selected);
    growing.show("one **two** three", true);
    const node = selected.querySelector("strong").firstChild;
    getSelection().setBaseAndExtent(node, 0, node, 3);
    growing.show("one **two** three four *five*\n\nsix", true);
    if (getSelection().toString() !== "two") wrong.push("the selection was lost");
    selected.remove();
    return wrong;
})
