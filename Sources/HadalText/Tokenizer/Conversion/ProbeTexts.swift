/// Texts on which tokenizers differ: what stands beside what decides where a text is cut.
enum ProbeTexts {
    /// Short pieces of every kind that published pre-tokenizers tell apart.
    private static let pieces = [
        "a", "Zq", "don't", "I'LL", "'s", "1", "42", "12345", "²", "½", "٣٤", " ", "  ", "   \t", "\n", "\r\n", "\n\n", "\u{3000}",
        "\u{A0}",
        ".", "...", "!?", "-", "_", "$", "+=", "~^", "\"", "/", "://", "é", "e\u{301}", "ñandú", "ß", "Ωμέγα", "Привет", "日本語", "中文",
        "ひらがな",
        "カタカナ", "한국어", "ㄱ", "ไทย", "हिन्दी", "עברית", "العربية", "，", "。", "“", "…", "😀", "👩‍💻", "\u{200B}", "\u{FEFF}", "Ａ", "ǅ", "ʰ", "𐐀",
        "\u{0}", "\u{7F}", "ﬁ", "₿",
    ]

    /// Every piece beside every other, and some running text.
    static let all: [String] = {
        var texts = pieces.map { left in
            pieces.map { left + $0 + left }.joined(separator: "\n") + pieces.map { left + $0 }.joined(separator: " ")
        }
        texts += [
            "The quick brown fox can't jump 1000 times over 3.14 lazy dogs!\n\n    def f(x):\n\t\treturn x**2  # café\n",
            "Hello World! It's 2024-06-01, isn't it? A_b-C d.e@f.org https://example.org/a?b=c&d=1\r\n\r\nEnd   of   text   ",
            "const x = {a: [1, 2, 33333333]}; // 注释\n<tag attr=\"v\">\n", "        eight spaces\n\n\n\nfour newlines   \n  two",
        ]
        return texts
    }()
}
