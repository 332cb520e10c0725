"""libevent's source for the vendored build: given by the user, the distribution's, or upstream's."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tarfile
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from . import debian, pins
from .toolchain import BuildError

#: Everything that the vendored build makes. Removing it is always safe.
WORK = Path(__file__).resolve().parent.parent / "build" / "vendored"
_MANIFEST = "source.json"


@contextlib.contextmanager
def unfinished() -> Iterator[Path]:
    """A directory beside the finished ones, from which a result is renamed when it is complete."""
    WORK.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=WORK, prefix="unfinished-") as scratch:
        yield Path(scratch)


class NoSource(Exception):
    """No source could be obtained; the text says what was tried."""


@dataclass
class Source:
    """A libevent source tree, ready to be built."""

    name: str
    tree: str
    identity: str
    patches: list[str]


def obtain() -> Source:
    """The source that ``LIBEVENT_SOURCE`` names, else one that is fetched once and kept under ``build/``.

    Raises:
        NoSource: Nothing was named, and nothing could be fetched.
        BuildError: The source is damaged, or lacks the security fixes and nobody allowed that.
    """
    given = os.environ.get("LIBEVENT_SOURCE")
    if given:
        return _given(Path(given).expanduser().resolve())
    kept = WORK / "source-fetched"
    source = _read_manifest(kept)
    if source and _acceptable(source):
        return source
    shutil.rmtree(kept, ignore_errors=True)
    reasons = []
    for fetch in (_fetch_from_distribution, _fetch_from_upstream):
        try:
            return _keep(kept, fetch)
        except NoSource as reason:
            reasons.append(f"  - {reason}")
    raise NoSource("libevent's source could not be fetched:\n" + "\n".join(reasons))


def _given(path: Path) -> Source:
    if path.is_dir():
        source = Source(f"the source tree {path.name}", str(path), _digest(path), [])
    elif path.is_file():
        pins.verify(path)
        digest = pins.sha256(path)
        kept = WORK / f"source-{digest[:16]}"
        source = _read_manifest(kept) or _keep(kept, lambda folder: _from_tarball(path, folder))
    else:
        raise BuildError(f"LIBEVENT_SOURCE={str(path)!r} is neither a source tree nor a tarball.")
    if not Path(source.tree, "CMakeLists.txt").is_file() or not Path(source.tree, "http.c").is_file():
        raise BuildError(f"LIBEVENT_SOURCE={str(path)!r} does not hold libevent (CMakeLists.txt, http.c).")
    if not _acceptable(source):
        raise BuildError(
            f"{source.name} lacks the security fixes of 2026 (CVE-2026-63379, 63381 to 63385, 63387,\n"
            "63388), so it is not built into the extension. Use 2.1.13-stable or newer, or your\n"
            "distribution's patched source; or set LIBEVENT_PY_ALLOW_UNPATCHED=1 if you want it so."
        )
    return source


def _acceptable(source: Source) -> bool:
    """Asked at every use, not only when the source is fetched: the permission may be gone by then."""
    return os.environ.get("LIBEVENT_PY_ALLOW_UNPATCHED") == "1" or pins.has_security_fixes(Path(source.tree))


def _fetch_from_distribution(folder: Path) -> Source:
    try:
        with unfinished() as scratch:
            dsc = debian.download(scratch)
            release, packaging = debian.verified_files(dsc)
            tree = _unpack(release, folder)
            _unpack(packaging, folder / "packaging")
            patches = debian.apply_patches(tree, folder / "packaging" / "debian")
            name = f"distribution source package {dsc.stem.replace('_', ' ')}"
            source = Source(name, str(tree), pins.sha256(packaging), patches)
    except debian.NotAvailable as reason:
        raise NoSource(reason) from None
    if not _acceptable(source):
        raise NoSource(f"the {source.name} lacks the security fixes of 2026")
    return source


def _fetch_from_upstream(folder: Path) -> Source:
    path = folder / pins.UPSTREAM_FILE
    try:
        with urllib.request.urlopen(pins.UPSTREAM_URL, timeout=60) as answer:
            path.write_bytes(answer.read())
    except OSError as error:
        raise NoSource(f"{pins.UPSTREAM_URL}: {error}") from None
    pins.verify(path)
    return _from_tarball(path, folder)


def _from_tarball(path: Path, folder: Path) -> Source:
    return Source(f"release tarball {path.name}", str(_unpack(path, folder)), pins.sha256(path), [])


def _unpack(path: Path, folder: Path) -> Path:
    """Unpack a tarball; returns libevent's tree in it, or *folder* itself where there is none."""
    try:
        with tarfile.open(path) as archive:
            if hasattr(tarfile, "data_filter"):
                archive.extractall(folder, filter="data")
            else:
                archive.extractall(folder)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise BuildError(f"{path.name} cannot be unpacked: {error}") from None
    trees = [inner.parent for inner in folder.glob("*/CMakeLists.txt")]
    return trees[0] if trees else folder


def _keep(kept: Path, fill: Callable[[Path], Source]) -> Source:
    """Let *fill* make a directory, and give it its final name only when it is complete."""
    with unfinished() as scratch:
        folder = scratch / "source"
        folder.mkdir()
        source = fill(folder)
        source.tree = os.path.relpath(source.tree, folder)
        (folder / _MANIFEST).write_text(json.dumps(asdict(source)))
        shutil.rmtree(kept, ignore_errors=True)
        folder.rename(kept)
    found = _read_manifest(kept)
    assert found is not None
    return found


def _read_manifest(kept: Path) -> Source | None:
    path = kept / _MANIFEST
    if not path.is_file():
        return None
    source = Source(**json.loads(path.read_text()))
    source.tree = str(kept / source.tree)
    return source


def _digest(tree: Path) -> str:
    """One checksum over all files of a tree, without what git keeps for itself."""
    total = hashlib.sha256()
    for path in sorted(tree.rglob("*")):
        if path.is_file() and ".git" not in path.relative_to(tree).parts:
            total.update(f"{path.relative_to(tree)}\0{pins.sha256(path)}\n".encode())
    return total.hexdigest()
