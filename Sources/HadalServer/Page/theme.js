// Runs before the page is drawn: a page that is dark by choice does not flash white.
try {
    const theme = localStorage.getItem("hadal.theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
    // Without storage the page follows the system.
}
