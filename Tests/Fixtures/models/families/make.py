"""Writes the tiny checkpoints of this folder: random weights, and what transformers (5.23, float32, eager) computes from them.

Usage: python make.py [NAME ...]   (needs torch, transformers, safetensors)
"""
import os
import shutil
import sys

import torch
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM

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
LENGTH, GREEDY = 20, 16


def write(name):
    kind, settings = FAMILIES[name]
    shutil.rmtree(name, ignore_errors=True)
    torch.manual_seed(sum(map(ord, name)))
    config = AutoConfig.for_model(kind, **{**BASE, **settings})
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").float().eval()
    with torch.no_grad():
        for key, p in [*model.named_parameters(), *((k, b) for k, b in model.named_buffers() if "correction_bias" in k)]:
            if "norm" in key and p.dim() == 1:
                p.copy_(1 + 0.2 * torch.randn_like(p))
            elif p.dim() == 1:
                p.copy_(0.3 * torch.randn_like(p))
            else:
                p.copy_(torch.randn_like(p) * 1.6 / p.shape[-1] ** 0.5)
    model.to(torch.bfloat16).save_pretrained(name)
    model = AutoModelForCausalLM.from_pretrained(name, dtype=torch.float32, attn_implementation="eager").eval()
    ids = torch.randint(0, config.vocab_size, (1, LENGTH))
    norms = []
    hook = model.model.norm.register_forward_hook(lambda _m, _i, o: norms.append(o))
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
    print(name, "logit deviation", round(out.logits.std().item(), 2), "smallest gap", round(min(gaps), 3))


for name in sys.argv[1:] or FAMILIES:
    write(name)
