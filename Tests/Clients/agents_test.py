"""Has coding agents finish a tool turn against the scripted model, and another one after the server was killed and started again.

usage: agents_test.py HADAL PACKAGES    PACKAGES: the folder where `openai-codex-cli-bin` and `claude-agent-sdk` are installed

Each agent talks to the server through a proxy that notes what is answered: no status of 400 or more, and at least 99 % of the prompt of every
request but the first from the cache. Run it in a network namespace of its own (`unshare -n`), so that nothing but loopback can be reached.
"""
import fcntl
import http.client
import http.server
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FIXTURE = os.path.join(ROOT, "Tests", "Fixtures", "scripted")
SECRET = "the harbour opens at nine"
QUESTION = "What does notes.txt say?"
SAID = "The file says that the harbour opens at nine."


def rules(tool, arguments):
    return {"rules": [
        {"role": "tool", "contains": SECRET, "thinking": "Nine.", "say": SAID},
        {"role": "user", "contains": "notes.txt", "thinking": "I should read the file.", "say": "I will read the file.",
         "calls": [{"name": tool, "arguments": arguments}]},
        {"say": "Hello there."},
    ]}


class Server:
    """`hadal serve` with the scripted model."""

    def __init__(self, hadal, folder, script):
        self.hadal, self.folder = hadal, folder
        with open(os.path.join(folder, "rules.json"), "w") as file:
            json.dump(script, file)
        subprocess.run([sys.executable, "-B", os.path.join(FIXTURE, "make.py"), file.name, os.path.join(folder, "model")], check=True)
        self.start()

    def start(self):
        log = open(os.path.join(self.folder, "log"), "a")
        self.process = subprocess.Popen(
            [self.hadal, "serve", "scripted=" + os.path.join(self.folder, "model"), "--kernels", FIXTURE, "--architecture",
             os.path.join(FIXTURE, "scripted.json"), "--context", "131072", "--cache-dir", os.path.join(self.folder, "cache"),
             "--any-model", "--no-page", "--port", "0"], stdout=subprocess.PIPE, stderr=log, text=True)
        self.port = int(self.process.stdout.readline().rsplit(":", 1)[1].strip("/\n"))

    def wait_for_cache(self):
        """Until no file of the cache has been written for a while."""
        last, same = None, 0
        while same < 5:
            files = sorted(name for _, _, names in os.walk(os.path.join(self.folder, "cache")) for name in names)
            same, last = (same + 1 if files == last else 0), files
            threading.Event().wait(0.1)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


class Proxy:
    """Hands requests on to whatever port the server has now, and notes (method, path, status, usage)."""

    def __init__(self, server):
        self.seen = []
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def hand_on(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
                headers = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "connection")}
                connection.request(self.command, self.path, body or None, headers)
                answer = connection.getresponse()
                data = answer.read()
                proxy.seen.append((self.command, self.path, answer.status, usage(data)))
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_HEAD = hand_on

            def log_message(self, *arguments):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.http.server_address[1]
        threading.Thread(target=self.http.serve_forever, daemon=True).start()


def usage(data):
    """(tokens of the prompt, those from the cache) of a stream; None where it says nothing of them."""
    found = None
    for line in data.decode(errors="replace").split("\n"):
        if not line.startswith("data: {"):
            continue
        event = json.loads(line[len("data: "):])
        said = (event.get("response") or event).get("usage")
        if event.get("type") == "response.completed":
            found = (said["input_tokens"], said["input_tokens_details"]["cached_tokens"])
        elif event.get("type") == "message_delta":
            found = (said["input_tokens"] + said["cache_read_input_tokens"], said["cache_read_input_tokens"])
    return found


def codex(packages, port, home, question, is_next):
    settings = {
        "model": "scripted", "model_provider": "hadal", "approval_policy": "never", "sandbox_mode": "danger-full-access",
        "model_providers.hadal.name": "Hadal", "model_providers.hadal.base_url": f"http://127.0.0.1:{port}/v1",
        "model_providers.hadal.wire_api": "responses",
    }
    command = [os.path.join(packages, "codex_cli_bin", "bin", "codex"), "exec", "--skip-git-repo-check"]
    for key, value in settings.items():
        command += ["-c", f"{key}={json.dumps(value)}"]
    return command + (["resume", "--last"] if is_next else []) + [question], {"CODEX_HOME": home}


def claude(packages, port, home, question, is_next):
    command = [os.path.join(packages, "claude_agent_sdk", "_bundled", "claude"), "-p", question, "--allowedTools", "Bash"]
    return command + (["--continue"] if is_next else []), {
        "CLAUDE_CONFIG_DIR": home, "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{port}", "ANTHROPIC_API_KEY": "none",
        "ANTHROPIC_MODEL": "scripted",
    }


AGENTS = {
    "codex": (codex, rules("exec_command", {"cmd": "cat notes.txt"})),
    "claude": (claude, rules("Bash", {"command": "cat notes.txt", "description": "Print the file"})),
}


def check(name, hadal, packages):
    command, script = AGENTS[name]
    with tempfile.TemporaryDirectory() as folder:
        home, work = os.path.join(folder, "home"), os.path.join(folder, "work")
        os.mkdir(home)
        os.mkdir(work)
        with open(os.path.join(work, "notes.txt"), "w") as file:
            file.write(SECRET + "\n")
        server = Server(hadal, folder, script)
        proxy = Proxy(server)
        try:
            for is_next in (False, True):
                arguments, environment = command(packages, proxy.port, home, QUESTION + (" Look again." if is_next else ""), is_next)
                done = subprocess.run(
                    arguments, cwd=work, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=180,
                    env={**os.environ, "HOME": home, **environment})
                assert done.returncode == 0 and SAID in done.stdout, (done.returncode, done.stdout[-2000:], done.stderr[-2000:])
                if not is_next:
                    server.wait_for_cache()
                    server.kill()
                    server.start()
        finally:
            proxy.http.shutdown()
            server.kill()
        failed = [seen for seen in proxy.seen if seen[2] >= 400]
        assert not failed, failed
        turns = [seen[3] for seen in proxy.seen if seen[3]]
        assert len(turns) == 4, proxy.seen
        shares = [cached / prompt for prompt, cached in turns]
        assert all(share >= 0.99 for share in shares[1:]), turns
        return f"prompts of {', '.join(str(prompt) for prompt, _ in turns)} tokens, {min(shares[1:]):.2%} from the cache or more"


def raise_loopback():
    """A new network namespace has it down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sH22x", b"lo", 0)
        flags = struct.unpack("16sH22x", fcntl.ioctl(any_socket, 0x8913, request))[1]
        if not flags & 1:
            fcntl.ioctl(any_socket, 0x8914, struct.pack("16sH22x", b"lo", flags | 1))


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__.strip())
    raise_loopback()
    failures = 0
    for name in AGENTS:
        try:
            print(f"ok    {name}: {check(name, *sys.argv[1:3])}", flush=True)
        except (AssertionError, subprocess.TimeoutExpired) as error:
            failures += 1
            print(f"FAIL  {name}: {error}", flush=True)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
