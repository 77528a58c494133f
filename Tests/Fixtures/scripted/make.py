"""Makes the scripted model: a directory like a published checkpoint, below 1 MB, whose answers come from a file of rules.

usage: make.py RULES.json DIRECTORY

docs/models.md says what rules are and how the model is served. Python's standard library alone is needed.
"""
import json
import os
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
CONTEXT = 131072
LONGEST_TOKEN = 16
KINDS = {"text": 0, "system": 1, "user": 2, "tool": 3, "assistant": 4, "end": 5, "end of reasoning": 6}
END = "<|end|>"
CONTROL = {"<|system|>": "system", "<|user|>": "user", "<|tool|>": "tool", "<|assistant|>": "assistant", END: "end"}
# Matched as a whole in every text, and a part of it.
MARKERS = {"<think>": "text", "</think>": "end of reasoning", "<tool_call>": "text", "</tool_call>": "text"}
TURNS = {None: 0, "system": 1, "user": 2, "tool": 3}
PATTERN = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def alphabet():
    """The bytes as byte-level BPE spells them."""
    shown = [b for b in range(256) if 33 <= b <= 126 or 161 <= b <= 172 or b >= 174]
    hidden = [b for b in range(256) if b not in shown]
    return {**{b: chr(b) for b in shown}, **{b: chr(256 + i) for i, b in enumerate(hidden)}}


ALPHABET = alphabet()


class Refused(Exception):
    """The rules are not as they should be."""


def reply(rule):
    """The text that the model writes for a rule, and where it is past its reasoning."""
    thinking, say, calls = rule.get("thinking", ""), rule.get("say", ""), rule.get("calls", [])
    head = f"<think>\n{thinking}\n</think>\n\n" if thinking else ""
    parts = [say] if say else []
    for call in calls:
        # Without ASCII escapes, as a template writes them.
        written = json.dumps({"name": call["name"], "arguments": call.get("arguments", {})}, ensure_ascii=False)
        parts.append(f"<tool_call>\n{written}\n</tool_call>")
    return head + "\n".join(parts), len(head.encode())


def check(rules):
    if not isinstance(rules, dict) or set(rules) != {"rules"} or not isinstance(rules["rules"], list):
        raise Refused('the file must be {"rules": […]}')
    if len(rules["rules"]) >= 1024:
        raise Refused("there may be at most 1023 rules")
    for number, rule in enumerate(rules["rules"], 1):
        place = f"rule {number}: "
        if not isinstance(rule, dict):
            raise Refused(place + "must be an object")
        for key, kind in rule.items():
            kinds = {"contains": str, "role": str, "thinking": str, "say": str, "calls": list}
            if key not in kinds:
                raise Refused(place + f"unknown key '{key}' (known: {', '.join(kinds)})")
            if not isinstance(kind, kinds[key]):
                raise Refused(place + f"'{key}' must be {'a list' if kinds[key] is list else 'a text'}")
        if rule.get("role") not in TURNS:
            raise Refused(place + "'role' must be user, tool or system")
        if len(rule.get("contains", "").encode()) > 255:
            raise Refused(place + "'contains' may have at most 255 bytes")
        for call in rule.get("calls", []):
            if not isinstance(call, dict) or set(call) - {"name", "arguments"} or not isinstance(call.get("name"), str):
                raise Refused(place + "a call has a 'name', and may have 'arguments'")
        if not reply(rule)[0]:
            raise Refused(place + "it says nothing: give 'thinking', 'say' or 'calls'")


def tensors(vocabulary, rules):
    """name -> (dtype, shape, bytes), as cpu.c of the op reads them."""
    bytes_of = {character: b for b, character in ALPHABET.items()}
    special = {**CONTROL, **MARKERS}
    table = []
    for token in vocabulary:
        if token in special:
            kind, content = KINDS[special[token]], token.encode() if token in MARKERS else b""
        else:
            kind, content = 0, bytes(bytes_of[c] for c in token)
        table += [kind, len(content), *content, *[0] * (LONGEST_TOKEN - len(content))]
    rows, text = [], bytearray()
    # The last one says that none fits: an empty answer would be a riddle.
    for rule in rules["rules"] + [{"say": "No rule of the script fits."}]:
        needle, (said, body) = rule.get("contains", "").encode(), reply(rule)
        said = said.encode()
        rows += [TURNS[rule.get("role")], len(text), len(needle), len(text) + len(needle), len(said), body]
        text += needle + said
    return {
        "vocabulary": ("F16", [len(vocabulary), 2 + LONGEST_TOKEN], struct.pack(f"<{len(table)}e", *table)),
        "rules": ("F32", [len(rows) // 6, 6], struct.pack(f"<{len(rows)}f", *rows)),
        "text": ("F16", [len(text)], struct.pack(f"<{len(text)}e", *text)),
    }


def safetensors(values):
    header, data = {}, b""
    for name, (dtype, shape, content) in values.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    return struct.pack("<Q", len(head)) + head + data


def make(rules, directory):
    check(rules)
    merges = [line.rstrip("\n") for line in open(os.path.join(HERE, "merges.txt"), encoding="utf-8")]
    plain = list(ALPHABET.values()) + [merge.replace(" ", "") for merge in merges]
    vocabulary = plain + list(CONTROL) + list(MARKERS)
    added = [
        {"id": len(plain) + i, "content": token, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
         "special": token in CONTROL}
        for i, token in enumerate([*CONTROL, *MARKERS])
    ]
    tokenizer = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": PATTERN}, "behavior": "Isolated", "invert": False},
            {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}]},
        "post_processor": None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False},
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
                  "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                  "vocab": {token: i for i, token in enumerate(plain)}, "merges": merges},
    }
    config = {
        "architectures": ["ScriptedForCausalLM"], "model_type": "scripted", "vocab_size": len(vocabulary),
        "max_position_embeddings": CONTEXT, "eos_token_id": vocabulary.index(END), "torch_dtype": "float16",
    }
    template = open(os.path.join(HERE, "template.jinja"), encoding="utf-8").read()
    files = {
        "config.json": json.dumps(config, indent=1).encode(),
        "tokenizer.json": json.dumps(tokenizer, ensure_ascii=False).encode(),
        "tokenizer_config.json": json.dumps({"eos_token": END, "add_bos_token": False, "model_max_length": CONTEXT}, indent=1).encode(),
        "chat_template.jinja": template.encode(),
        "model.safetensors": safetensors(tensors(vocabulary, rules)),
    }
    if sum(map(len, files.values())) > 1 << 20:
        raise Refused("the model would be larger than 1 MiB: its rules are too long")
    os.makedirs(directory, exist_ok=True)
    for name, content in files.items():
        with open(os.path.join(directory, name), "wb") as file:
            file.write(content)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__.strip())
    try:
        make(json.load(open(sys.argv[1], encoding="utf-8")), sys.argv[2])
    except (Refused, OSError, ValueError) as error:
        sys.exit(f"{sys.argv[1]}: {error}")


if __name__ == "__main__":
    main()
