"""Makes codecs.safetensors with the public `gguf` package (0.19.0): what its decoders and encoders answer.

For each block format: `<TYPE>.blocks` (U8) and `<TYPE>.values` (F32, its decoding). For each format it can encode:
`<TYPE>.source` (F32) and `<TYPE>.encoded` (U8). Run: python3 make_codecs.py
"""
import json
import struct
from pathlib import Path

import numpy as np
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType as T
from gguf.quants import dequantize, quantize

rng = np.random.default_rng(20240607)
HALVES = [0x0000, 0x8000, 0x0001, 0x8001, 0x03FF, 0x0400, 0x7BFF, 0xFBFF, 0x7C00, 0xFC00, 0x7E00, 0x3C00, 0xBC00, 0x2E66, 0x1234]
# Byte offsets of the half-precision scales in a block.
SCALES = {
    "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2],
    "Q5_K": [0, 2], "Q6_K": [208], "IQ4_NL": [0], "IQ4_XS": [0], "MXFP4": [],
}
tensors = {}
np.seterr(all="ignore")

for name, offsets in SCALES.items():
    kind = T[name]
    _, size = GGML_QUANT_SIZES[kind]
    blocks = rng.integers(0, 256, (20, size), dtype=np.uint8)
    for i in range(20):
        for k, offset in enumerate(offsets):
            half = HALVES[(i + 7 * k * (i % 3)) % len(HALVES)] if i < 15 else int(rng.integers(0x1000, 0x4000))
            blocks[i, offset:offset + 2] = [half & 255, half >> 8]
    if name == "MXFP4":
        blocks[:6, 0] = [0, 1, 2, 127, 254, 255]
    tensors[name + ".blocks"] = blocks
    tensors[name + ".values"] = dequantize(blocks, kind)

bits = np.concatenate([np.array(HALVES, np.uint16), rng.integers(0, 65536, 497, dtype=np.uint16)])
for name in ["F16", "BF16"]:
    raw = bits.view(np.uint8).reshape(1, -1)
    tensors[name + ".blocks"] = raw
    tensors[name + ".values"] = dequantize(raw, T[name])

for name in ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "F16", "BF16"]:
    source = rng.standard_normal((24, 32)).astype(np.float32)
    source *= (10.0 ** rng.uniform(-4, 3, (24, 1))).astype(np.float32)
    source[0] = 0
    source[1] = 1.5
    source[2, 1:] = 0
    source[3] = np.arange(32)
    source[4] = np.arange(32) - 16
    source[5] = np.abs(source[5]) + 3
    if name in ("F16", "BF16"):
        special = [0.0, -0.0, 65504, 65519.996, 65520, -1e6, np.inf, -np.inf, 2.0 ** -24, 2.0 ** -25, 2.0 ** -25 * 1.0000001,
                   1.5 * 2.0 ** -24, 2.5 * 2.0 ** -24, 2.0 ** -14, 2.0 ** -14 * (1 - 2.0 ** -12), 1 + 2.0 ** -11, 1 + 3 * 2.0 ** -11,
                   3.4e38, -3.4e38, 1e-45, 1 + 2.0 ** -8, 1 + 3 * 2.0 ** -8]
        source[6, :len(special)] = special
    tensors[name + ".source"] = source
    tensors[name + ".encoded"] = quantize(source, T[name]).view(np.uint8)

header, data = {}, b""
for name in sorted(tensors):
    array = np.ascontiguousarray(tensors[name])
    blob = array.tobytes()
    kind = {"uint8": "U8", "float32": "F32"}[str(array.dtype)]
    header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [len(data), len(data) + len(blob)]}
    data += blob
text = json.dumps(header, separators=(",", ":")).encode()
text += b" " * (-len(text) % 8)
Path(__file__).with_name("codecs.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
