"""Makes package.gguf.bin with the public `gguf` package (0.19.0)'s own writer. Run: python3 make_package_gguf.py"""
from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter
from gguf.quants import quantize

writer = GGUFWriter(Path(__file__).with_name("package.gguf.bin"), "tiny")
writer.add_block_count(3)
writer.add_rope_freq_base(10000.0)
writer.add_token_list(["<s>", "é", "\u2581the"])
writer.add_token_scores([0.0, -1.5, -2.0])
writer.add_token_types([3, 1, 1])
writer.add_bool("tiny.flag", True)
matrix = np.arange(192, dtype=np.float32).reshape(3, 64)
q8 = GGMLQuantizationType.Q8_0
writer.add_tensor("blk.0.attn_q.weight", quantize(matrix, q8), raw_dtype=q8)
writer.add_tensor("norm.weight", np.ones(5, np.float32))
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
