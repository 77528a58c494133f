"""A WebSocket client, as far as the DevTools protocol needs one: text messages of a server on this machine (RFC 6455)."""
import base64, os, socket, struct, urllib.parse


class WebSocket:
    """A connection. One thread sends and receives; `receive` raises TimeoutError where nothing comes in time."""

    def __init__(self, address, timeout=30):
        parts = urllib.parse.urlsplit(address)
        self.socket = socket.create_connection((parts.hostname, parts.port), timeout)
        self.pending = b""
        key = base64.b64encode(os.urandom(16)).decode()
        request = (f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                   f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n")
        self.socket.sendall(request.encode())
        head = b""
        while b"\r\n\r\n" not in head:
            piece = self.socket.recv(4096)
            if not piece:
                raise ConnectionError("the browser closed the connection")
            head += piece
        head, self.pending = head.split(b"\r\n\r\n", 1)
        if b" 101 " not in head.split(b"\r\n", 1)[0]:
            raise ConnectionError(head.decode(errors="replace"))

    def send(self, text, opcode=1):
        data = text.encode() if isinstance(text, str) else text
        length = len(data)
        head = bytes([0x80 | opcode])
        if length < 126:
            head += bytes([0x80 | length])
        elif length < 65536:
            head += bytes([0x80 | 126]) + struct.pack(">H", length)
        else:
            head += bytes([0x80 | 127]) + struct.pack(">Q", length)
        # A mask of zeros is one that the protocol allows; on this machine nothing is between the two that it would guard.
        self.socket.sendall(head + bytes(4) + data)

    def exactly(self, count):
        while len(self.pending) < count:
            piece = self.socket.recv(max(65536, count - len(self.pending)))
            if not piece:
                raise ConnectionError("the browser closed the connection")
            self.pending += piece
        data, self.pending = self.pending[:count], self.pending[count:]
        return data

    def frame(self):
        first, second = self.exactly(2)
        length = second & 0x7F
        if length == 126:
            length, = struct.unpack(">H", self.exactly(2))
        elif length == 127:
            length, = struct.unpack(">Q", self.exactly(8))
        return first & 0x80 != 0, first & 0x0F, self.exactly(length)

    def receive(self, timeout):
        """The next text message."""
        self.socket.settimeout(timeout)
        # Only between messages may a timeout end the wait: half a message would be lost.
        if not self.pending:
            self.pending = self.socket.recv(65536)
            if not self.pending:
                raise ConnectionError("the browser closed the connection")
        self.socket.settimeout(60)
        text = b""
        while True:
            final, opcode, data = self.frame()
            if opcode == 9:
                self.send(data, 10)
            elif opcode == 8:
                raise ConnectionError("the browser closed the connection")
            elif opcode in (0, 1, 2):
                text += data
                if final:
                    return text.decode()

    def close(self):
        self.socket.close()
