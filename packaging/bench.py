#!/usr/bin/env python3
"""Speed of hadal beside llama.cpp on the same files: the table of docs/performance.md.

    make bench [MODELS=folder] [ARGS="--only smollm2,qwen-1.5b-q4_k -r 3"]

Each row is a model and two figures: prefill of P tokens into an empty context, and N decode steps of one token. The two programs take turns, each
run in a process of its own with one warm-up; medians are compared. A pair beside which the machine read memory much slower than it can is run again.

Real models are looked for in MODELS by name (smollm2.gguf, gemma3.gguf); the other rows are published shapes with random weights, which
`hadal synth` writes there once. llama.cpp is measured through the Python package llama-cpp-python where it is installed.
Results are kept in docs/performance.json, so that a later run may measure single rows again.
"""
import argparse, ctypes, datetime, json, os, pathlib, random, statistics, subprocess, sys, time

ROOT = pathlib.Path(__file__).resolve().parent.parent
RESULTS, PAGE = ROOT / "docs/performance.json", ROOT / "docs/performance.md"
BEGIN, END = "<!-- table: made by make bench -->", "<!-- end of table -->"

QWEN_1_5B = {
    "model_type": "qwen2", "hidden_size": 1536, "num_hidden_layers": 28, "intermediate_size": 8960, "num_attention_heads": 12,
    "num_key_value_heads": 2, "vocab_size": 151936, "rms_norm_eps": 1e-6, "rope_theta": 10000.0, "max_position_embeddings": 131072,
    "tie_word_embeddings": False, "hidden_act": "silu"}
V2_LITE = {
    "model_type": "deepseek_v2", "hidden_size": 2048, "num_hidden_layers": 27, "intermediate_size": 10944, "moe_intermediate_size": 1408,
    "num_attention_heads": 16, "num_key_value_heads": 16, "n_routed_experts": 64, "n_shared_experts": 2, "num_experts_per_tok": 6,
    "first_k_dense_replace": 1, "moe_layer_freq": 1, "kv_lora_rank": 512, "q_lora_rank": None, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64,
    "v_head_dim": 128, "vocab_size": 102400, "rms_norm_eps": 1e-6, "rope_theta": 10000.0, "max_position_embeddings": 163840,
    "routed_scaling_factor": 1.0, "topk_method": "greedy", "n_group": 1, "topk_group": 1, "norm_topk_prob": False, "scoring_func": "softmax",
    "tie_word_embeddings": False, "hidden_act": "silu",
    "rope_scaling": {"type": "yarn", "factor": 40, "original_max_position_embeddings": 4096, "beta_fast": 32, "beta_slow": 1, "mscale": 0.707, "mscale_all_dim": 0.707}}

# name: title, prompt tokens, decode steps, shape (None: a real model) and its architecture and type
ROWS = {
    "smollm2": ("SmolLM2-135M Q4_1", 512, 128, None),
    "gemma3": ("Gemma 3 270M Q4_K_M", 512, 128, None),
    "qwen-1.5b-q4_k": ("1.5B shape, Q4_K", 128, 32, ("qwen2", QWEN_1_5B, "q4_k")),
    "v2-lite-q4_k": ("V2-Lite shape, Q4_K", 128, 16, ("deepseek_v2", V2_LITE, "q4_k")),
}
for kind in ("q4_0", "q5_0", "q8_0", "q5_k", "q6_k", "iq4_nl", "f16", "bf16"):
    ROWS[f"qwen-1.5b-{kind}"] = (f"1.5B shape, {kind.upper()}", 128, 16, ("qwen2", QWEN_1_5B, kind))
ROWS["qwen-1.5b-bf16-rounded"] = ("1.5B shape, BF16, bf16-activations", 128, 16, ROWS["qwen-1.5b-bf16"][3])
ROWS["smollm2-f32"] = ("SmolLM2-135M as F32", 128, 32, "f32")

# Rows that run another row's file with options of ours.
OPTIONS = {"qwen-1.5b-bf16-rounded": ("qwen-1.5b-bf16", ["--set", "cpu.bf16-activations=true"])}


def peer(model, prompt, steps, threads):
    """One warm-up and one repetition of llama.cpp, as JSON."""
    import llama_cpp as llama

    silent = llama.llama_log_callback(lambda level, text, data: None)
    llama.llama_log_set(silent, ctypes.c_void_p(0))
    llama.llama_backend_init()
    parameters = llama.llama_model_default_params()
    parameters.n_gpu_layers = 0
    loaded = llama.llama_model_load_from_file(str(model).encode(), parameters)
    if not loaded:
        sys.exit(f"llama.cpp cannot load {model}")
    settings = llama.llama_context_default_params()
    settings.n_ctx = prompt + steps + 16
    settings.n_batch, settings.n_ubatch = max(prompt, 512), 512
    settings.n_threads = settings.n_threads_batch = threads
    context = llama.llama_init_from_model(loaded, settings)
    words = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(loaded))
    memory = llama.llama_get_memory(context)

    def step(ids):
        array = (llama.llama_token * len(ids))(*ids)
        if llama.llama_decode(context, llama.llama_batch_get_one(array, len(ids))):
            sys.exit("llama.cpp failed")
        llama.llama_synchronize(context)

    def seconds(work):
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    ids = lambda count: [random.randrange(3, words) for _ in range(count)]
    for _ in range(2):
        llama.llama_memory_clear(memory, True)
        tokens = ids(prompt)
        prefill = prompt / seconds(lambda: step(tokens))
        llama.llama_memory_clear(memory, True)
        step([1])
        decode = steps / seconds(lambda: [step(ids(1)) for _ in range(steps)])
    print(json.dumps({"prefill_tps": [prefill], "decode_tps": [decode]}))


def output_of(command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(str(part) for part in command)}\n{done.stderr[-2000:]}")
    return done.stdout


def model_file(hadal, name, folder):
    """The row's file, written first if it is a shape. None: a real model that is not at hand."""
    name = OPTIONS.get(name, (name,))[0]
    shape, file = ROWS[name][3], folder / f"{name}.gguf"
    if file.exists():
        return file
    if shape is None:
        return None
    part = file.with_suffix(".part.gguf")
    if isinstance(shape, str):
        source = model_file(hadal, "smollm2", folder)
        if source is None:
            return None
        output_of([hadal, "quantize", source, part, "--type", shape])
    else:
        architecture, config, dtype = shape
        described = file.with_suffix(".config.json")
        described.write_text(json.dumps(config))
        output_of([hadal, "synth", architecture, "--config", described, "--type", dtype, "-o", part])
        described.unlink()
    part.rename(file)
    return file


def has_peer():
    return subprocess.run([sys.executable, "-c", "import llama_cpp"], capture_output=True).returncode == 0


def measure(hadal, name, file, options, with_peer):
    _, prompt, steps, _ = ROWS[name]
    common = [file, "-p", prompt, "-n", steps, "-t", options.threads]
    own = OPTIONS.get(name, (name, []))[1]
    ours, theirs, best, retries = [], [], 0.0, options.repetitions
    while len(ours) < options.repetitions:
        mine = json.loads(output_of([hadal, "bench", *common, *own, "-r", 1, "--json"]))
        other = json.loads(output_of([sys.executable, __file__, "--peer", *common])) if with_peer else None
        best = max(best, mine["read_bytes_per_second"])
        if mine["read_bytes_per_second"] < 0.8 * best and retries > 0:
            retries -= 1
            print(f"{name}: disturbed, once more", file=sys.stderr)
            continue
        ours.append(mine)
        theirs.append(other)
        line = f"{name} {len(ours)}/{options.repetitions}: prefill {mine['prefill_tps'][0]:.1f}, decode {mine['decode_tps'][0]:.1f}"
        if other:
            line += f"; llama.cpp {other['prefill_tps'][0]:.1f}, {other['decode_tps'][0]:.1f}"
        print(line, file=sys.stderr, flush=True)
    middle = lambda results, key: statistics.median(result[key][0] for result in results)
    last = ours[-1]
    row = {
        "prompt": prompt, "steps": steps, "repetitions": options.repetitions, "date": datetime.date.today().isoformat(),
        "prefill": middle(ours, "prefill_tps"), "decode": middle(ours, "decode_tps"),
        "bytes_per_token": last["bytes_per_token"], "read": statistics.median(each["read_bytes_per_second"] for each in ours),
        "int8": statistics.median(each["int8_operations_per_second"] or 0 for each in ours),
        "operations_per_token": last["prefill_operations_per_second"] / last["prefill_tps"][0],
        "load_peak_memory": max(each["load_peak_memory_bytes"] for each in ours), "file": file.stat().st_size}
    if with_peer:
        row["peer_prefill"], row["peer_decode"] = middle(theirs, "prefill_tps"), middle(theirs, "decode_tps")
    return row


def machine(hadal, threads):
    doctor = json.loads(output_of([hadal, "bench", "--help"]) and output_of([hadal, "doctor", "--json"]))
    return f"{processor()}, {instruction_set(doctor)}, {threads} threads"


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "unknown processor"


def instruction_set(doctor):
    found = []

    def walk(value):
        if isinstance(value, dict):
            for key, inner in value.items():
                if key == "instruction_set":
                    found.append(inner)
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)

    walk(doctor)
    return found[0] if found else "unknown instructions"


def table(results):
    lines = []
    for where, rows in results.items():
        lines += [f"**{where}**", "", "| model | prefill | llama.cpp | ratio | decode | llama.cpp | ratio | of read bandwidth | of int8 | memory / file | measured |",
                  "|---|---|---|---|---|---|---|---|---|---|---|"]
        for name in [name for name in ROWS if name in rows]:
            row = rows[name]
            cells = [f"{ROWS[name][0]}, {row['prompt']} / {row['steps']}"]
            for key in ("prefill", "decode"):
                other = row.get(f"peer_{key}")
                cells += [f"{row[key]:.1f}", f"{other:.1f}" if other else "–", f"**{row[key] / other:.2f}**" if other else "–"]
            cells.append(f"{100 * row['decode'] * row['bytes_per_token'] / row['read']:.0f} % of {row['read'] / 1e9:.1f} GB/s")
            cells.append(f"{100 * row['prefill'] * row['operations_per_token'] / row['int8']:.0f} % of {row['int8'] / 1e9:.0f} GOP/s" if row["int8"] else "–")
            cells.append(f"{row['load_peak_memory'] / row['file']:.2f}")
            cells.append(f"{row['date']}, {row['repetitions']} pairs")
            lines.append("| " + " | ".join(cells) + " |")
        lines.append("")
    return "\n".join(lines)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--peer", help=argparse.SUPPRESS)
    arguments.add_argument("-p", type=int, help=argparse.SUPPRESS)
    arguments.add_argument("-n", type=int, help=argparse.SUPPRESS)
    arguments.add_argument("--hadal", default=ROOT / ".build/release/hadal", help="the executable")
    arguments.add_argument("--models", type=pathlib.Path, default=os.environ.get("MODELS") or pathlib.Path.home() / ".cache/hadal/bench", help="where models are and are written")
    arguments.add_argument("--only", help=f"rows, separated by commas, of {', '.join(ROWS)}")
    arguments.add_argument("-r", "--repetitions", type=int, default=5)
    arguments.add_argument("-t", "--threads", type=int, default=len(os.sched_getaffinity(0)))
    options = arguments.parse_args()
    if options.peer:
        peer(options.peer, options.p, options.n, options.threads)
        return
    names = options.only.split(",") if options.only else list(ROWS)
    unknown = [name for name in names if name not in ROWS]
    if unknown:
        sys.exit(f"no row is called {', '.join(unknown)}; there are {', '.join(ROWS)}")
    options.models = pathlib.Path(options.models)
    options.models.mkdir(parents=True, exist_ok=True)
    with_peer = has_peer()
    if not with_peer:
        print("llama-cpp-python is not installed: only hadal is measured", file=sys.stderr)
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    rows = results.setdefault(machine(options.hadal, options.threads), {})
    for name in names:
        file = model_file(options.hadal, name, options.models)
        if file is None:
            print(f"{name}: no file of that name, left out", file=sys.stderr)
            continue
        rows[name] = measure(options.hadal, name, file, options, with_peer)
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")
        page = PAGE.read_text()
        before, rest = page.split(BEGIN, 1)
        PAGE.write_text(before + BEGIN + "\n\n" + table(results) + "\n" + END + rest.split(END, 1)[1])
    print(table(results))


main()
