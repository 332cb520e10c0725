"""Nothing is missing: what the installed headers declare is what ``lib`` and ``ffi`` have."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from libevent_py import ffi, lib

pycparser = pytest.importorskip("pycparser")

#: Public by their place in a header, internal by their meaning: name pattern -> why it is left out.
EXCLUDED = {
    r"EVLIST_\w+": "queue states inside struct event",
    r"EVHTTP_(REQ_OWN_CONNECTION|PROXY_REQUEST|USER_OWNED|REQ_DEFER_FREE|REQ_NEEDS_FREE)": (
        "internal flags of struct evhttp_request, gone from later headers"
    ),
    r"INPUT|OUTPUT": "rpc.h's aliases of EVRPC_INPUT and EVRPC_OUTPUT",
    r"\w+_IMPLEMENTED": "tells the C preprocessor that a function is there; has() tells Python",
    r"EVENT__\w+": "build configuration",
    r"EVRPC_(STRUCT|HEADER|MAKE_CTX|GENERATE|REQUEST_HTTP|REQUEST_DONE|REGISTER|UNREGISTER|MAKE_REQUEST)": (
        "generates C code"
    ),
    r"EVTAG_\w+": "generates C code",
    r"evutil_offsetof": "ffi.offsetof",
    r"TAILQ_\w+|LIST_\w+": "queue macros that a header borrows",
    r"event_callback|event_list|event_dlist|event_watermark": "parts of structs that are opaque here",
    r"evrpc_hook_meta": "never seen outside libevent",
    r"addrinfo": "struct evutil_addrinfo",
}

#: What CFFI cannot call, with the function that stands in.
SUBSTITUTED = {
    "evbuffer_add_vprintf": "lepy_evbuffer_add_vprintf",
    "evutil_vsnprintf": "lepy_evutil_vsnprintf",
    "evutil_timercmp": "lepy_evutil_timercmp",
}


@dataclass
class Headers:
    """What the headers declare, by kind."""

    functions: set[str] = field(default_factory=set)
    enumerators: set[str] = field(default_factory=set)
    callbacks: set[str] = field(default_factory=set)
    structs: set[str] = field(default_factory=set)
    function_macros: set[str] = field(default_factory=set)
    constants: dict[str, int] = field(default_factory=dict)


def include_dirs() -> list[str]:
    """Where the headers are that this build was compiled with."""
    folders = json.loads(ffi.string(lib.LEPY_BUILD_INFO))["include_dirs"]
    checkout = Path(__file__).resolve().parents[2]
    return [*(str(checkout / folder) for folder in folders), "/usr/include", "/usr/local/include"]


def run_compiler(arguments: list[str], source: str) -> subprocess.CompletedProcess[str]:
    """The C compiler, with *source* on its input."""
    command = [*os.environ.get("CC", "cc").split(), "-D_GNU_SOURCE", "-w", "-xc", "-", *arguments]
    command += [f"-I{folder}" for folder in include_dirs()[:-2]]
    return subprocess.run(command, input=source, capture_output=True, text=True, check=False)


def preamble() -> str:
    """``#include`` lines of all public headers, or a skip that says why there are none."""
    if not shutil.which(os.environ.get("CC", "cc").split()[0]):
        pytest.skip("no C compiler to read the headers with")
    folder = next((name for name in include_dirs() if Path(name, "event2", "event.h").exists()), None)
    if folder is None:
        pytest.skip("the libevent headers that this build was compiled with are not here")
    names = {path.name for path in Path(folder, "event2").glob("*.h")}
    names = {name for name in names if not re.search("compat|mbedtls", name)}
    if not hasattr(lib, "bufferevent_openssl_socket_new"):
        names.discard("bufferevent_ssl.h")
    # rpc.h after the others: its macros INPUT and OUTPUT are words of other headers.
    return "".join(f"#include <event2/{name}>\n" for name in sorted(names, key=lambda n: ("rpc" in n, n)))


def read_declarations(headers: Headers, includes: str) -> None:
    """Functions, enumerators, callbacks and structs: the compiler's own reading, parsed."""
    from pycparser import c_ast, c_parser

    blanks = ["__attribute__(x)=", "__extension__=", "__restrict=", "__inline=", "__asm__(x)="]
    blanks += ["__builtin_va_list=int", "_Nullable=", "_Nonnull="]
    output = run_compiler(["-E", *[f"-D{blank}" for blank in blanks]], includes)
    assert output.returncode == 0, output.stderr
    for node in c_parser.CParser().parse(output.stdout).ext:
        if not node.coord or "/event2/" not in node.coord.file:
            continue
        kind = node.type
        if isinstance(node, c_ast.Decl) and isinstance(kind, c_ast.FuncDecl):
            headers.functions.add(node.name)
        elif isinstance(node, c_ast.Typedef):
            target = kind.type if isinstance(kind, c_ast.PtrDecl) else kind
            if isinstance(target, c_ast.FuncDecl):
                headers.callbacks.add(node.name)
        elif isinstance(kind, c_ast.Enum) and kind.values:
            headers.enumerators.update(item.name for item in kind.values.enumerators)
        elif isinstance(kind, c_ast.Struct) and kind.name:
            headers.structs.add(kind.name)


def read_macros(headers: Headers, includes: str) -> None:
    """Macros with arguments, and the values of those that are integer constants."""
    place, objects = "", []
    for line in run_compiler(["-E", "-dD"], includes).stdout.splitlines():
        marker = re.match(r'# \d+ "(.*?)"', line)
        define = re.match(r"#define (\w+)(\(?)(.*)", line)
        if marker:
            place = marker[1]
        elif define and "/event2/" in place and not place.endswith("event-config.h"):
            if define[2]:
                headers.function_macros.add(define[1])
            elif define[3].strip():
                objects.append(define[1])
    start = f"{includes}#include <stdio.h>\n"
    probe = start + "".join(f"enum {{ probe_{name} = (int)({name}) }};\n" for name in objects)
    errors = run_compiler(["-fsyntax-only", "-fmax-errors=0"], probe).stderr
    first = start.count("\n") + 1
    wrong = {int(number) - first for number in re.findall(r"^<stdin>:(\d+):", errors, re.MULTILINE)}
    names = [name for index, name in enumerate(objects) if index not in wrong]
    headers.constants = dict(zip(names, evaluate(start, names)))


def evaluate(start: str, names: list[str]) -> Iterator[int]:
    """The values of *names*, as a C program prints them."""
    prints = "".join(
        f'    if (({name}) < 0) printf("%lld\\n", (long long)({name}));\n'
        f'    else printf("%llu\\n", (unsigned long long)({name}));\n'
        for name in names
    )
    built = run_compiler(["-o", "a.out"], f"{start}int main(void) {{\n{prints}    return 0;\n}}\n")
    assert built.returncode == 0, built.stderr
    return map(int, subprocess.run(["./a.out"], capture_output=True, text=True, check=True).stdout.split())


@pytest.fixture(scope="module")
def headers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Headers]:
    """The installed headers, read once."""
    includes = preamble()
    version = run_compiler(["-E", "-dM"], includes).stdout
    installed = re.search(r'#define EVENT__VERSION "(.*?)"', version)
    compiled = ffi.string(lib.LIBEVENT_VERSION).decode()
    if installed is None or installed[1] != compiled:
        pytest.skip(f"the installed headers are not those of libevent {compiled} that this build has")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("headers"))
        found = Headers()
        read_declarations(found, includes)
        read_macros(found, includes)
        yield found


def missing(names: set[str]) -> list[str]:
    """Those of *names* that ``lib`` should have and has not."""
    wanted = (name for name in names if not any(re.fullmatch(pattern, name) for pattern in EXCLUDED))
    return sorted(name for name in wanted if not hasattr(lib, SUBSTITUTED.get(name, name)))


def test_every_function_is_there(headers: Headers) -> None:
    """Each function that a public header declares can be called, or has its substitute."""
    assert len(headers.functions) > 400
    assert missing(headers.functions) == []


def test_every_constant_has_its_value(headers: Headers) -> None:
    """Each integer macro of a public header is there, with the value that C gives it."""
    assert len(headers.constants) > 150
    assert missing(set(headers.constants)) == []
    wrong = {
        name: (getattr(lib, name), value)
        for name, value in headers.constants.items()
        if hasattr(lib, name) and getattr(lib, name) != value
    }
    assert wrong == {}


def test_every_enumerator_is_there(headers: Headers) -> None:
    """Each enumerator of a public header is there."""
    assert len(headers.enumerators) > 50
    assert missing(headers.enumerators) == []


def test_every_function_macro_is_a_function(headers: Headers) -> None:
    """Each macro with arguments is callable under its name, unless it generates code."""
    assert "evtimer_new" in headers.function_macros
    assert missing(headers.function_macros) == []


def test_every_callback_type_is_known(headers: Headers) -> None:
    """Each callback typedef is a type that ``ffi.callback`` takes."""
    assert len(headers.callbacks) >= 18
    for name in headers.callbacks:
        is_function = name == "evhttp_bound_socket_foreach_fn"  # the others are pointers to functions
        assert ffi.typeof(f"{name} *" if is_function else name).kind == "function"


def test_every_struct_is_known(headers: Headers) -> None:
    """Each struct that a public header names can be pointed to."""
    assert "event_base" in headers.structs
    for name in headers.structs:
        if not any(re.fullmatch(pattern, name) for pattern in EXCLUDED):
            assert ffi.typeof(f"struct {name} *").kind == "pointer"
