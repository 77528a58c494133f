#!/usr/bin/env python3
"""Tokens a second of many requests at once, beside one at a time and beside llama.cpp's own server on the same file.

    packaging/serving.py MODEL [--llama-server PATH] [--streams 8] [-p 256] [-n 128] [-r 5] [--json]

Each stream sends a request when it has the answer to its last one. A prompt is random token ids, so that no two begin alike; an answer is a
fixed number of greedy tokens, whatever the end token says. The figure is generated tokens over the time from the first request to the last
answer, after one request that does not count. The programs take turns, each one first in its turn, and medians are compared. Every run must
have computed and generated exactly the tokens that were requested, or the measurement fails.
"""
import argparse, contextlib, json, os, pathlib, random, signal, socket, statistics, subprocess, sys, tempfile, threading, time
import urllib.error, urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
MANY, ONE, PEER = "hadal", "hadal, one stream", "llama-server"


def hadal(options, model, streams):
    """The figures of `hadal bench --streams`, with the path of the model."""
    command = [options.hadal, "bench", model, "--streams", streams, "-p", options.p, "-n", options.n, "-r", options.requests,
               "-t", options.threads, "--json"]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(str(part) for part in command)}\n{done.stderr[-2000:]}")
    figures = json.loads(done.stdout)
    return figures["model"], {"prompt_tokens": figures["computed_prompt_tokens"], "tokens": figures["generated_tokens"],
                              "seconds": figures["seconds"]}


def call(port, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=3600) as reply:
        return json.load(reply)


@contextlib.contextmanager
def llama_server(options, model):
    """A llama-server with a slot for each stream: its port. Nothing of its caches between requests is used."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    context = options.streams * (options.p + options.n + 64)
    with tempfile.TemporaryFile("w+") as log:
        server = subprocess.Popen(
            [options.llama_server, "-m", model, "-c", str(context), "-np", str(options.streams), "-t", str(options.threads),
             "-tb", str(options.threads), "--host", "127.0.0.1", "--port", str(port), "--no-webui", "--cache-ram", "0"],
            stdout=log, stderr=subprocess.STDOUT)
        try:
            while True:
                if server.poll() is not None:
                    log.seek(0)
                    sys.exit(f"{options.llama_server} ended\n{log.read()[-2000:]}")
                with contextlib.suppress(urllib.error.URLError, ConnectionError):
                    call(port, "/health")
                    break
                time.sleep(0.2)
            yield port
        finally:
            server.terminate()
            server.wait()


def peer(options, port):
    """One run of all streams against a server."""
    vocabulary = call(port, "/v1/models")["data"][0]["meta"]["n_vocab"]
    ids = lambda: [random.randrange(vocabulary) for _ in range(options.p)]
    ask = lambda prompt: call(port, "/completion", {
        "prompt": prompt, "n_predict": options.n, "temperature": 0, "ignore_eos": True, "cache_prompt": False, "stream": False})["timings"]
    ask(ids())
    prompts = [[ids() for _ in range(options.requests)] for _ in range(options.streams)]
    timings, failures = [[] for _ in prompts], []

    def stream(index):
        try:
            for prompt in prompts[index]:
                timings[index].append(ask(prompt))
        except OSError as error:
            failures.append(error)

    threads = [threading.Thread(target=stream, args=(index,), daemon=True) for index in range(options.streams)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - start
    if failures:
        sys.exit(f"{PEER}: {failures[0]}")
    every = [timing for stream in timings for timing in stream]
    return {"prompt_tokens": sum(timing["prompt_n"] for timing in every), "tokens": sum(timing["predicted_n"] for timing in every),
            "seconds": seconds}


def measure(options):
    """The runs of each program, in turn."""
    model, _ = hadal(options, options.model, 1)
    with contextlib.ExitStack() as stack:
        programs = {
            MANY: (options.streams, lambda: hadal(options, model, options.streams)[1]),
            ONE: (1, lambda: hadal(options, model, 1)[1]),
        }
        if options.llama_server:
            port = stack.enter_context(llama_server(options, model))
            programs[PEER] = (options.streams, lambda: peer(options, port))
        runs = {name: [] for name in programs}
        for repetition in range(options.repetitions):
            first = repetition % len(programs)
            for name in (list(programs) * 2)[first:first + len(programs)]:
                streams, run = programs[name]
                result = run()
                wanted = [streams * options.requests * tokens for tokens in (options.p, options.n)]
                done = [result["prompt_tokens"], result["tokens"]]
                if done != wanted:
                    sys.exit(f"{name}: {done[0]} prompt tokens and {done[1]} generated, not {wanted[0]} and {wanted[1]}")
                result["tokens_per_second"] = result["tokens"] / result["seconds"]
                runs[name].append(result)
                print(f"{name}, run {repetition + 1}: {result['tokens_per_second']:.1f} tokens/s", file=sys.stderr, flush=True)
    return model, runs


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("model", help="a GGUF file, or a name of the catalogue")
    arguments.add_argument("--hadal", default=ROOT / ".build/release/hadal", help="the executable")
    arguments.add_argument("--llama-server", metavar="PATH", help="llama.cpp's server; without it hadal alone is measured")
    arguments.add_argument("--streams", type=int, default=8, help="requests at once")
    arguments.add_argument("--requests", type=int, default=1, help="requests of each stream in a run, one after the other")
    arguments.add_argument("-p", type=int, default=256, help="tokens of a prompt")
    arguments.add_argument("-n", type=int, default=128, help="tokens of an answer")
    arguments.add_argument("-r", "--repetitions", type=int, default=5, help="runs of each program")
    arguments.add_argument("-t", "--threads", type=int, default=len(os.sched_getaffinity(0)))
    arguments.add_argument("--json", action="store_true", help="print JSON")
    options = arguments.parse_args()
    # So that the server ends as well.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if not options.llama_server:
        print("no --llama-server: only hadal is measured", file=sys.stderr)
    model, runs = measure(options)
    rates = {name: [run["tokens_per_second"] for run in results] for name, results in runs.items()}
    medians = {name: statistics.median(values) for name, values in rates.items()}
    ratios = {name: medians[MANY] / value for name, value in medians.items() if name != MANY}
    if options.json:
        settings = {"streams": options.streams, "requests": options.requests, "prompt_tokens": options.p, "tokens": options.n,
                    "threads": options.threads}
        print(json.dumps({"model": model, **settings, "runs": runs, "median_tokens_per_second": medians, "ratios": ratios}, indent=1))
        return
    print(f"{model}: {options.streams} streams, prompts of {options.p}, answers of {options.n}, {options.threads} threads")
    print(f"\n| program | tokens/s, median of {options.repetitions} | least | most | hadal / this |\n|---|---|---|---|---|")
    for name, values in rates.items():
        ratio = f"{ratios[name]:.2f}" if name in ratios else ""
        print(f"| {name} | {medians[name]:.1f} | {min(values):.1f} | {max(values):.1f} | {ratio} |")


main()
