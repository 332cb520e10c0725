"""The distribution's source package: the private apt entries, the checksums, the patches."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from vendor import debian, pins
from vendor.toolchain import BuildError

PATCH = """\
--- a/http.c
+++ b/http.c
@@ -1,3 +1,3 @@
 one
-two
+{}
 three
"""


def etc_apt(folder: Path, **files: str) -> Path:
    """An apt configuration: ``sources.list`` and files of ``sources.list.d``."""
    (folder / "sources.list.d").mkdir()
    for name, text in files.items():
        place = (
            folder / "sources.list" if name == "main" else folder / "sources.list.d" / name.replace("__", ".")
        )
        place.write_text(text)
    return folder


def test_one_line_entries(tmp_path: Path) -> None:
    """Binary entries become source entries, with their options and without doubles."""
    apt = etc_apt(
        tmp_path,
        main=(
            "# deb http://commented.example/debian bookworm main\n"
            "deb http://deb.example/debian bookworm main contrib # trailing\n"
            "deb-src http://deb.example/debian bookworm main\n"
            "deb [arch=amd64 signed-by=/k.gpg] http://deb.example/security bookworm-security main\n"
        ),
    )
    text = debian.private_sources(apt, "bookworm")["system.list"]
    assert text.splitlines() == [
        "deb-src http://deb.example/debian bookworm main",
        "deb-src [arch=amd64 signed-by=/k.gpg] http://deb.example/security bookworm-security main",
    ]


def test_deb822_entries(tmp_path: Path) -> None:
    """Stanzas keep their keys, among them an embedded signing key, and lose what is not wanted."""
    apt = etc_apt(
        tmp_path,
        debian__sources=(
            "Types: deb\n# a comment inside\nURIs: http://deb.example/debian\n"
            "Suites: bookworm bookworm-updates bookworm-backports\nComponents: main non-free-firmware\n"
            "Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQINBF\n"
            " -----END PGP PUBLIC KEY BLOCK-----\n"
            "\nTypes: deb\nEnabled: no\nURIs: http://off.example\nSuites: bookworm\nComponents: main\n"
        ),
    )
    text = debian.private_sources(apt, "bookworm")["system.sources"]
    assert text.splitlines() == [
        "Types: deb-src",
        "URIs: http://deb.example/debian",
        "Suites: bookworm bookworm-updates",
        "Components: main",
        "Signed-By: ",
        " -----BEGIN PGP PUBLIC KEY BLOCK-----",
        " .",
        " mQINBF",
        " -----END PGP PUBLIC KEY BLOCK-----",
    ]


def test_other_archives_are_left_out(tmp_path: Path) -> None:
    """An archive that is not the distribution's is not asked for libevent."""
    apt = etc_apt(
        tmp_path,
        node__sources="Types: deb\nURIs: https://node.example\nSuites: nodistro\nComponents: main\n",
        cloud__list="deb https://cloud.example/apt cloud-sdk-bookworm main\n",
        docker__list="deb https://docker.example/debian bookworm stable\n",
        extra__list__disabled="deb http://deb.example/debian bookworm main\n",
    )
    assert debian.private_sources(apt, "bookworm") == {}


def test_nothing_of_the_system_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """apt gets directories of its own for its lists, cache and entries."""
    apt = etc_apt(tmp_path, main="deb http://deb.example/debian bookworm main\n")
    scratch = tmp_path / "scratch"
    commands: list[list[str]] = []
    monkeypatch.setattr(debian, "_ETC_APT", apt)
    monkeypatch.setattr(debian, "_codename", lambda: "bookworm")
    monkeypatch.setattr(debian.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(debian, "_run", lambda command, folder: commands.append(command) or "E: no route\n")
    with pytest.raises(debian.NotAvailable, match="E: no route"):
        debian.download(scratch)
    for command in commands:
        for setting in ("Dir::State::Lists", "Dir::Cache", "Dir::Etc::SourceParts"):
            assert any(word.startswith(f"{setting}={scratch}") for word in command)
        assert "Dir::Etc::SourceList=/dev/null" in command


def source_package(folder: Path, wrong: str = "") -> Path:
    """A .dsc with its two files; the checksum of the one named *wrong* is wrong."""
    lines = [
        "Format: 3.0 (quilt)",
        "Checksums-Sha1:",
        f" {'0' * 40} 1 libevent_9.orig.tar.gz",
        "Checksums-Sha256:",
    ]
    for name in ("libevent_9.orig.tar.gz", "libevent_9.orig.tar.gz.asc", "libevent_9-1.debian.tar.xz"):
        (folder / name).write_text(name)
        digest = hashlib.sha256(b"other" if name == wrong else name.encode()).hexdigest()
        lines.append(f" {digest} 1 {name}")
    dsc = folder / "libevent_9-1.dsc"
    dsc.write_text("\n".join([*lines, "Files:", ""]))
    return dsc


def test_files_of_a_source_package(tmp_path: Path) -> None:
    """The release and the packaging are told apart; the signature file is neither."""
    release, packaging = debian.verified_files(source_package(tmp_path))
    assert (release.name, packaging.name) == ("libevent_9.orig.tar.gz", "libevent_9-1.debian.tar.xz")


@pytest.mark.parametrize("wrong", ["libevent_9.orig.tar.gz", "libevent_9-1.debian.tar.xz"])
def test_wrong_checksum_in_a_source_package(wrong: str, tmp_path: Path) -> None:
    """A file that is not what the .dsc says stops the build."""
    with pytest.raises(BuildError, match=f"checksum of {wrong} is wrong"):
        debian.verified_files(source_package(tmp_path, wrong))


def test_pin_beats_the_dsc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A known file name must hold the known file, even if a .dsc agrees with another."""
    dsc = source_package(tmp_path)
    monkeypatch.setitem(pins.SHA256, "libevent_9-1.debian.tar.xz", "0" * 64)
    with pytest.raises(BuildError, match="checksum of libevent_9-1"):
        debian.verified_files(dsc)


def patched_tree(folder: Path) -> tuple[Path, Path]:
    """A tree, and a ``debian/`` with two patches that must be applied in series order."""
    tree, packaging = folder / "tree", folder / "debian"
    (packaging / "patches").mkdir(parents=True)
    tree.mkdir()
    (tree / "http.c").write_text("one\ntwo\nthree\n")
    (packaging / "patches" / "z-first.patch").write_text(PATCH.format("2"))
    (packaging / "patches" / "a-second.patch").write_text(PATCH.replace("two", "2").format("II"))
    (packaging / "patches" / "series").write_text("# a comment\nz-first.patch\n\na-second.patch -p1\n")
    return tree, packaging


@pytest.mark.parametrize("tool", ["patch", "git"])
def test_patches_in_series_order(tool: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Either tool applies them, git also where the tree lies inside another repository."""
    program = shutil.which(tool)
    if not program:
        pytest.skip(f"{tool} is not installed")
    if tool == "git":
        subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    tree, packaging = patched_tree(tmp_path)
    monkeypatch.setattr(debian.shutil, "which", lambda name: program if name == tool else None)
    assert debian.apply_patches(tree, packaging) == ["z-first.patch", "a-second.patch"]
    assert (tree / "http.c").read_text() == "one\nII\nthree\n"


def test_no_tool_for_patches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without patch and git the error says what to install."""
    tree, packaging = patched_tree(tmp_path)
    monkeypatch.setattr(debian.shutil, "which", lambda name: None)
    with pytest.raises(BuildError, match="apt-get install patch"):
        debian.apply_patches(tree, packaging)


def test_patch_that_does_not_apply(tmp_path: Path) -> None:
    """A patch that does not fit stops the build: security fixes are not optional."""
    if not shutil.which("patch") and not shutil.which("git"):
        pytest.skip("neither patch nor git is installed")
    tree, packaging = patched_tree(tmp_path)
    (tree / "http.c").write_text("something else\n")
    with pytest.raises(BuildError, match=r"z-first\.patch does not apply"):
        debian.apply_patches(tree, packaging)
