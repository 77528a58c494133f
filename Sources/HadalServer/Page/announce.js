// What a screen reader says when it has time: an answer when it is there, not each of its words.

let region = null;

export function setRegion(element) {
    region = element;
}

export function announce(content) {
    if (region === null) return;
    region.textContent = "";
    // A region says what changes after it was empty.
    setTimeout(() => {
        region.textContent = content.length > 1500 ? `${content.slice(0, 1500)} …` : content;
    }, 60);
}
