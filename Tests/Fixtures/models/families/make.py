"""Writes the tiny checkpoints of this folder: random weights, and what transformers (5.24, float32, eager) computes from them.

Usage: python make.py [NAME ...]   (needs torch, transformers, safetensors)
"""
import json
import os
import shutil
import sys

import torch
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM, Mistral4ForCausalLM

BASE = dict(vocab_size=61, hidden_size=32, intermediate_size=40, num_hidden_layers=4, num_attention_heads=4,
            num_key_value_heads=2, max_position_embeddings=128, pad_token_id=0, bos_token_id=1, eos_token_id=2)
SCALED = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=16, rope_theta=5e5)
YARN = dict(rope_type="yarn", factor=8.0, rope_theta=1e6, original_max_position_embeddings=16, beta_fast=8, beta_slow=2)
EXPERTS = dict(n_routed_experts=6, n_shared_experts=1, num_experts_per_tok=3, n_group=2, topk_group=1, moe_intermediate_size=16,
               first_k_dense_replace=1, norm_topk_prob=True, routed_scaling_factor=1.5)
GRANITE = dict(embedding_multiplier=6.0, logits_scaling=0.5, residual_multiplier=0.4, attention_multiplier=0.25)
FAMILIES = {
    "qwen2_moe": ("qwen2_moe", dict(num_experts=5, num_experts_per_tok=2, moe_intermediate_size=16, shared_expert_intermediate_size=24,
                                    norm_topk_prob=True, decoder_sparse_step=2, mlp_only_layers=[])),
    "smollm3": ("smollm3", dict(no_rope_layers=[1, 0, 1, 1])),
    "olmo2": ("olmo2", dict()),
    "olmo3": ("olmo3", dict(sliding_window=7, rope_parameters=dict(full_attention=YARN, sliding_attention=dict(rope_type="default", rope_theta=1e6)))),
    "granite": ("granite", dict(GRANITE, rope_parameters=SCALED)),
    "granite_moe": ("granitemoeshared", dict(GRANITE, intermediate_size=16, num_local_experts=5, num_experts_per_tok=2, shared_intermediate_size=24)),
    "glm4": ("glm4", dict(head_dim=12, partial_rotary_factor=0.5, attention_bias=True)),
    "glm4_moe": ("glm4_moe", dict(head_dim=12, partial_rotary_factor=0.5, attention_bias=True, use_qk_norm=True, **EXPERTS)),
    "exaone4": ("exaone4", dict(sliding_window=7, sliding_window_pattern=4, rope_parameters=SCALED)),
    "cohere2": ("cohere2", dict(head_dim=12, logit_scale=4.0, sliding_window=7)),
    "seed_oss": ("seed_oss", dict(head_dim=12, attention_bias=True)),
    "ernie4_5": ("ernie4_5", dict(head_dim=12, use_bias=True)),
    "dots1": ("dots1", dict(head_dim=12, **EXPERTS)),
}
# The same at a quarter of the size.
SMALL = {**BASE, "num_hidden_layers": 3, "intermediate_size": 24}
SIZES = dict(vocab_size=61, pad_token_id=0, bos_token_id=1, eos_token_id=2)
FALCON = {**SIZES, **dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, ffn_hidden_size=48, max_position_embeddings=128)}
LATENT = dict(kv_lora_rank=12, q_lora_rank=14, qk_rope_head_dim=4, v_head_dim=10, qk_nope_head_dim=6, moe_intermediate_size=16,
              n_routed_experts=8, num_experts_per_tok=2, num_key_value_heads=4)
PLAIN = dict(rope_type="default", rope_theta=1e4)


def older(config):
    """As transformers 4 writes it."""
    rope = config.pop("rope_parameters", {})
    config["torch_dtype"] = config.pop("dtype")
    config |= {key: rope.pop(key) for key in ("rope_theta", "partial_rotary_factor") if key in rope}
    if rope.pop("rope_type", "default") != "default":
        config["rope_scaling"] = {"type": rope.pop("type", None) or "linear", **rope}
    del config["transformers_version"]


def neox(config):
    older(config)
    config["rotary_pct"], config["rotary_emb_base"] = config.pop("partial_rotary_factor"), config.pop("rope_theta")


def refined(config):
    """As the first Falcon checkpoints had it."""
    older(config)
    config |= {"model_type": "RefinedWeb", "n_layer": config.pop("num_hidden_layers"), "n_head": config.pop("num_attention_heads"),
               "n_head_kv": config.pop("num_kv_heads")}
    del config["new_decoder_architecture"]


def exaone(config):
    older(config)
    config |= {"num_layers": config.pop("num_hidden_layers"), "activation_function": config.pop("hidden_act"),
               "layer_norm_epsilon": config.pop("rms_norm_eps")}


def dynamic(config):
    older(config)
    config["rope_scaling"]["type"] = "dynamic"


def dsa(config):
    del config["indexer_types"]


def mimo(config):
    """As published."""
    sliding = [int(kind == "sliding_attention") for kind in config.pop("layer_types")]
    experts = [int(kind == "sparse") for kind in config.pop("mlp_layer_types")]
    del config["rope_parameters"]
    config |= dict(hybrid_layer_pattern=sliding, moe_layer_freq=experts, rope_theta=5e6, swa_rope_theta=1e4, partial_rotary_factor=0.334,
                   sliding_window_size=config["sliding_window"] - 1, swa_num_key_value_heads=2, swa_num_attention_heads=4, swa_head_dim=12,
                   swa_v_head_dim=6, layernorm_epsilon=config.pop("rms_norm_eps"), routed_scaling_factor=None, n_shared_experts=None,
                   scoring_func="sigmoid", topk_method="noaux_tc", add_swa_attention_sink_bias=True, add_full_attention_sink_bias=False)


def published_gemma4(config):
    """As published: two widths of heads, and one object of each."""
    wide = config.pop("per_layer_config")
    config["torch_dtype"] = config.pop("dtype")
    config["global_head_dim"] = next(iter(wide.values()))["head_dim"]
    config["num_global_key_value_heads"] = next(iter(wide.values())).get("num_key_value_heads")
    del config["transformers_version"]


def blocks(config):
    """As published."""
    older(config)
    config |= dict(hidden_act="swigluoai", use_gemma_norm=True, qk_norm_type="per_head", scoring_func="sigmoid",
                   moe_layer_freq=[int(kind == "sparse") for kind in config.pop("mlp_layer_types")],
                   sparse_attention_config=dict(
                       sparse_attention_freq=[int(kind != "full_attention") for kind in config.pop("layer_types")],
                       sparse_num_index_heads=config.pop("index_n_heads"), sparse_index_dim=config.pop("index_head_dim"),
                       sparse_block_size=config.pop("index_block_size"), sparse_topk_blocks=config.pop("index_topk_blocks"),
                       sparse_local_block=config.pop("index_local_blocks")))


def minimax(config):
    older(config)
    config["rotary_dim"] = 4
    del config["partial_rotary_factor"]


GROWING = dict(YARN, llama_4_scaling_beta=0.3, original_max_position_embeddings=6)
WIDE = dict(full_attention=dict(rope_type="proportional", partial_rotary_factor=0.5, rope_theta=1e5), sliding_attention=PLAIN)
# With what is changed in config.json afterwards.
SWITCHED = {
    "apertus": ("apertus", dict(SMALL, attention_bias=True, rope_parameters=PLAIN), older),
    "gemma4": ("gemma4_text", dict(SMALL, num_hidden_layers=5, head_dim=8, global_head_dim=12, num_key_value_heads=2, num_kv_shared_layers=2,
                                   hidden_size_per_layer_input=4, vocab_size_per_layer_input=61, enable_moe_block=True, num_experts=5,
                                   top_k_experts=2, moe_intermediate_size=12, use_double_wide_mlp=True, attention_bias=True, sliding_window=6,
                                   layer_types=["full_attention", "sliding_attention", "sliding_attention", "sliding_attention", "full_attention"],
                                   rope_parameters=WIDE), None),
    "gemma4_keys": ("gemma4_text", dict(SMALL, head_dim=8, global_head_dim=12, num_key_value_heads=2, num_global_key_value_heads=1,
                                        attention_k_eq_v=True, hidden_size_per_layer_input=0, final_logit_softcapping=7.0, sliding_window=6,
                                        tie_word_embeddings=False, layer_types=["sliding_attention", "full_attention", "full_attention"],
                                        rope_parameters=WIDE), published_gemma4),
    "llama4": ("llama4_text", dict(SMALL, intermediate_size=16, intermediate_size_mlp=24, head_dim=12, num_local_experts=5, num_experts_per_tok=2,
                                   moe_layers=[0, 2], no_rope_layers=[1, 0, 1], attention_chunk_size=6, floor_scale=5, attn_scale=0.4,
                                   attention_bias=True, rope_parameters=PLAIN), None),
    "minimax_m3": ("minimax_m3_vl_text", dict(SMALL, intermediate_size=12, dense_intermediate_size=20, shared_intermediate_size=14, head_dim=12,
                                              num_key_value_heads=1, num_local_experts=4, num_experts_per_tok=2, rotary_dim=6, swiglu_limit=1.2,
                                              mlp_layer_types=["sparse", "dense", "sparse"], index_n_heads=1, index_head_dim=10, index_block_size=3,
                                              index_topk_blocks=3, index_local_blocks=2,
                                              layer_types=["minimax_m3_sparse", "full_attention", "minimax_m3_sparse"],
                                              rope_parameters=dict(PLAIN, partial_rotary_factor=0.5)), blocks),
    "ministral3": ("ministral3", dict(SMALL, head_dim=12, sliding_window=7, rope_parameters=dict(GROWING, mscale=0.7, mscale_all_dim=1.3)), None),
    "mistral4": ("mistral4", dict(SMALL, **{**LATENT, "q_lora_rank": None}, n_group=4, topk_group=2, n_shared_experts=2, first_k_dense_replace=1,
                                  norm_topk_prob=False, routed_scaling_factor=1.5, attention_bias=True, rope_interleave=False,
                                  rope_parameters=dict(GROWING, mscale=1.0, mscale_all_dim=0.8)), None),
    "phimoe": ("phimoe", dict(SMALL, num_local_experts=5, attention_bias=False, lm_head_bias=False, router_jitter_noise=0.4, sliding_window=9,
                              rope_parameters=PLAIN), older),
    "arcee": ("arcee", dict(SMALL, mlp_bias=True, attention_bias=True, head_dim=12), None),
    "cohere": ("cohere", dict(SMALL, attention_bias=True, use_qk_norm=True, logit_scale=2.0), older),
    "dbrx": ("dbrx", dict(SIZES, d_model=32, n_heads=4, n_layers=2, max_seq_len=128, attn_config=dict(kv_n_heads=2, clip_qkv=1.0, rope_theta=1e4),
                          ffn_config=dict(ffn_hidden_size=16, moe_num_experts=4, moe_top_k=3, moe_normalize_expert_weights=2.0)), None),
    "ernie4_5_moe": ("ernie4_5_moe", dict(SMALL, num_hidden_layers=4, use_bias=True, moe_layer_interval=2, moe_layer_start_index=0, moe_k=2,
                                          moe_intermediate_size=16, moe_num_experts=4, moe_num_shared_experts=1), None),
    "exaone": ("exaone", dict(SMALL, rope_parameters=dict(PLAIN, rope_type="linear", factor=4.0), tie_word_embeddings=True), exaone),
    "falcon_serial": ("falcon", dict(FALCON, multi_query=False, parallel_attn=False, bias=True), None),
    "falcon_one_norm": ("falcon", dict(FALCON, new_decoder_architecture=True, num_ln_in_parallel_attn=1, num_kv_heads=2, bias=True,
                                       tie_word_embeddings=False), None),
    "falcon_refined": ("falcon", dict(FALCON, new_decoder_architecture=True, num_kv_heads=2), refined),
    "gemma": ("gemma", dict(SMALL, attention_bias=True, head_dim=12, num_key_value_heads=1), older),
    "glm4_moe_lite": ("glm4_moe_lite", dict(SMALL, **{**LATENT, "q_lora_rank": None}, n_group=4, topk_group=2, attention_bias=True,
                                            rope_interleave=False, norm_topk_prob=False), None),
    "glm_moe_dsa": ("glm_moe_dsa", dict(SMALL, **LATENT, index_topk=5, index_head_dim=6, index_n_heads=16, index_topk_pattern="FSF",
                                        first_k_dense_replace=1), dsa),
    "gpt2": ("gpt2", dict(SIZES, n_embd=32, n_layer=3, n_head=4, n_positions=128, n_inner=24, activation_function="relu",
                          scale_attn_by_inverse_layer_idx=True, scale_attn_weights=False), None),
    "gpt_neox": ("gpt_neox", dict(SMALL, use_parallel_residual=False, attention_bias=False, rope_parameters=dict(PLAIN, partial_rotary_factor=0.5)), neox),
    "hunyuan_v1_dense": ("hunyuan_v1_dense", dict(SMALL, attention_bias=True, head_dim=12,
                                                  rope_parameters=dict(PLAIN, rope_type="dynamic", alpha=50.0, factor=1.0)), dynamic),
    "hunyuan_v1_moe": ("hunyuan_v1_moe", dict(SMALL, head_dim=8, num_experts=4, moe_topk=[2, 1, 3], tie_word_embeddings=True), None),
    "hy_v3": ("hy_v3", dict(SMALL, mlp_bias=True, attention_bias=True, head_dim=8, num_experts=4, num_experts_per_tok=2, num_shared_experts=2,
                            moe_intermediate_size=16, mlp_layer_types=["sparse", "dense", "sparse"]), None),
    "mimo_v2_flash": ("mimo_v2_flash", dict(SMALL, num_hidden_layers=4, head_dim=12, v_head_dim=6, moe_intermediate_size=16, num_experts_per_tok=2,
                                            n_routed_experts=4, sliding_window=6, num_key_value_heads=1, norm_topk_prob=False), mimo),
    "minimax_m2": ("minimax_m2", dict(SMALL, head_dim=12, num_local_experts=4, num_experts_per_tok=2,
                                      rope_parameters=dict(PLAIN, partial_rotary_factor=1 / 3)), minimax),
    "nemotron": ("nemotron", dict(SMALL, attention_bias=True, mlp_bias=True, head_dim=12, tie_word_embeddings=True), older),
    "olmo": ("olmo", dict(SMALL, attention_bias=True, tie_word_embeddings=True), None),
    "phi": ("phi", dict(SMALL, qk_layernorm=True, tie_word_embeddings=True), older),
    "stablelm": ("stablelm", dict(SMALL, qk_layernorm=True, use_qkv_bias=True), older),
    "starcoder2": ("starcoder2", dict(SMALL, use_bias=False, hidden_act="relu2", tie_word_embeddings=False), None),
}
LENGTH, GREEDY = 20, 16
BUFFERS = ("correction_bias", "layer_scalar", "act_fn.beta")
FINAL_NORMS = ("norm", "final_layernorm", "final_layer_norm", "ln_f", "norm_f")


def write(name):
    kind, settings, change = SWITCHED[name] if name in SWITCHED else (FAMILIES[name][0], {**BASE, **FAMILIES[name][1]}, None)
    shutil.rmtree(name, ignore_errors=True)
    torch.manual_seed(sum(map(ord, name)))
    config = AutoConfig.for_model(kind, **settings)
    family = Mistral4ForCausalLM if kind == "mistral4" else AutoModelForCausalLM
    model = family._from_config(config, attn_implementation="eager") if kind == "mistral4" else family.from_config(config, attn_implementation="eager")
    model = model.float().eval()
    with torch.no_grad():
        for key, p in [*model.named_parameters(), *((k, b) for k, b in model.named_buffers() if k.endswith(BUFFERS))]:
            if ("norm" in key or ".ln_" in key) and not key.endswith("bias") and (p.dim() == 1 or p.shape[-1] < 16):
                p.copy_((0 if kind in ("gemma", "nemotron", "minimax_m3_vl_text") else 1) + 0.2 * torch.randn_like(p))
            elif key.endswith(("layer_scalar", "router.scale", "per_expert_scale", "act_fn.beta")):
                p.copy_(1 + 0.2 * torch.randn_like(p))
            elif p.dim() == 1 or "correction_bias" in key:
                p.copy_(0.3 * torch.randn_like(p))
            else:
                p.copy_(torch.randn_like(p) * 1.6 / p.shape[-1] ** 0.5)
    model.to(torch.bfloat16).save_pretrained(name)
    model = family.from_pretrained(name, dtype=torch.float32, attn_implementation="eager").eval()
    ids = torch.randint(0, config.vocab_size, (1, LENGTH))
    norms = []
    final = next((module for key, module in model.named_modules() if key.count(".") == 1 and key.split(".")[1] in FINAL_NORMS))
    hook = final.register_forward_hook(lambda _m, _i, o: norms.append(o))
    with torch.no_grad():
        out = model(ids, use_cache=False, output_hidden_states=True)
        hook.remove()
        golden = {"input_ids": ids, "logits": out.logits[0], "hidden.embed": out.hidden_states[0][0], "hidden.norm": norms[0][0]}
        for layer in range(config.num_hidden_layers - 1):
            golden[f"hidden.{layer}"] = out.hidden_states[layer + 1][0]
        greedy, gaps, text = [], [], ids
        for _ in range(GREEDY):
            best = model(text, use_cache=False).logits[0, -1].topk(2)
            gaps.append((best.values[0] - best.values[1]).item())
            greedy.append(best.indices[0].item())
            text = torch.cat([text, best.indices[:1].view(1, 1)], 1)
    golden["greedy"] = torch.tensor(greedy)
    save_file({k: v.contiguous() for k, v in golden.items()}, f"{name}/golden.safetensors")
    os.remove(f"{name}/generation_config.json")
    if change:
        with open(f"{name}/config.json") as file:
            config = json.load(file)
        change(config)
        with open(f"{name}/config.json", "w") as file:
            json.dump(config, file, indent=2, sort_keys=True)
    print(name, "logit deviation", round(out.logits.std().item(), 2), "smallest gap", round(min(gaps), 3))


for name in sys.argv[1:] or [*FAMILIES, *SWITCHED]:
    write(name)
