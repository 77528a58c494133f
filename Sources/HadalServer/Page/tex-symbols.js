// What the commands of TeX stand for.

const table = text => new Map(text.trim().split(/\s+/).map(pair => pair.split("=")).map(([name, ...value]) => [name, value.join("=")]));

/// Letters: identifiers of a formula.
export const letters = table(`
alpha=α beta=β gamma=γ delta=δ epsilon=ϵ varepsilon=ε zeta=ζ eta=η theta=θ vartheta=ϑ iota=ι kappa=κ lambda=λ mu=μ nu=ν xi=ξ
omicron=ο pi=π varpi=ϖ rho=ρ varrho=ϱ sigma=σ varsigma=ς tau=τ upsilon=υ phi=ϕ varphi=φ chi=χ psi=ψ omega=ω
Gamma=Γ Delta=Δ Theta=Θ Lambda=Λ Xi=Ξ Pi=Π Sigma=Σ Upsilon=Υ Phi=Φ Psi=Ψ Omega=Ω
infty=∞ partial=∂ nabla=∇ hbar=ℏ ell=ℓ Re=ℜ Im=ℑ wp=℘ aleph=ℵ beth=ℶ emptyset=∅ varnothing=∅ imath=ı jmath=ȷ
top=⊤ bot=⊥ angle=∠ triangle=△ square=□ Box=□ blacksquare=■ qed=□ prime=′ degree=° circ=∘
clubsuit=♣ diamondsuit=♢ heartsuit=♡ spadesuit=♠ flat=♭ natural=♮ sharp=♯ checkmark=✓ S=§ P=¶ pounds=£
dots=… ldots=… cdots=⋯ vdots=⋮ ddots=⋱ dotsc=… dotsb=⋯ dotsm=⋯ dotsi=⋯ lbrack=[ rbrack=]
`);

/// Operators and relations.
export const operators = table(`
times=× div=÷ cdot=⋅ ast=∗ star=⋆ pm=± mp=∓ bullet=∙ oplus=⊕ ominus=⊖ otimes=⊗ oslash=⊘ odot=⊙ dagger=† ddagger=‡
cap=∩ cup=∪ uplus=⊎ sqcap=⊓ sqcup=⊔ vee=∨ lor=∨ wedge=∧ land=∧ setminus=∖ smallsetminus=∖ wr=≀ amalg=⨿ bmod=mod
leq=≤ le=≤ geq=≥ ge=≥ neq=≠ ne=≠ equiv=≡ approx=≈ sim=∼ simeq=≃ cong=≅ propto=∝ doteq=≐ asymp=≍ ll=≪ gg=≫ leqslant=⩽ geqslant=⩾
prec=≺ succ=≻ preceq=⪯ succeq=⪰ lesssim=≲ gtrsim=≳ triangleq=≜ coloneqq=≔ lt=< gt=>
subset=⊂ supset=⊃ subseteq=⊆ supseteq=⊇ subsetneq=⊊ supsetneq=⊋ sqsubseteq=⊑ sqsupseteq=⊒ in=∈ notin=∉ ni=∋ nsubseteq=⊈
mid=∣ nmid=∤ parallel=∥ perp=⊥ models=⊨ vdash=⊢ dashv=⊣ vDash=⊨ forall=∀ exists=∃ nexists=∄ neg=¬ lnot=¬ therefore=∴ because=∵
to=→ gets=← rightarrow=→ leftarrow=← leftrightarrow=↔ Rightarrow=⇒ Leftarrow=⇐ Leftrightarrow=⇔ implies=⟹ impliedby=⟸ iff=⟺
longrightarrow=⟶ longleftarrow=⟵ longleftrightarrow=⟷ Longrightarrow=⟹ Longleftarrow=⟸ Longleftrightarrow=⟺ mapsto=↦ longmapsto=⟼
uparrow=↑ downarrow=↓ updownarrow=↕ Uparrow=⇑ Downarrow=⇓ hookrightarrow=↪ hookleftarrow=↩ rightharpoonup=⇀ leftharpoonup=↼
rightleftharpoons=⇌ nearrow=↗ searrow=↘ swarrow=↙ nwarrow=↖ leadsto=⇝ colon=: backslash=\\ surd=√ lhd=⊲ rhd=⊳ bowtie=⋈
`);

/// Operators whose limits stand above and below where the formula has room.
export const large = table(`
sum=∑ prod=∏ coprod=∐ bigcup=⋃ bigcap=⋂ bigsqcup=⨆ bigvee=⋁ bigwedge=⋀ bigoplus=⨁ bigotimes=⨂ bigodot=⨀ biguplus=⨄
`);

export const integrals = table("int=∫ iint=∬ iiint=∭ oint=∮ oiint=∯ smallint=∫");

/// Functions, which are written upright. Those of `limits` have theirs below.
export const functions = new Set(("sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh coth log ln lg exp deg dim hom ker arg erf "
    + "sgn tr rank diag softmax ReLU").split(" "));
export const limitFunctions = new Map([
    ...("lim max min sup inf det gcd Pr".split(" ").map(name => [name, name])), ["limsup", "lim sup"], ["liminf", "lim inf"],
    ["argmax", "arg max"], ["argmin", "arg min"],
]);

export const accents = table(`
hat=^ widehat=^ check=ˇ tilde=~ widetilde=~ acute=´ grave=\` dot=˙ ddot=¨ dddot=⃛ breve=˘ bar=¯ vec=→ mathring=˚
overline=‾ overrightarrow=→ overleftarrow=← overleftrightarrow=↔ overbrace=⏞ overparen=⏜
`);
export const below = table("underline=_ underbrace=⏟ underrightarrow=→ underleftarrow=← underparen=⏝");

/// What `\\left`, `\\right` and `\\big` take, beside characters that mean themselves.
export const delimiters = new Map([
    ..."()[]/|<>".split("").map(character => [character, character]), ["<", "⟨"], [">", "⟩"], [".", ""], ["\\{", "{"], ["\\}", "}"],
    ["\\lbrace", "{"], ["\\rbrace", "}"], ["\\lbrack", "["], ["\\rbrack", "]"], ["\\langle", "⟨"], ["\\rangle", "⟩"], ["\\vert", "|"],
    ["\\|", "‖"], ["\\Vert", "‖"], ["\\lvert", "|"], ["\\rvert", "|"], ["\\lVert", "‖"], ["\\rVert", "‖"], ["\\lfloor", "⌊"],
    ["\\rfloor", "⌋"], ["\\lceil", "⌈"], ["\\rceil", "⌉"], ["\\backslash", "\\"], ["\\uparrow", "↑"], ["\\downarrow", "↓"],
    ["\\updownarrow", "↕"], ["\\Uparrow", "⇑"], ["\\Downarrow", "⇓"], ["\\lgroup", "⟮"], ["\\rgroup", "⟯"], ["\\ulcorner", "⌜"],
    ["\\urcorner", "⌝"],
]);

export const spaces = new Map([
    [",", "0.167em"], [":", "0.222em"], [">", "0.222em"], [";", "0.278em"], ["!", "-0.167em"], [" ", "0.25em"], ["quad", "1em"],
    ["qquad", "2em"], ["thinspace", "0.167em"], ["medspace", "0.222em"], ["thickspace", "0.278em"], ["enspace", "0.5em"],
    ["negthinspace", "-0.167em"], ["space", "0.25em"],
]);

/// Sizes of `\\big` and its kin, in em.
export const sizes = new Map([["big", 1.2], ["Big", 1.8], ["bigg", 2.4], ["Bigg", 3]]);

/// Matrices and what is laid out like one: fences, and how columns stand.
export const environments = new Map([
    ["matrix", { fences: ["", ""], align: "c" }], ["smallmatrix", { fences: ["", ""], align: "c" }],
    ["pmatrix", { fences: ["(", ")"], align: "c" }], ["bmatrix", { fences: ["[", "]"], align: "c" }],
    ["Bmatrix", { fences: ["{", "}"], align: "c" }], ["vmatrix", { fences: ["|", "|"], align: "c" }],
    ["Vmatrix", { fences: ["‖", "‖"], align: "c" }], ["cases", { fences: ["{", ""], align: "ll" }],
    ["dcases", { fences: ["{", ""], align: "ll", display: true }], ["rcases", { fences: ["", "}"], align: "ll" }],
    ["array", { fences: ["", ""], columns: true }], ["subarray", { fences: ["", ""], columns: true }],
    ...["align", "aligned", "alignat", "split", "eqnarray"].map(name => [name, { fences: ["", ""], align: "rl", display: true }]),
    ...["gather", "gathered", "equation", "multline"].map(name => [name, { fences: ["", ""], align: "c", display: true }]),
]);

// Where the letters of a style begin in Unicode: capitals, small letters, digits; those that older blocks have stand apart.
const styles = {
    bold: [0x1d400, 0x1d41a, 0x1d7ce], italic: [0x1d434, 0x1d44e, null], script: [0x1d49c, 0x1d4b6, null],
    fraktur: [0x1d504, 0x1d51e, null], double: [0x1d538, 0x1d552, 0x1d7d8], sans: [0x1d5a0, 0x1d5ba, 0x1d7e2],
    mono: [0x1d670, 0x1d68a, 0x1d7f6],
};
const apart = {
    italic: { h: "ℎ" },
    script: { B: "ℬ", E: "ℰ", F: "ℱ", H: "ℋ", I: "ℐ", L: "ℒ", M: "ℳ", R: "ℛ", e: "ℯ", g: "ℊ", o: "ℴ" },
    fraktur: { C: "ℭ", H: "ℌ", I: "ℑ", R: "ℜ", Z: "ℨ" },
    double: { C: "ℂ", H: "ℍ", N: "ℕ", P: "ℙ", Q: "ℚ", R: "ℝ", Z: "ℤ" },
};
const greekBold = 0x1d6a8;

export const styleCommands = new Map([
    ["mathbf", "bold"], ["boldsymbol", "bold"], ["bm", "bold"], ["pmb", "bold"], ["mathit", "italic"], ["mathcal", "script"],
    ["mathscr", "script"], ["mathfrak", "fraktur"], ["mathbb", "double"], ["mathsf", "sans"], ["mathtt", "mono"], ["mathrm", "upright"],
    ["mathnormal", "normal"], ["rm", "upright"], ["bf", "bold"], ["cal", "script"],
]);

/// A character in a style, where Unicode has it.
export function styled(character, style) {
    if (style === "upright" || style === "normal") return character;
    if (apart[style]?.[character]) return apart[style][character];
    const code = character.codePointAt(0);
    const [capitals, small, digits] = styles[style];
    if (code >= 65 && code <= 90) return String.fromCodePoint(capitals + code - 65);
    if (code >= 97 && code <= 122) return String.fromCodePoint(small + code - 97);
    if (code >= 48 && code <= 57 && digits !== null) return String.fromCodePoint(digits + code - 48);
    if (style === "bold" && code >= 0x391 && code <= 0x3a9) return String.fromCodePoint(greekBold + code - 0x391);
    if (style === "bold" && code >= 0x3b1 && code <= 0x3c9) return String.fromCodePoint(greekBold + 26 + code - 0x3b1);
    return character;
}
