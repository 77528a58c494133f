"""Makes ops.json: small cases of every op, computed in float64 with numpy from the ops' definitions alone.

    python3 make.py > ops.json

Operands are rounded to float32 first, so that both sides start from the same numbers. `step` is a list of
[first token, count] of the sequences; every cache starts empty.
"""
import json, math
import numpy as np

rng = np.random.default_rng(20240607)
cases = []


def f32(*shape, scale=1.0):
    return (rng.standard_normal(shape) * scale).astype(np.float32).astype(np.float64)


def flat(a):
    return [int(x) if np.issubdtype(a.dtype, np.integer) else float(x) for x in np.asarray(a).reshape(-1)]


def value(name, a):
    return {"name": name, "kind": "value", "dtype": "i32" if np.issubdtype(a.dtype, np.integer) else "f32", "dims": list(a.shape), "data": flat(a)}


def weight(name, a):
    return {"name": name, "kind": "weight", "dtype": "f32", "dims": list(a.shape), "data": flat(a)}


def case(label, op, inputs, outputs, attributes=None, sequences=None, planned=None):
    cases.append({"label": label, "op": op, "inputs": inputs, "attributes": attributes or {},
                  "sequences": sequences, "planned": planned, "outputs": [{"dims": list(o.shape), "data": flat(o)} for o in outputs]})


def sigmoid(x): return 1 / (1 + np.exp(-x))


erf = np.vectorize(math.erf)
functions = {
    "silu": lambda x: x * sigmoid(x),
    "gelu": lambda x: 0.5 * x * (1 + erf(x / math.sqrt(2))),
    "gelu_tanh": lambda x: 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x ** 3))),
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": sigmoid,
    "tanh": np.tanh,
    "softplus": lambda x: np.log1p(np.exp(x)),
}

x = f32(3, 7, scale=2)
for kind, function in functions.items():
    case(kind, "activation", [value("x", x)], [function(x)], {"kind": kind})
a, b = f32(4, 5), f32(4, 5)
case("sum", "add", [value("a", a), value("b", b)], [a + b])
case("product", "mul", [value("a", a), value("b", b)], [a * b])
case("factor", "scale", [value("x", a)], [a * -2.5], {"factor": -2.5})
case("cap", "softcap", [value("x", x)], [1.5 * np.tanh(x / 1.5)], {"cap": 1.5})
case("both sides", "clamp", [value("x", a)], [np.clip(a, -0.5, 0.25)], {"minimum": -0.5, "maximum": 0.25})
case("three widths", "concat", [value("a", a), value("b", f32(4, 1)), value("c", f32(4, 3))], [a], {})
parts = cases[-1]["inputs"]
joined = np.concatenate([np.array(p["data"]).reshape(p["dims"]) for p in parts], axis=1)
cases[-1]["outputs"] = [{"dims": list(joined.shape), "data": flat(joined)}]
case("2, 1 and 2 columns", "split", [value("x", a)], [a[:, :2], a[:, 2:3], a[:, 3:]], {"sizes": [2, 1, 2]})
rows = np.array([3, 0, 3])
case("a row twice", "gather_rows", [value("x", a), value("rows", rows)], [a[rows]])
table, ids = f32(6, 4), np.array([5, 0, 2, 5])
case("ids", "embedding", [value("tokens", ids), weight("weight", table)], [table[ids]])
for name in ["silu", "gelu", "gelu_tanh", "relu"]:
    case(name, "glu", [value("gate", a), value("up", b)], [functions[name](a) * b], {"activation": name})
gate, up = np.minimum(a, 0.6), np.clip(b, -0.6, 0.6)
case("limited", "glu", [value("gate", a), value("up", b)], [gate * sigmoid(1.702 * gate) * (up + 1)],
     {"alpha": 1.702, "limit": 0.6, "up_offset": 1.0})
w, bias = f32(4, 6), f32(4)
x = f32(3, 6)
case("without bias", "linear", [value("x", x), weight("weight", w)], [x @ w.T])
case("with bias", "linear", [value("x", x), weight("weight", w), weight("bias", bias)], [x @ w.T + bias])


def rms(x, w, eps, groups):
    n, d = x.shape
    y = x.reshape(n, groups, d // groups)
    return (y / np.sqrt((y ** 2).mean(-1, keepdims=True) + eps) * w).reshape(n, d)


w = f32(6)
case("one group", "rms_norm", [value("x", x), weight("weight", w)], [rms(x, w, 1e-5, 1)], {"eps": 1e-5})
case("three groups", "rms_norm", [value("x", x), weight("weight", w[:2])], [rms(x, w[:2], 0.25, 3)], {"eps": 0.25, "groups": 3})
case("a weight for each group", "rms_norm", [value("x", x), weight("weight", w)], [rms(x, 1, 0.25, 3) * w], {"eps": 0.25, "groups": 3})
case("no weight", "rms_norm", [value("x", x)], [rms(x, 1, 1e-6, 2)], {"groups": 2})
normal = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 0.1)
case("weight and bias", "layer_norm", [value("x", x), weight("weight", w), weight("bias", w[::-1])], [normal * w + w[::-1]], {"eps": 0.1})
case("bare", "layer_norm", [value("x", x)], [normal], {"eps": 0.1})
slices = x.reshape(3, 2, 3)
slices = ((slices - slices.mean(2, keepdims=True)) / np.sqrt(slices.var(2, keepdims=True) + 0.1)).reshape(3, 6)
case("groups", "layer_norm", [value("x", x), weight("weight", w[:3]), weight("bias", w[3:])], [slices * np.tile(w[:3], 2) + np.tile(w[3:], 2)],
     {"eps": 0.1, "groups": 2})
case("a weight and bias for each group", "layer_norm", [value("x", x), weight("weight", w), weight("bias", w[::-1])], [slices * w + w[::-1]],
     {"eps": 0.1, "groups": 2})


def rope(x, positions, freq, heads, rotary, offset, layout, scale):
    """As a multiplication of complex numbers."""
    n, d = x.shape
    y = x.reshape(n, heads, d // heads).copy()
    part = y[:, :, offset:offset + rotary]
    z = part[..., :rotary // 2] + 1j * part[..., rotary // 2:] if layout == "half" else part[..., ::2] + 1j * part[..., 1::2]
    z = z * scale * np.exp(1j * positions[:, None] * freq)[:, None, :]
    if layout == "half":
        y[:, :, offset:offset + rotary] = np.concatenate([z.real, z.imag], -1)
    else:
        y[:, :, offset:offset + rotary] = np.stack([z.real, z.imag], -1).reshape(part.shape)
    return y.reshape(n, d)


x, positions = f32(4, 20), np.array([0, 7, 1000, 3])
freq = (10000.0 ** (-np.arange(3) / 3)).astype(np.float32).astype(np.float64)[None]
for layout in ["half", "adjacent"]:
    for offset in [0, 3]:
        case(f"{layout}, offset {offset}", "rope", [value("x", x), value("positions", positions), weight("inv_freq", freq)],
             [rope(x, positions, freq[0], 2, 6, offset, layout, 1.25)],
             {"heads": 2, "rotary": 6, "offset": offset, "layout": layout, "scale": 1.25})
freqs = np.concatenate([freq, freq / 8])
both = np.concatenate([rope(x[:1], positions[:1], freqs[0], 2, 6, 0, "half", 1), rope(x[1:], positions[1:], freqs[1], 2, 6, 0, "half", 1)])
case("switched by planned length", "rope", [value("x", x), value("positions", positions), weight("inv_freq", freqs)], [both],
     {"heads": 2, "rotary": 6, "switch_length": 16}, sequences=[[0, 1], [1, 3]], planned=[16, 17])


def softmax(s):
    e = np.exp(s - s.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def attention(q, k, v, heads, kv_heads, scale, window=0, cap=0.0, sinks=None):
    n = q.shape[0]
    q, k, v = q.reshape(n, heads, -1), k.reshape(n, kv_heads, -1), v.reshape(n, kv_heads, -1)
    k, v = np.repeat(k, heads // kv_heads, 1), np.repeat(v, heads // kv_heads, 1)
    s = np.einsum("ihd,jhd->hij", q, k) * scale
    if cap: s = cap * np.tanh(s / cap)
    i, j = np.arange(n)[:, None], np.arange(n)[None]
    seen = (j <= i) if not window else (j <= i) & (j > i - window)
    s = np.where(seen, s, -np.inf)
    if sinks is not None: s = np.concatenate([s, np.broadcast_to(sinks[:, None, None], (heads, n, 1))], -1)
    p = softmax(s)[..., :n]
    return np.einsum("hij,jhd->ihd", p, v).reshape(n, -1)


n, q, k, v, sinks = 9, f32(9, 4 * 5), f32(9, 2 * 5), f32(9, 2 * 3), f32(4)
base = {"heads": 4, "kv_heads": 2, "head_dim": 5, "value_dim": 3, "scale": 0.4}
operands = [value("q", q), value("k", k), value("v", v)]
case("grouped queries", "attention", operands, [attention(q, k, v, 4, 2, 0.4)], base, sequences=[[0, 9]])
case("window of 3", "attention", operands, [attention(q, k, v, 4, 2, 0.4, 3)], base | {"window": 3}, sequences=[[0, 9]])
case("window of 1", "attention", operands, [attention(q, k, v, 4, 2, 0.4, 1)], base | {"window": 1}, sequences=[[0, 9]])
case("soft cap", "attention", operands, [attention(q, k, v, 4, 2, 0.4, 0, 0.7)], base | {"softcap": 0.7}, sequences=[[0, 9]])
case("sinks", "attention", operands + [weight("sinks", sinks)], [attention(q, k, v, 4, 2, 0.4, sinks=sinks)], base, sequences=[[0, 9]])
two = np.concatenate([attention(q[:4], k[:4], v[:4], 4, 2, 0.4), attention(q[4:], k[4:], v[4:], 4, 2, 0.4)])
case("two sequences", "attention", operands, [two], base, sequences=[[0, 4], [4, 5]])


def latent_attention(q, latent, rotary, kv_b, heads, nope, dim, scale, selection=None):
    """The absorbed form: scores are taken against the latent row itself."""
    n, rank = latent.shape
    q, w = q.reshape(n, heads, -1), kv_b.reshape(heads, nope + dim, rank)
    absorbed = np.einsum("ihd,hdr->ihr", q[..., :nope], w[:, :nope])
    s = (np.einsum("ihr,jr->hij", absorbed, latent) + np.einsum("ihd,jd->hij", q[..., nope:], rotary)) * scale
    seen = np.tril(np.ones((n, n), bool))
    if selection is not None:
        chosen = np.zeros((n, n), bool)
        for i, row in enumerate(selection): chosen[i, row[row >= 0]] = True
        seen &= chosen
    p = softmax(np.where(seen, s, -np.inf))
    return np.einsum("ihr,hdr->ihd", np.einsum("hij,jr->ihr", p, latent), w[:, nope:]).reshape(n, -1)


q, latent, rotary, kv_b = f32(6, 3 * (4 + 2)), f32(6, 8), f32(6, 2), f32(3 * (4 + 5), 8)
base = {"heads": 3, "nope_dim": 4, "rope_dim": 2, "value_dim": 5, "rank": 8, "scale": 0.3}
operands = [value("q", q), value("latent", latent), value("k_rope", rotary), weight("kv_b", kv_b)]
case("all tokens", "latent_attention", operands, [latent_attention(q, latent, rotary, kv_b, 3, 4, 5, 0.3)], base, sequences=[[0, 6]])
selection = np.array([[0, -1], [1, 0], [2, -1], [0, 3], [4, 1], [2, 5]])
case("selected tokens", "latent_attention", operands + [value("selection", selection)],
     [latent_attention(q, latent, rotary, kv_b, 3, 4, 5, 0.3, selection)], base, sequences=[[0, 6]])


def router(x, w, k, scoring="softmax", bias=0, choice_bias=0, groups=1, top_groups=1, group_score="max", dropped=0.0, normalise=False, scale=1.0):
    logits = x @ w.T + bias
    scores = {"softmax": softmax, "sigmoid": sigmoid, "sqrt_softplus": lambda l: np.sqrt(np.log1p(np.exp(l))), "softmax_topk": lambda l: l}[scoring](logits)
    choice = scores + choice_bias
    n, e = choice.shape
    if groups > 1:
        by_group = np.sort(choice.reshape(n, groups, -1), -1)
        rank = by_group[..., -1] if group_score == "max" else by_group[..., -1] + by_group[..., -2]
        keep = np.zeros((n, groups), bool)
        np.put_along_axis(keep, np.argsort(-rank, 1, kind="stable")[:, :top_groups], True, 1)
        choice = np.where(np.repeat(keep, e // groups, 1), choice, dropped)
    indices = np.argsort(-choice, 1, kind="stable")[:, :k]
    weights = np.take_along_axis(scores, indices, 1)
    if scoring == "softmax_topk": weights = softmax(weights)
    if normalise: weights = weights / (weights.sum(1, keepdims=True) + 1e-20)
    return [indices, weights * scale]


x, w, bias, choice_bias = f32(5, 6), f32(8, 6), f32(8), f32(8)
operands = [value("x", x), weight("weight", w)]
case("softmax", "router", operands, router(x, w, 3), {"top_k": 3})
case("softmax, normalised", "router", operands, router(x, w, 2, normalise=True), {"top_k": 2, "normalise": True})
case("best groups by maximum", "router", operands, router(x, w, 3, groups=4, top_groups=2, scale=16), {"top_k": 3, "groups": 4, "top_groups": 2, "scale": 16.0})
case("best groups by two best, with selection bias", "router", operands + [None, weight("selection_bias", choice_bias)],
     router(x, w, 3, "sigmoid", 0, choice_bias, 2, 1, "top2", -np.inf, True, 2.5),
     {"top_k": 3, "scoring": "sigmoid", "groups": 2, "top_groups": 1, "group_score": "top2", "dropped": "negative_infinity", "normalise": True, "scale": 2.5})
case("softmax over the chosen", "router", operands + [weight("bias", bias)], router(x, w, 2, "softmax_topk", bias), {"top_k": 2, "scoring": "softmax_topk"})
case("root of softplus", "router", operands, router(x, w, 2, "sqrt_softplus", normalise=True), {"top_k": 2, "scoring": "sqrt_softplus", "normalise": True})

E, F, D = 4, 5, 6
x, gate, up, down = f32(3, D), f32(E, F, D), f32(E, F, D), f32(E, D, F)
gb, ub, db = f32(E, F), f32(E, F), f32(E, D)
indices, weights = np.array([[0, 2], [3, 2], [1, 3]]), f32(3, 2)


def experts(gb, ub, db, unit):
    y = np.zeros_like(x)
    for n in range(3):
        for i, w in zip(indices[n], weights[n]):
            y[n] += w * (down[i] @ unit(gate[i] @ x[n] + gb[i], up[i] @ x[n] + ub[i]) + db[i])
    return y


operands = [value("x", x), value("indices", indices), value("weights", weights), weight("gate", gate), weight("up", up), weight("down", down)]
none = np.zeros(E)
case("plain", "experts", operands, [experts(none, none, none, lambda g, u: functions["silu"](g) * u)])
case("gelu", "experts", operands, [experts(none, none, none, lambda g, u: functions["gelu"](g) * u)], {"activation": "gelu"})


def limited(g, u):
    g, u = np.minimum(g, 0.9), np.clip(u, -0.9, 0.9)
    return g * sigmoid(1.702 * g) * (u + 1)


case("biases and limits", "experts", operands + [weight("gate_bias", gb), weight("up_bias", ub), weight("down_bias", db)],
     [experts(gb, ub, db, limited)], {"alpha": 1.702, "limit": 0.9, "up_offset": 1.0})



def indexer(q, k, w, top):
    n, heads = w.shape
    s = np.einsum("ih,ihj->ij", w, np.maximum(np.einsum("ihd,jd->ihj", q.reshape(n, heads, -1), k), 0))
    selection = np.full((n, top), -1)
    for i in range(n):
        chosen = np.sort(np.argsort(-s[i, :i + 1], kind="stable")[:top])
        selection[i, :len(chosen)] = chosen
    return selection


q, k, w = f32(6, 3 * 5), f32(6, 5), f32(6, 3)
base = {"heads": 3, "dim": 5, "top_k": 2}
case("best two", "indexer", [value("q", q), value("k", k), value("w", w)], [indexer(q, k, w, 2)], base, sequences=[[0, 6]])
q, k, w = np.round(f32(9, 4)), np.round(f32(9, 2)), np.round(f32(9, 2))
two = np.concatenate([indexer(q[:2], k[:2], w[:2], 3), indexer(q[2:], k[2:], w[2:], 3)])
case("ties, and two sequences", "indexer", [value("q", q), value("k", k), value("w", w)], [two], {"heads": 2, "dim": 2, "top_k": 3}, sequences=[[0, 2], [2, 7]])

print("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]")
