// Long texts that are made to take long: what takes the square of their length takes minutes. Evaluated by page_test.py in a tab of the page.
(async limit => {
    const { render, MarkdownView } = await import("/hadal/page/markdown.js");
    const { formula } = await import("/hadal/page/tex.js");
    const size = 1 << 18;
    const fill = (piece, length = size) => piece.repeat(Math.ceil(length / piece.length)).slice(0, length);
    const texts = {};
    for (const piece of [
        ">", "> ", "- ", "* ", "1. ", "*", "*a ", "*a **b ", "**a ", "*_", "a**b", "**中", "_a _", "~~a ", "[", "![", "]", "[a](", "![a](", "[a]", "[a](b \"",
        "[a](http://b.c)", "` `` ", "`", "$a ", "$a$ ", "$$ a\n", "\\( ", "\\[ a\n", "\\begin{align}\n", "http://", "http://%", "<", "<a:", "&#", "a\n", "a  \n",
        "\n", " ", "\t", "|", "|\n", "|a|b\n", "-", "- - ", "#", "# ", "- a\n", "> a\nb\n", "[a]: b\n", "```\n", "a\n=\n", "\\", "<script>", "1. > - ",
    ]) texts[piece] = fill(piece);
    texts["openers and closers"] = fill("*a ", size / 2) + fill("a* ", size / 2);
    texts["one long run"] = `${fill("*", size / 2)}a${fill("*", size / 2)}`;
    texts["brackets and links"] = fill("[", size / 2) + fill("[a](http://b)", size / 2);
    texts["images and links"] = fill("![", size / 2) + fill("[a](http://b)", size / 2);
    texts["runs of backticks"] = Array.from({ length: 700 }, (_, index) => "`".repeat(index + 1)).join(" ");
    texts["nested lists"] = Array.from({ length: 700 }, (_, index) => `${" ".repeat(index)}- a`).join("\n");
    texts["wide table"] = `${fill("|a", size / 3)}\n${fill("|-", size / 3)}\n${fill("|\n", size / 3)}`;
    texts["spaces in a definition"] = `[a]: b${fill(" ")}x`;
    texts["spaces in a heading"] = `# a${fill(" ")}b`;
    texts["spaces in a table"] = `|a|\n|-${fill(" ")}x`;
    texts["late end"] = `${fill("\\[ a\n")}\\] x`;
    const slow = [];
    let longest = 0;
    for (const [name, text] of Object.entries(texts)) {
        const start = performance.now();
        try {
            render(text);
        } catch (error) {
            slow.push(`${name}: ${error.message}`);
        }
        const taken = performance.now() - start;
        longest = Math.max(longest, taken);
        if (taken > limit) slow.push(`${name}: ${Math.round(taken)} ms`);
    }
    for (const piece of ["{", "\\frac", "x^", "\\left(", "a*\\alpha*", "\\\\[", "\\sqrt{", "\\begin{matrix}", "\\text{"]) {
        const start = performance.now();
        formula(fill(piece, 19_000), true);
        if (performance.now() - start > limit) slow.push(`formula ${piece}`);
    }
    return { slow, longest, count: Object.keys(texts).length };
})
