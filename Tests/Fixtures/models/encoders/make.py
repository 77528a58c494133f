"""Writes the tiny encoders of this folder: random weights, and what transformers (5.24, float32, eager) and the published pooling compute from them.

Usage: python make.py [NAME ...]   (needs torch, transformers, safetensors, tokenizers)
"""
import json
import os
import shutil
import sys

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification

WORDS = "the cat sat on mat a dog ran in sun is red blue green tree house over under and not".split()
PIECES = [f"##{c}" for c in "abcdefghijklmnopqrstuvwxyz0123456789"] + list("abcdefghijklmnopqrstuvwxyz0123456789.,!?-'") + ["##ing", "##s", "##er"]
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + WORDS + PIECES
SIZES = dict(vocab_size=len(VOCABULARY), hidden_size=32, num_hidden_layers=3, num_attention_heads=4, intermediate_size=48, max_position_embeddings=64, pad_token_id=0)
BERT = dict(**SIZES, type_vocab_size=2)
MODERN = dict(**SIZES, global_attn_every_n_layers=2, local_attention=10, cls_token_id=2, sep_token_id=3, bos_token_id=2, eos_token_id=3)
GEMMA = dict(**SIZES, num_key_value_heads=2, head_dim=12, sliding_window=9, use_bidirectional_attention=True, query_pre_attn_scalar=12,
             layer_types=["sliding_attention", "full_attention", "sliding_attention"], attn_implementation="eager", eos_token_id=3, bos_token_id=2)
QWEN = dict(**SIZES, num_key_value_heads=2, head_dim=10, eos_token_id=3, bos_token_id=2)
# Name: model type, configuration, pooling, dense layers (width, activation), whether the result is normalised. Pooling None: the score of a pair.
ENCODERS = {
    "bert": ("bert", BERT, "cls_token", [(20, "Tanh")], True),
    "cross_encoder": ("bert", dict(BERT, num_labels=1), None, [], False),
    "modernbert": ("modernbert", dict(MODERN, attention_bias=True, norm_bias=True, mlp_bias=True), "mean_tokens", [], False),
    "modern_cross_encoder": ("modernbert", dict(MODERN, num_labels=1, classifier_pooling="mean"), None, [], False),
    "embeddinggemma": ("gemma3_text", GEMMA, "mean_tokens", [(40, "Identity"), (24, "Identity")], True),
    "qwen3_embedding": ("qwen3", QWEN, "lasttoken", [], True),
}


def tokenizer():
    made = Tokenizer(models.WordPiece({token: i for i, token in enumerate(VOCABULARY)}, unk_token="[UNK]", max_input_chars_per_word=30))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.decoder = decoders.WordPiece()
    made.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    made.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    return made


def write(folder, name, value):
    with open(f"{folder}/{name}", "w") as file:
        file.write(json.dumps(value, indent=1) + "\n")


def randomise(model):
    for name, parameter in model.named_parameters():
        if "norm" in name.lower() and name.endswith("weight"):
            parameter.data = 1 + 0.2 * torch.randn_like(parameter) if "gemma" not in type(model).__name__.lower() else 0.2 * torch.randn_like(parameter)
        else:
            parameter.data = torch.randn_like(parameter) * (0.3 if parameter.dim() == 1 else 1.2 / parameter.shape[-1] ** 0.5)
        parameter.data = parameter.data.to(torch.bfloat16).float()


def make(name):
    kind, settings, pooling, dense, normalised = ENCODERS[name]
    shutil.rmtree(name, ignore_errors=True)
    os.makedirs(name)
    torch.manual_seed(sum(name.encode()))
    settings = dict(settings)
    settings.pop("attn_implementation", None)
    config = AutoConfig.for_model(kind, **settings)
    made = AutoModelForSequenceClassification if pooling is None else AutoModel
    model = made.from_config(config, attn_implementation="eager").float().eval()
    randomise(model)
    config.architectures = [type(model).__name__]
    config.save_pretrained(name)
    weights = {k: v.to(torch.bfloat16).contiguous() for k, v in model.state_dict().items() if v.is_floating_point()}
    save_file(weights, f"{name}/model.safetensors", metadata={"format": "pt"})
    layers = []
    if pooling:
        modules = [("", "Transformer"), ("1_Pooling", "Pooling")]
        os.makedirs(f"{name}/1_Pooling")
        modes = ["cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens", "weightedmean_tokens", "lasttoken"]
        write(f"{name}/1_Pooling", "config.json", {"word_embedding_dimension": 32, **{f"pooling_mode_{m}": m == pooling for m in modes}, "include_prompt": True})
        width = 32
        for i, (out, activation) in enumerate(dense):
            path = f"{2 + i}_Dense"
            os.makedirs(f"{name}/{path}")
            layer = torch.nn.Linear(width, out, bias=activation == "Tanh")
            module = "activation" if activation == "Tanh" else "linear"
            write(f"{name}/{path}", "config.json", {"in_features": width, "out_features": out, "bias": activation == "Tanh", "activation_function": f"torch.nn.modules.{module}.{activation}"})
            save_file({f"linear.{k}": v.detach().contiguous() for k, v in layer.state_dict().items()}, f"{name}/{path}/model.safetensors")
            layers.append((layer, activation))
            modules.append((path, "Dense"))
            width = out
        if normalised:
            modules.append((f"{len(modules)}_Normalize", "Normalize"))
        write(name, "modules.json", [{"idx": i, "name": str(i), "path": p, "type": f"sentence_transformers.models.{t}"} for i, (p, t) in enumerate(modules)])
        write(name, "sentence_bert_config.json", {"max_seq_length": 24, "do_lower_case": False})
        write(name, "config_sentence_transformers.json", {"prompts": {"query": "the cat: ", "document": ""}, "default_prompt_name": None})
    tokenizer().save(f"{name}/tokenizer.json", pretty=False)

    golden = {}
    for prefix, length in (("", 41), ("short.", 9)):
        ids = torch.randint(5, len(VOCABULARY), (1, length))
        ids[0, 0], ids[0, -1] = 2, 3
        more = {}
        if kind == "bert" and pooling is None:
            more["token_type_ids"] = (torch.arange(length) > length // 3).long()[None]
        with torch.no_grad():
            out = model(input_ids=ids, output_hidden_states=True, **more)
            hidden = out.hidden_states
            last = hidden[-1] if pooling is None else out.last_hidden_state
            if kind == "modernbert" and pooling is None:
                last = model.model(input_ids=ids).last_hidden_state
            golden[prefix + "input_ids"] = ids
            golden.update({prefix + k: v for k, v in more.items()})
            golden[prefix + "hidden.last"] = last[0]
            if pooling is None:
                golden[prefix + "score"] = out.logits.reshape(1)
            else:
                row = last[0].mean(0) if pooling == "mean_tokens" else last[0, 0] if pooling == "cls_token" else last[0, -1]
                for layer, activation in layers:
                    row = torch.tanh(layer(row)) if activation == "Tanh" else layer(row)
                golden[prefix + "embedding"] = torch.nn.functional.normalize(row, dim=0) if normalised else row
    save_file({k: v.contiguous() for k, v in golden.items()}, f"{name}/golden.safetensors")


for name in sys.argv[1:] or ENCODERS:
    make(name)
