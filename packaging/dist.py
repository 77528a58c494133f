#!/usr/bin/env python3
"""Puts a release build into a folder and a tarball that run on any Linux x86-64 machine with a C library no older than this one's.

usage: dist.py BUILD_FOLDER OUTPUT_FOLDER

    bin/hadal          a launcher that needs the C library alone
    libexec/hadal      the program
    lib/               the Swift runtime
    lib/hadal/         the plugins
    lib/fallback/      other libraries, each in a folder of its own, used where the system has none
    share/hadal/       kernels, architectures, the catalogue of models, the files of the chat page
    share/doc/hadal/   documentation, and the licences of what is shipped
    include/           the plugin interface
"""
import gzip
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from elf import Elf

REPOSITORY = Path(__file__).resolve().parent.parent
# Part of the C library, which every system has its own of.
GLIBC = re.compile(r"^(ld-linux.*|lib(c|m|dl|rt|pthread|resolv|util|anl|nsl|mvec)\.so\.\d+)$")
LIMIT = 60 << 20
# The plugin that shows how to write one is no use to a user.
LEFT_OUT = {"libhadal-example.so"}


def fail(message):
    sys.exit(f"dist: {message}")


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def version():
    text = (REPOSITORY / "Sources/HadalCore/HadalVersion.swift").read_text()
    found = re.search(r'current = "([^"]+)"', text)
    return found.group(1) if found else fail("Sources/HadalCore/HadalVersion.swift names no version")


def loaded_libraries(path):
    """{name: file} of all that the loader finds for a file, their own needs included."""
    found = {}
    for line in run("ldd", str(path)).splitlines():
        if "not found" in line:
            fail(f"{path} needs a library that is not here: {line.strip()}")
        match = re.match(r"\s*(\S+) => (/\S+) ", line)
        if match:
            found[match.group(1)] = Path(match.group(2)).resolve()
    return found


def install(source, target, strip=False):
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(0o755 if os.access(source, os.X_OK) and not source.name.endswith((".md", ".json")) else 0o644)
    if strip:
        run("strip", "--strip-unneeded", str(target))


def copy_tree(source, target, skip=()):
    for file in sorted(source.rglob("*")):
        if file.is_file() and file.suffix not in skip:
            install(file, target / file.relative_to(source))


def licence_of(file):
    """The Debian package that a library is from, and the file that says under what licence."""
    names = [str(file), str(file).replace("/usr/lib/", "/lib/", 1), "/usr" + str(file)]
    for name in names:
        found = subprocess.run(["dpkg-query", "-S", name], capture_output=True, text=True)
        if found.returncode == 0:
            package = found.stdout.split(":")[0]
            text = Path(f"/usr/share/doc/{package}/copyright")
            if text.exists():
                return package, text
    fail(f"the licence of {file} is not known, so it cannot be shipped")


def swift_licence(library):
    for folder in library.parents:
        text = folder / "share/swift/LICENSE.txt"
        if text.exists():
            return text
    fail(f"the licence of the Swift runtime is not beside {library}")


def libraries(root, build, programs):
    """Installs what the programs are linked to. Returns the names of the fallback libraries."""
    found = {}
    for program in programs:
        found.update(loaded_libraries(program))
    found = {name: file for name, file in found.items() if not GLIBC.match(name)}
    swift = {name: file for name, file in found.items() if (file.parent / "libswiftCore.so").exists()}
    others = {name: file for name, file in found.items() if name not in swift}
    licences = root / "share/doc/hadal/licences"
    for name, file in sorted(swift.items()):
        install(file, root / "lib" / name, strip=True)
    install(swift_licence(swift["libswiftCore.so"]), licences / "swift.txt")
    for name, file in sorted(others.items()):
        install(file, root / "lib/fallback" / name / name, strip=True)
        package, text = licence_of(file)
        install(text, licences / f"{package}.txt")
    return others


def package_licences(build, folder):
    """Installs the licences of the Swift packages that the programs contain: those of which a target was built."""
    for package in sorted((build.parents[1] / "checkouts").iterdir()):
        targets = [path.name for path in (package / "Sources").glob("*")] + [package.name.split(".")[0]]
        if not any((build / f"{target}.build").exists() for target in targets):
            continue
        texts = sorted(file for file in package.iterdir() if re.match(r"(?i)(licen[cs]e|notice)", file.name))
        if not texts:
            fail(f"the licence of {package.name} is not known, so it cannot be shipped")
        for text in texts:
            install(text, folder / f"{package.name}-{text.stem.lower()}.txt")


def write_index(root, names):
    """What the launcher asks of the system's own libraries: all versions of symbols that something here wants."""
    wanted = {name: set() for name in names}
    for file in sorted(root.rglob("*")):
        if file.is_file() and file.read_bytes()[:4] == b"\x7fELF":
            for library, versions in Elf(file).versions.items():
                wanted.get(library, set()).update(versions)
    lines = [" ".join([name] + sorted(wanted[name])) for name in sorted(names)]
    (root / "lib/fallback/index").write_text("\n".join(lines) + "\n")


def newest_glibc(root):
    """The C library's version that something here wants at least."""
    newest = (0,)
    for file in root.rglob("*"):
        if file.is_file() and file.read_bytes()[:4] == b"\x7fELF":
            for library, versions in Elf(file).versions.items():
                if GLIBC.match(library):
                    numbers = [v[6:] for v in versions if re.match(r"^GLIBC_[\d.]+$", v)]
                    newest = max([newest] + [tuple(int(n) for n in v.split(".")) for v in numbers])
    return ".".join(map(str, newest))


def compile_shaders(build, folder):
    """Vulkan kernels as SPIR-V, for machines without shaderc."""
    environment = dict(os.environ)
    glslang = build / "glslang"
    if subprocess.run([str(REPOSITORY / "packaging/fetch-glslang"), str(glslang)]).returncode:
        print("dist: no glslang: kernels for cooperative matrices are not among the compiled ones", file=sys.stderr)
    else:
        environment["PATH"] = f"{environment.get('PATH', '')}:{glslang}"
    done = subprocess.run([str(build / "hadal"), "kernels", "build", "-o", str(folder)], capture_output=True, text=True, env=environment)
    if done.returncode:
        fail(f"the Vulkan kernels cannot be compiled here, which takes glslc and a Vulkan device, be it in software:\n{done.stderr.strip()}")
    folder.chmod(0o755)
    for file in folder.iterdir():
        file.chmod(0o644)


def pack(root, tarball):
    time = int(os.environ.get("SOURCE_DATE_EPOCH") or run("git", "-C", str(REPOSITORY), "log", "-1", "--format=%ct").strip() or 0)

    def plain(info):
        info.uid = info.gid = 0
        info.uname = info.gname = "root"
        info.mtime = time
        return info

    with open(tarball, "wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=time) as stream:
        with tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as archive:
            archive.add(root, root.name, recursive=False, filter=plain)
            # Compiled kernels have the names of their hashes. Those of nearly one length are variants of a kernel: side by side they compress to three quarters.
            for path in sorted(root.rglob("*"), key=lambda path: (path.parent, path.stat().st_size) if path.suffix == ".spv" else (path, 0)):
                archive.add(path, path.relative_to(root.parent), recursive=False, filter=plain)
    digest = hashlib.sha256(tarball.read_bytes()).hexdigest()
    Path(f"{tarball}.sha256").write_text(f"{digest}  {tarball.name}\n")


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    build, output = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    if run("uname", "-sm").split() != ["Linux", "x86_64"]:
        fail("this packs for Linux x86-64, on such a machine")
    name = f"hadal-{version()}-linux-x86_64"
    root = output / name
    if root.exists():
        shutil.rmtree(root)
    plugins = sorted(file for file in build.glob("libhadal-*.so") if file.name not in LEFT_OUT)
    if not (build / "hadal").exists() or not plugins:
        fail(f"{build} holds no build")

    install(build / "hadal", root / "libexec/hadal", strip=True)
    for plugin in plugins:
        install(plugin, root / "lib/hadal" / plugin.name, strip=True)
        Elf(root / "lib/hadal" / plugin.name).set_rpath("$ORIGIN/..")
    Elf(root / "libexec/hadal").set_rpath("$ORIGIN/../lib")
    fallback = libraries(root, build, [build / "hadal"] + plugins)
    package_licences(build, root / "share/doc/hadal/licences")
    (root / "bin").mkdir()
    run("cc", "-O2", "-Wall", "-Wextra", "-s", "-o", str(root / "bin/hadal"), str(REPOSITORY / "packaging/launcher.c"), "-ldl")
    write_index(root, fallback)

    copy_tree(REPOSITORY / "kernels", root / "share/hadal/kernels", skip={".swift"})
    compile_shaders(build, root / "share/hadal/kernels/spirv")
    copy_tree(REPOSITORY / "Sources/HadalArchitecture/Resources", root / "share/hadal/architectures")
    install(REPOSITORY / "Sources/HadalHub/Resources/catalogue.json", root / "share/hadal/catalogue.json")
    copy_tree(REPOSITORY / "Sources/HadalServer/Page", root / "share/hadal/page")
    for folder in ["include", "share/hadal/kernels/include"]:
        install(REPOSITORY / "Sources/CHadalPlugin/include/hadal_plugin.h", root / folder / "hadal_plugin.h")
    for page in sorted((REPOSITORY / "docs").glob("*.md")):
        install(page, root / "share/doc/hadal" / page.name)
    install(REPOSITORY / "LICENSE", root / "LICENSE")
    readme = (REPOSITORY / "packaging/README.md").read_text()
    (root / "README.md").write_text(readme.replace("@VERSION@", version()).replace("@GLIBC@", newest_glibc(root)))

    tarball = output / f"{name}.tar.gz"
    pack(root, tarball)
    packed, unpacked = tarball.stat().st_size, sum(file.stat().st_size for file in root.rglob("*") if file.is_file())
    print(f"{tarball}: {packed / (1 << 20):.1f} MiB, unpacked {unpacked / (1 << 20):.1f} MiB, needs glibc {newest_glibc(root)} or newer")
    if packed > LIMIT:
        fail(f"the tarball is larger than {LIMIT >> 20} MiB")


main()
