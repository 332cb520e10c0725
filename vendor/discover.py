"""Which libevent to compile against (placeholder of the system route)."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Libevent:
    """What the compiler needs to know about the chosen libevent."""

    summary: str
    include_dirs: list[str] = field(default_factory=list)
    library_dirs: list[str] = field(default_factory=list)
    libraries: list[str] = field(default_factory=list)
    extra_objects: list[str] = field(default_factory=list)
    define_macros: list[tuple[str, str]] = field(default_factory=list)
    compile_args: list[str] = field(default_factory=list)
    link_args: list[str] = field(default_factory=list)


def find_libevent() -> Libevent:
    return Libevent(
        summary="system libevent",
        libraries=["event_core", "event_extra", "event_openssl", "event_pthreads", "ssl", "crypto"],
        define_macros=[("LEPY_WITH_OPENSSL", "1")],
    )
