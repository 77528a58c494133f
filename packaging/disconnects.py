#!/usr/bin/env python3
"""Short requests over many connections to `hadal serve`, of clients that go away, do not read, or are killed.

    packaging/disconnects.py [--hadal PATH] [--model smollm2] [--requests 2000] [--connections 16] [--seed 1] [-- FURTHER ARGUMENTS OF SERVE]

Of the requests most are answered, streamed or whole. Others are left in the middle: before the request is complete, while the prompt is computed,
after some bytes of the answer. Some clients read nothing of a long answer, so that the server has to give it up, and some are processes of their
own that are killed (SIGKILL) while they make requests.

Afterwards nothing may be left: no answer that is worked on, none that waits, no page of the cache that a session holds, no connection, no thread
more than before. The resident memory at the end may be at most --growth (0.05) above that after a tenth of the requests. A server that does not come to rest, or
an answer that is wrong, is a failure (exit status 1).
"""
import argparse, collections, json, os, pathlib, random, signal, socket, subprocess, sys, tempfile, threading, time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
# The cache is full of what was computed long before memory is first measured, and takes no more.
CONTEXT = 1024
PROMPTS = [f"Conversation {n}. " + f"A sentence about the number {n}. " * 12 + "Say a word." for n in range(24)]
# What a client does, and how often.
KINDS = {"whole": 34, "streamed": 30, "unsent": 6, "unanswered": 10, "left": 12, "stalled": 1, "killed": 2, "wrong": 5}
LIMIT_SECONDS = 600
# Of clients that read nothing: connections that the server closed.
given_up = []


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--hadal", default=str(ROOT / ".build/release/hadal"))
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--growth", type=float, default=0.05, help="most by which resident memory may grow")
    parser.add_argument("--client", type=int, help=argparse.SUPPRESS)
    parser.add_argument("further", nargs="*")
    return parser.parse_args()


def connect(port, receive_buffer=None):
    connection = socket.socket()
    if receive_buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.settimeout(LIMIT_SECONDS)
    connection.connect(("127.0.0.1", port))
    return connection


def request(body, path="/v1/chat/completions", length=None):
    data = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: application/json\r\n"
    return head.encode() + f"Content-Length: {length or len(data)}\r\n\r\n".encode() + data


def read_all(connection):
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)


def perform(kind, port, draw, program):
    """One request of a kind. Returns what is wrong with its answer; None: nothing."""
    body = {"messages": [{"role": "user", "content": draw.choice(PROMPTS)}], "max_tokens": draw.randint(1, 12), "seed": draw.randint(0, 99)}
    if kind == "killed":
        client = subprocess.Popen([sys.executable, program, "--client", str(port), "--seed", str(draw.randint(0, 1 << 30))])
        time.sleep(draw.uniform(0.05, 0.6))
        client.kill()
        client.wait()
        return None
    with connect(port, 4096 if kind == "stalled" else None) as connection:
        if kind == "wrong":
            wrong, status = draw.choice([({"messages": 1}, 400), ({**body, "model": "none"}, 404), ({**body, "n": 10**9}, 400), ("{", 400)])
            connection.sendall(request(wrong))
            answer = read_all(connection)
            return None if f" {status} ".encode() in answer[:16] else f"{wrong}: {answer[:200]}"
        if kind == "whole":
            connection.sendall(request(body))
            answer = read_all(connection)
            return None if b" 200 " in answer[:16] and b'"finish_reason"' in answer else f"whole: {answer[:200]}"
        body["stream"] = True
        if kind == "streamed":
            connection.sendall(request(body))
            answer = read_all(connection)
            return None if b" 200 " in answer[:16] and b"[DONE]" in answer else f"streamed: {answer[:200]} … {answer[-200:]}"
        if kind == "stalled":
            # Enough to fill what the system holds for a client that does not read.
            connection.sendall(request({**body, "max_tokens": 400, "logprobs": True, "top_logprobs": 20, "ignore_eos": True}))
            begun = connection.recv(1024)
            time.sleep(draw.uniform(10, 14))
            try:
                if b"[DONE]" not in begun + read_all(connection):
                    given_up.append(1)
            except ConnectionError:
                given_up.append(1)
            return None
        data = request({**body, "max_tokens": 200})
        if kind == "unsent":
            connection.sendall(data[:draw.randrange(len(data))])
            time.sleep(draw.uniform(0, 0.05))
            return None
        connection.sendall(data)
        if kind == "unanswered":
            time.sleep(draw.uniform(0, 0.2))
        else:
            connection.recv(draw.randint(1, 600))
        if draw.random() < 0.5:
            # Without a farewell: the connection is reset.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    return None


def be_killed(options):
    draw = random.Random(options.seed)
    while True:
        perform(draw.choice(["whole", "streamed", "left"]), options.client, draw, __file__)


class Server:
    def __init__(self, options, folder):
        self.log = open(os.path.join(folder, "log"), "w+")
        arguments = [options.hadal, "serve", options.model, "--port", "0", "--no-page", "--stall", "1s", "--context", str(CONTEXT),
                     *options.further]
        self.process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=self.log, text=True)
        line = self.process.stdout.readline()
        if not line.startswith("http"):
            self.log.seek(0)
            sys.exit(f"{' '.join(arguments)}\n{self.log.read()}")
        self.port = int(line.split(":")[2].split("/")[0])

    def metrics(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=60) as reply:
            lines = [line.split(" ") for line in reply.read().decode().splitlines() if not line.startswith("#")]
        values = collections.Counter()
        for name, value in lines:
            values[name.split("{")[0]] += float(value)
        return values

    def resources(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        field = lambda name: int(next(line for line in status.splitlines() if line.startswith(name + ":")).split()[1])
        return {"memory": field("VmRSS") * 1024, "threads": field("Threads"), "descriptors": len(os.listdir(f"/proc/{self.process.pid}/fd"))}

    def rest(self):
        """Waits until nothing is worked on, and gives what is still held then."""
        limit = time.monotonic() + 60
        while True:
            metrics = self.metrics()
            held = {name: metrics[name] for name in [
                "hadal_answers_active", "hadal_requests_running", "hadal_requests_waiting", "hadal_cache_pages_held"] if metrics[name]}
            if not held or time.monotonic() > limit:
                return held, metrics
            time.sleep(0.1)


def run(options, server):
    draw = random.Random(options.seed)
    kinds = draw.choices(list(KINDS), KINDS.values(), k=options.requests)
    # Answers with log probabilities take the most memory, and keep it from then on: eight come at the beginning, others later.
    for place, number in enumerate([number for number, kind in enumerate(kinds) if kind == "stalled"][:8]):
        kinds[place], kinds[number] = kinds[number], kinds[place]
    faults, done, lock, paused = [], collections.Counter(), threading.Condition(), [False]
    queue = list(enumerate(kinds))[::-1]
    first = max(options.requests // 10, 1)
    active, samples = [0], {}

    def work():
        while True:
            with lock:
                lock.wait_for(lambda: not paused[0])
                if not queue:
                    return
                number, kind = queue.pop()
                active[0] += 1
                if options.requests - len(queue) == first:
                    paused[0] = True
            try:
                fault = perform(kind, server.port, random.Random(options.seed * 1_000_003 + number), __file__)
            except OSError as error:
                # A client that does not read loses its connection.
                fault = None if kind == "stalled" else f"{kind}: {error!r}"
            with lock:
                active[0] -= 1
                done[kind] += 1
                if fault:
                    faults.append(fault)
                lock.notify_all()

    def measure(name):
        held, metrics = server.rest()
        if held:
            faults.append(f"{name}: still held: {held}")
        time.sleep(1)
        samples[name] = server.resources()
        return metrics

    threads = [threading.Thread(target=work, daemon=True) for _ in range(options.connections)]
    for thread in threads:
        thread.start()
    with lock:
        lock.wait_for(lambda: paused[0] and active[0] == 0)
    measure("first")
    with lock:
        paused[0] = False
        lock.notify_all()
    for thread in threads:
        thread.join()
    return faults, done, samples, measure("last"), first


def main():
    options = parse()
    if options.client:
        return be_killed(options)
    with tempfile.TemporaryDirectory() as folder:
        server = Server(options, folder)
        try:
            started = time.monotonic()
            faults, done, samples, metrics, first = run(options, server)
            seconds = time.monotonic() - started
            before, after = samples["first"], samples["last"]
            growth = after["memory"] / before["memory"] - 1
            print(f"{sum(done.values())} requests over {options.connections} connections in {seconds:.0f} s: "
                  + ", ".join(f"{count} {kind}" for kind, count in sorted(done.items())))
            print(f"resident memory after {first}: {before['memory'] / 1e6:.1f} MB, at the end: {after['memory'] / 1e6:.1f} MB ({100 * growth:+.1f} %)")
            print(f"threads {before['threads']} and {after['threads']}, open files {before['descriptors']} and {after['descriptors']}; "
                  f"{metrics['hadal_answers_total']:.0f} answers to their end, {metrics['hadal_disconnects_total']:.0f} clients that went, "
                  f"{len(given_up)} of {done['stalled']} that did not read given up")
            if growth > options.growth:
                faults.append(f"resident memory grew by {100 * growth:.1f} %")
            if after["descriptors"] > before["descriptors"] + 2:
                faults.append("connections are left open")
            if after["threads"] > before["threads"] + 4:
                faults.append("threads are left")
            server.process.send_signal(signal.SIGTERM)
            if server.process.wait(timeout=60) != 0:
                faults.append(f"the server ended with {server.process.returncode}")
        finally:
            server.process.kill()
            server.process.wait()
        for fault in faults[:20]:
            print("FAULT", fault)
        sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
