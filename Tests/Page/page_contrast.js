// Texts whose colour is too close to what is behind them (WCAG 2.2, 1.4.3): evaluated by page_test.py in a tab of the page.
(async () => {
    const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    // Whatever form a colour has, a pixel of it has three parts and how much it covers.
    const pixel = colour => {
        context.clearRect(0, 0, 1, 1);
        context.fillStyle = colour;
        context.fillRect(0, 0, 1, 1);
        const [red, green, blue, alpha] = context.getImageData(0, 0, 1, 1).data;
        return { parts: [red, green, blue], alpha: alpha / 255 };
    };
    const over = (top, bottom) => top.parts.map((part, index) => part * top.alpha + bottom[index] * (1 - top.alpha));
    const behind = element => (element === null ? [255, 255, 255] : over(pixel(getComputedStyle(element).backgroundColor), behind(element.parentElement)));
    const light = parts => parts.map(part => part / 255).map(part => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
        .reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
    const low = [];
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    let count = 0;
    while (texts.nextNode()) {
        const element = texts.currentNode.parentElement;
        if (texts.currentNode.data.trim() === "" || !element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
        if (element.closest("[disabled], .visually-hidden, .skip, svg, option")) continue;
        count++;
        const style = getComputedStyle(element);
        const ground = behind(element);
        const colour = pixel(style.color);
        for (let each = element; each !== null; each = each.parentElement) colour.alpha *= Number(getComputedStyle(each).opacity);
        const [one, other] = [light(over(colour, ground)), light(ground)].sort((a, b) => b - a);
        const size = parseFloat(style.fontSize);
        const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
        const ratio = (one + 0.05) / (other + 0.05);
        if (ratio < (large ? 3 : 4.5)) low.push(`${element.localName}.${element.className} ${texts.currentNode.data.trim().slice(0, 30)}: ${ratio.toFixed(2)}`);
    }
    return { low, count };
})
