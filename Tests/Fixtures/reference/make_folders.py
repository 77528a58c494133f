"""Makes kernels/ops/<op>/fixture.json for ops and features that came after ops.json: computed in float64 with numpy from the definitions alone.

    python3 make_folders.py

Operands are rounded to float32 first. `step` is a list of [first token, count] of the sequences; every cache starts empty.
"""
import json
import pathlib

import numpy as np

rng = np.random.default_rng(20260601)
FOLDER = pathlib.Path(__file__).resolve().parents[3] / "kernels" / "ops"
found = {}


def f32(*shape, scale=1.0):
    return (rng.standard_normal(shape) * scale).astype(np.float32).astype(np.float64)


def operand(name, kind, a):
    is_whole = np.issubdtype(a.dtype, np.integer)
    return {"name": name, "kind": kind, "dtype": "i32" if is_whole else "f32", "dims": list(a.shape),
            "data": [int(x) if is_whole else float(x) for x in a.reshape(-1)]}


def value(name, a): return operand(name, "value", a)
def weight(name, a): return operand(name, "weight", a)


def case(label, op, inputs, outputs, attributes, sequences=None):
    made = [{"dims": list(o.shape), "data": operand("", "value", o)["data"]} for o in outputs]
    found.setdefault(op, []).append({"label": label, "op": op, "inputs": inputs, "attributes": attributes, "sequences": sequences, "planned": None, "outputs": made})


def softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


x = f32(3, 9)
case("columns in the middle", "slice", [value("x", x)], [x[:, 2:6]], {"from": 2, "width": 4})


def chunked(q, k, v, heads, kv_heads, scale, chunk):
    n, dim, width = len(q), q.shape[1] // heads, v.shape[1] // kv_heads
    y = np.zeros((n, heads * width))
    for i in range(n):
        seen = slice(i - i % chunk, i + 1)
        for h in range(heads):
            g = h // (heads // kv_heads)
            p = softmax(scale * k[seen, g * dim:(g + 1) * dim] @ q[i, h * dim:(h + 1) * dim])
            y[i, h * width:(h + 1) * width] = p @ v[seen, g * width:(g + 1) * width]
    return y


q, k, v = f32(9, 4 * 3), f32(9, 2 * 3), f32(9, 2 * 5)
case("chunks of 4", "attention", [value("q", q), value("k", k), value("v", v)], [chunked(q, k, v, 4, 2, 0.4, 4)],
     {"heads": 4, "kv_heads": 2, "head_dim": 3, "value_dim": 5, "scale": 0.4, "window_chunk": 4}, [[0, 9]])


def mixed(x, w, top, within):
    chosen, shares = [], []
    for row in x @ w.T:
        taken, own = [], []
        for _ in range(top):
            left = row.copy()
            left[taken] = -np.inf
            best = int(left.argmax())
            near = [e for e in range(len(row)) if e not in taken and (row[best] - row[e]) / max(abs(row[e]), row[best]) <= within]
            own.append(1 / np.exp(row[near] - row[best]).sum())
            taken.append(best)
        chosen.append(taken)
        shares.append(own)
    return [np.array(chosen, dtype=np.int32), np.array(shares)]


x, w = f32(6, 5), f32(7, 5)
case("each weighed against those near it", "router", [value("x", x), weight("weight", w)], mixed(x, w, 3, 0.9),
     {"top_k": 3, "scoring": "sparse_mixer", "within": 0.9})
scales = f32(7)
logits = x @ w.T
order = np.argsort(-logits, axis=1, kind="stable")[:, :2].astype(np.int32)
shares = np.stack([softmax(row)[e] / softmax(row)[e].sum() * scales[e] for row, e in zip(logits, order)])
case("shares times a factor of each expert", "router", [value("x", x), weight("weight", w), None, None, weight("expert_scale", scales)], [order, shares],
     {"top_k": 2, "normalise": True})

x, gate, up, down = f32(4, 5), f32(3, 6, 5), f32(3, 6, 5), f32(3, 5, 6)
indices, weights = np.array([[0, 2], [1, 0], [2, 1], [1, 2]], dtype=np.int32), np.abs(f32(4, 2))
y = np.zeros((4, 5))
for n in range(4):
    for e, share in zip(indices[n], weights[n]):
        g = gate[e] @ (share * x[n])
        y[n] += down[e] @ (g / (1 + np.exp(-g)) * (up[e] @ (share * x[n])))
case("weights on what goes in", "experts", [value("x", x), value("indices", indices), value("weights", weights), weight("gate", gate), weight("up", up), weight("down", down)],
     [y], {"weighted": "input"})


def chosen_blocks(q, k, heads, block, local, top):
    n, dim = len(q), k.shape[1]
    out = np.full((n, heads * top), -1, dtype=np.int32)
    for i in range(n):
        own = i // block
        for h in range(heads):
            scores = [(k[b * block:min((b + 1) * block, i + 1)] @ q[i, h * dim:(h + 1) * dim]).max() for b in range(own + 1)]
            scores = [np.inf if b + local > own else s for b, s in enumerate(scores)]
            best = sorted(sorted(range(own + 1), key=lambda b: -scores[b])[:top])
            out[i, h * top:h * top + len(best)] = best
    return out


q, k = f32(11, 2 * 4), f32(11, 4)
case("own block and the best other", "block_indexer", [value("q", q), value("k", k)], [chosen_blocks(q, k, 2, 2, 1, 2)],
     {"heads": 2, "dim": 4, "block": 2, "local": 1, "top_k": 2}, [[0, 11]])
case("none for certain", "block_indexer", [value("q", q), value("k", k)], [chosen_blocks(q, k, 2, 3, 0, 1)],
     {"heads": 2, "dim": 4, "block": 3, "local": 0, "top_k": 1}, [[0, 11]])


def block_attention(q, k, v, blocks, heads, kv_heads, choices, scale, block):
    n, dim, width, many = len(q), q.shape[1] // heads, v.shape[1] // kv_heads, blocks.shape[1] // choices
    y = np.zeros((n, heads * width))
    for i in range(n):
        for h in range(heads):
            g, c = h // (heads // kv_heads), h // (heads // choices)
            seen = [j for b in blocks[i, c * many:(c + 1) * many] if b >= 0 for j in range(b * block, min((b + 1) * block, i + 1))]
            p = softmax(scale * k[seen, g * dim:(g + 1) * dim] @ q[i, h * dim:(h + 1) * dim])
            y[i, h * width:(h + 1) * width] = p @ v[seen, g * width:(g + 1) * width]
    return y


q, k, v = f32(11, 4 * 3), f32(11, 2 * 3), f32(11, 2 * 5)
blocks = chosen_blocks(f32(11, 2 * 4), f32(11, 4), 2, 2, 1, 2)
case("two choices of blocks of 2", "block_attention", [value("q", q), value("k", k), value("v", v), value("blocks", blocks)],
     [block_attention(q, k, v, blocks, 4, 2, 2, 0.4, 2)],
     {"heads": 4, "kv_heads": 2, "choices": 2, "head_dim": 3, "value_dim": 5, "scale": 0.4, "block": 2}, [[0, 11]])



def around(q, k, v, heads, kv_heads, scale, window, future, sequences):
    n, dim, width = len(q), q.shape[1] // heads, v.shape[1] // kv_heads
    y = np.zeros((n, heads * width))
    for first, count in sequences:
        for i in range(count):
            seen = [first + j for j in range(count) if (window == 0 or j > i - window) and (future == -1 or j <= i + future)]
            for h in range(heads):
                g = h // (heads // kv_heads)
                p = softmax(scale * k[seen, g * dim:(g + 1) * dim] @ q[first + i, h * dim:(h + 1) * dim])
                y[first + i, h * width:(h + 1) * width] = p @ v[seen, g * width:(g + 1) * width]
    return y


for label, window, future, sequences in [("all keys", 0, -1, [[0, 7], [7, 4]]), ("two keys before and three after", 3, 3, [[0, 11]]),
                                         ("all later keys and one before", 2, -1, [[0, 11]]), ("all earlier keys and one after", 0, 1, [[0, 2], [2, 9]])]:
    q, k, v = f32(11, 4 * 3), f32(11, 2 * 3), f32(11, 2 * 5)
    case(label, "attention", [value("q", q), value("k", k), value("v", v)], [around(q, k, v, 4, 2, 0.4, window, future, sequences)],
         {"heads": 4, "kv_heads": 2, "head_dim": 3, "value_dim": 5, "scale": 0.4, "window": window, "window_future": future}, sequences)

pooled = {"mean": lambda t: t.mean(axis=0), "first": lambda t: t[0], "last": lambda t: t[-1], "max": lambda t: t.max(axis=0)}
for kind, pool in pooled.items():
    x, sequences = f32(9, 5), [[0, 4], [4, 5]]
    rows = np.array([8, 3, 5, 4, 0, 8], dtype=np.int32)
    y = np.stack([pool(x[max(first for first, _ in sequences if first <= row):row + 1]) for row in rows])
    case(kind, "pool", [value("x", x), value("rows", rows)], [y], {"kind": kind}, sequences)

for op, cases in found.items():
    (FOLDER / op / "fixture.json").write_text("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n")
