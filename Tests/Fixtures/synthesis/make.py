"""Asks llama.cpp for the greedy continuation of synthetic models: writes llama_cpp.json beside this file.

    pip install llama-cpp-python        (0.3.36 made what is here)
    python3 make.py .build/release/hadal

Every case is a configuration; its GGUF file in F16 is written by `hadal synth` and is the same on every machine. llama.cpp
rounds activations to 16 bits, so that only tokens up to the first margin (best logit less second best) under MARGIN are kept; of the
seeds tried the one with most such tokens is taken. The key-value cache is float32.
"""
import ctypes, json, os, subprocess, sys, tempfile
import llama_cpp as llama

MARGIN, STEPS, SEEDS = 0.02, 24, range(8)

common = dict(hidden_size=64, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2, head_dim=16, intermediate_size=96,
              vocab_size=500, max_position_embeddings=512, rms_norm_eps=1e-6, rope_theta=10000.0, tie_word_embeddings=False,
              bos_token_id=0, eos_token_id=1)
yarn = {"type": "yarn", "factor": 40, "original_max_position_embeddings": 64, "beta_fast": 32, "beta_slow": 1, "mscale": 0.707, "mscale_all_dim": 0.707}
deepseek_v2 = dict(hidden_size=64, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=4, intermediate_size=128,
                   moe_intermediate_size=32, vocab_size=400, max_position_embeddings=4096, rms_norm_eps=1e-6, rope_theta=10000.0,
                   q_lora_rank=None, kv_lora_rank=32, qk_rope_head_dim=16, qk_nope_head_dim=32, v_head_dim=32, n_routed_experts=8,
                   n_shared_experts=2, num_experts_per_tok=2, first_k_dense_replace=1, routed_scaling_factor=1.0, topk_method="greedy",
                   norm_topk_prob=False, scoring_func="softmax", n_group=1, topk_group=1, tie_word_embeddings=False, bos_token_id=0,
                   eos_token_id=1, rope_scaling=yarn)
deepseek_v3 = {**deepseek_v2, "q_lora_rank": 24, "n_routed_experts": 16, "n_shared_experts": 1, "num_experts_per_tok": 4, "n_group": 4,
               "topk_group": 2, "topk_method": "noaux_tc", "scoring_func": "sigmoid", "norm_topk_prob": True, "routed_scaling_factor": 2.5,
               "rope_scaling": {**yarn, "mscale": 1.0, "mscale_all_dim": 1.0}}
gemma = {**common, "tie_word_embeddings": True, "sliding_window": 8, "query_pre_attn_scalar": 16}

CASES = {
    "deepseek_v2": ("deepseek_v2", deepseek_v2),
    "deepseek_v2, no YaRN, query latent": ("deepseek_v2", {**deepseek_v2, "q_lora_rank": 48, "rope_scaling": None}),
    "deepseek_v2, odd shapes": ("deepseek_v2", {**deepseek_v2, "hidden_size": 96, "num_attention_heads": 3, "num_key_value_heads": 3, "kv_lora_rank": 64,
                                                "qk_rope_head_dim": 8, "qk_nope_head_dim": 24, "v_head_dim": 16, "vocab_size": 301}),
    "deepseek_v2, no dense layer, scaled shares": ("deepseek_v2", {**deepseek_v2, "first_k_dense_replace": 0, "routed_scaling_factor": 3.0, "n_routed_experts": 6,
                                                                   "num_experts_per_tok": 3, "n_shared_experts": 1}),
    "deepseek_v2, 27 layers": ("deepseek_v2", {**deepseek_v2, "num_hidden_layers": 27, "first_k_dense_replace": 2}),
    "deepseek_v3": ("deepseek_v3", deepseek_v3),
    "deepseek_v3, plain queries, one group": ("deepseek_v3", {**deepseek_v3, "q_lora_rank": None, "n_group": 1, "topk_group": 1, "n_routed_experts": 12}),
    "deepseek_v3, two groups, shares as they are": ("deepseek_v3", {**deepseek_v3, "norm_topk_prob": False, "n_group": 2, "topk_group": 1}),
    "llama": ("llama", common),
    "llama, llama3 rope, tied": ("llama", {**common, "tie_word_embeddings": True, "vocab_size": 700, "rope_theta": 500000.0,
                                           "rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 32}}),
    "qwen2": ("qwen2", {k: v for k, v in common.items() if k != "head_dim"}),
    "qwen3": ("qwen3", {**common, "head_dim": 24}),
    "qwen3_moe": ("qwen3_moe", {**common, "num_experts": 8, "num_experts_per_tok": 3, "moe_intermediate_size": 48, "norm_topk_prob": True}),
    "gemma2": ("gemma2", {**gemma, "num_hidden_layers": 4, "attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0}),
    "gemma3": ("gemma3", {**gemma, "num_hidden_layers": 18, "sliding_window_pattern": 6, "rope_theta": 1e6, "rope_local_base_freq": 1e4}),
    "phi3": ("phi3", {**{k: v for k, v in common.items() if k != "head_dim"}, "num_key_value_heads": 4, "original_max_position_embeddings": 512}),
    "phi3, short and long rope": ("phi3", {**{k: v for k, v in common.items() if k != "head_dim"}, "num_key_value_heads": 4, "original_max_position_embeddings": 256,
                                           "rope_scaling": {"type": "longrope", "short_factor": [1, 1, 1, 1, 1.5, 1.5, 2, 2], "long_factor": [1, 1, 2, 2, 4, 4, 8, 8]}}),
    "mixtral": ("mixtral", {**common, "num_local_experts": 4, "num_experts_per_tok": 2}),
    "olmoe": ("olmoe", {**{k: v for k, v in common.items() if k != "head_dim"}, "num_key_value_heads": 4, "num_experts": 8, "num_experts_per_tok": 3, "norm_topk_prob": False}),
    "gpt_oss": ("gpt_oss", {**common, "head_dim": 32, "num_local_experts": 4, "num_experts_per_tok": 2, "sliding_window": 8, "num_hidden_layers": 4, "rope_theta": 150000.0,
                            "rope_scaling": {"rope_type": "default"}}),
}

# Families whose tiny checkpoints lie beside this folder, without what llama.cpp's files of them cannot say.
FOLDER = os.path.dirname(os.path.abspath(__file__))
for family, changes in {"cohere2": {"head_dim": 8}, "ernie4_5": {"use_bias": False}, "glm4": {}, "granite": {}, "granite_moe": {}, "olmo2": {},
                        "exaone4": {"sliding_window": None, "sliding_window_pattern": None, "layer_types": None},
                        "qwen2_moe": {"decoder_sparse_step": 1, "norm_topk_prob": False}, "seed_oss": {}, "smollm3": {"no_rope_layers": [1, 1, 1, 0]}}.items():
    with open(f"{FOLDER}/../models/families/{family}/config.json") as file:
        CASES[family] = (family, {**json.load(file), **changes})


def greedy(path, ids, steps):
    """Ids and margins."""
    model = llama.llama_model_load_from_file(path.encode(), llama.llama_model_default_params())
    if not model:
        raise SystemExit(f"llama.cpp does not load {path}")
    params = llama.llama_context_default_params()
    params.n_ctx = params.n_batch = 256
    params.type_k = params.type_v = 0
    params.flash_attn_type = 0
    context = llama.llama_init_from_model(model, params)
    size = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(model))
    chosen, margins, new, position = [], [], list(ids), 0
    for _ in range(steps):
        batch = llama.llama_batch_init(len(new), 0, 1)
        batch.n_tokens = len(new)
        for i, token in enumerate(new):
            batch.token[i], batch.pos[i], batch.n_seq_id[i], batch.logits[i] = token, position + i, 1, int(i == len(new) - 1)
            batch.seq_id[i][0] = 0
        assert llama.llama_decode(context, batch) == 0
        logits = llama.llama_get_logits_ith(context, len(new) - 1)[:size]
        best = sorted(range(size), key=lambda k: -logits[k])[:2]
        chosen.append(best[0])
        margins.append(logits[best[0]] - logits[best[1]])
        position += len(new)
        new = [best[0]]
        llama.llama_batch_free(batch)
    llama.llama_free(context)
    llama.llama_model_free(model)
    return chosen, margins


def main(hadal):
    silent = llama.llama_log_callback(lambda level, text, data: None)
    llama.llama_log_set(silent, ctypes.c_void_p(0))
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, (architecture, config) in CASES.items():
            config_path, model_path, best = f"{folder}/config.json", f"{folder}/model.gguf", None
            with open(config_path, "w") as file:
                json.dump(config, file)
            for seed in SEEDS:
                subprocess.run([*hadal, "synth", architecture, "--config", config_path, "--type", "F16", "--seed", str(seed), "-o", model_path],
                               check=True, capture_output=True)
                tokens = [(7 + 31 * seed + 13 * k * k) % (config["vocab_size"] - 2) + 2 for k in range(20)]
                ids, margins = greedy(model_path, tokens, STEPS)
                sure = next((i for i, margin in enumerate(margins) if margin < MARGIN), STEPS)
                if best is None or sure > len(best["greedy"]):
                    best = {"name": name, "architecture": architecture, "config": config, "seed": seed, "tokens": tokens, "greedy": ids[:sure],
                            "smallest_margin": round(min(margins[:sure], default=0), 4)}
                if sure == STEPS:
                    break
            rows.append(best)
            print(name, "seed", best["seed"], "sure", len(best["greedy"]), flush=True)
    with open(f"{FOLDER}/llama_cpp.json", "w") as file:
        file.write("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")


main(sys.argv[1:])
