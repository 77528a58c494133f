"""Reads and changes what the dynamic loader is told by a 64-bit little-endian ELF file."""
import struct

NEEDED, STRTAB, STRSZ, SONAME, RPATH, RUNPATH, VERNEED, VERNEEDNUM = 1, 5, 10, 14, 15, 29, 0x6FFFFFFE, 0x6FFFFFFF


class Elf:
    def __init__(self, path):
        self.path = path
        with open(path, "rb") as file:
            self.data = bytearray(file.read())
        if self.data[:6] != b"\x7fELF\x02\x01":
            raise ValueError(f"{path} is no 64-bit little-endian ELF file")
        start, = struct.unpack_from("<Q", self.data, 32)
        size, count = struct.unpack_from("<HH", self.data, 54)
        self.segments = [struct.unpack_from("<IIQQQQQQ", self.data, start + i * size) for i in range(count)]
        self.dynamic = []
        for kind, _, offset, _, _, length, _, _ in self.segments:
            if kind == 2:
                for at in range(offset, offset + length, 16):
                    tag, value = struct.unpack_from("<qQ", self.data, at)
                    if tag == 0:
                        break
                    self.dynamic.append((tag, value, at))
        self.strings = self.offset(self.value(STRTAB)) if self.dynamic else 0

    def offset(self, address):
        for kind, _, offset, start, _, length, _, _ in self.segments:
            if kind == 1 and start <= address < start + length:
                return address - start + offset
        raise ValueError(f"{self.path}: address {address:#x} is in no segment")

    def value(self, tag):
        return next((value for t, value, _ in self.dynamic if t == tag), None)

    def string(self, at):
        start = self.strings + at
        return self.data[start:self.data.index(0, start)].decode()

    @property
    def needed(self):
        return [self.string(value) for tag, value, _ in self.dynamic if tag == NEEDED]

    @property
    def soname(self):
        at = self.value(SONAME)
        return None if at is None else self.string(at)

    @property
    def versions(self):
        """{library: {version, …}}: the versions of symbols that this file wants of others."""
        found, at = {}, self.value(VERNEED)
        if at is None:
            return found
        at = self.offset(at)
        while True:
            _, count, name, aux, following = struct.unpack_from("<HHIII", self.data, at)
            wanted, entry = found.setdefault(self.string(name), set()), at + aux
            for _ in range(count):
                _, flags, _, version, step = struct.unpack_from("<IHHII", self.data, entry)
                if not flags & 2:  # a weak one may be missing
                    wanted.add(self.string(version))
                entry += step
            if not following:
                return found
            at += following

    def set_rpath(self, text):
        """Puts a search path in the place of the one that the linker wrote, which must be as long or longer.

        As DT_RPATH: unlike DT_RUNPATH it also serves the libraries that this file's libraries need, and comes before LD_LIBRARY_PATH.
        """
        for tag, value, at in self.dynamic:
            if tag in (RPATH, RUNPATH):
                old = len(self.string(value).encode())
                new = text.encode()
                if len(new) > old:
                    raise ValueError(f"{self.path}: '{text}' is longer than the search path that is there")
                start = self.strings + value
                self.data[start:start + old] = new + bytes(old - len(new))
                struct.pack_into("<q", self.data, at, RPATH)
                with open(self.path, "wb") as file:
                    file.write(self.data)
                return
        raise ValueError(f"{self.path} has no search path to change")
