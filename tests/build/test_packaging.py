"""What is in a wheel and in an sdist."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not importlib.util.find_spec("setuptools") or not importlib.util.find_spec("pip"),
        reason="setuptools and pip are not installed",
    ),
]


def run(*command: str, cwd: Path) -> None:
    """Run a command; its output is shown where it fails."""
    env = {**os.environ, "CFLAGS": "-O0"}
    answer = subprocess.run(
        command, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert answer.returncode == 0, answer.stdout


@pytest.fixture(scope="module")
def sdist(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An unpacked source distribution of the checkout."""
    folder = tmp_path_factory.mktemp("sdist")
    egg_info = ("egg_info", "--egg-base", str(folder))
    run(sys.executable, "setup.py", "-q", *egg_info, "sdist", "-d", str(folder), cwd=root)
    (path,) = folder.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        archive.extractall(folder, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    return folder / path.name[: -len(".tar.gz")]


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """A wheel built from the unpacked source distribution, so both are known to be complete."""
    folder = tmp_path_factory.mktemp("wheel")
    options = ("--no-deps", "--no-build-isolation", "--disable-pip-version-check", "-w", str(folder))
    run(sys.executable, "-m", "pip", "wheel", *options, str(sdist), cwd=folder)
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def test_sdist_holds_all_that_is_tracked(sdist: Path, root: Path) -> None:
    """Whoever has the sdist can build and test: nothing of the repository is left out."""
    answer = subprocess.run(["git", "ls-files"], cwd=root, capture_output=True, text=True)
    if answer.returncode:
        pytest.skip("this is no git checkout")
    lost = [
        name for name in answer.stdout.splitlines() if (root / name).exists() and not (sdist / name).exists()
    ]
    assert lost == []


def test_sdist_holds_nothing_that_was_built(sdist: Path) -> None:
    """No object file and no cache is distributed."""
    built = [path.name for path in sdist.rglob("*") if path.suffix in (".so", ".o", ".pyc")]
    assert built == []


def test_wheel_tag(wheel: zipfile.ZipFile) -> None:
    """One wheel serves every CPython since 3.9; PyPy gets its own."""
    name = Path(str(wheel.filename)).name
    if sys.implementation.name == "cpython":
        assert "-cp39-abi3-" in name
        assert "libevent_py/_libevent.abi3.so" in wheel.namelist()
    else:
        assert "abi3" not in name


def test_wheel_holds_the_package_and_no_c_source(wheel: zipfile.ZipFile, root: Path) -> None:
    """Every module is there, the type marker and the stub too, and no C file."""
    names = set(wheel.namelist())
    modules = {path.relative_to(root).as_posix() for path in (root / "libevent_py").rglob("*.py")}
    modules = {name for name in modules if "/_native/" not in name and "__pycache__" not in name}
    assert modules <= names
    assert {"libevent_py/py.typed", "libevent_py/_libevent.pyi"} <= names
    assert [name for name in names if name.endswith((".c", ".h", ".o"))] == []
    assert [name for name in names if not name.startswith(("libevent_py/", "libevent_py-"))] == []


def test_wheel_carries_both_licences(wheel: zipfile.ZipFile) -> None:
    """Ours, and libevent's, whose code a vendored build contains."""
    licences = [name.rpartition("/")[2] for name in wheel.namelist() if "/licenses/" in name]
    assert sorted(licences) == ["LICENSE", "LICENSE.libevent"]
