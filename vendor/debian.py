"""libevent's source package from Debian and its kin, with the distribution's patches.

apt is pointed at directories of its own, so nothing of the system's
configuration or state changes and no root is needed. It verifies what it
downloads against the signed index of the archive.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from . import pins
from .toolchain import BuildError

_ETC_APT = Path("/etc/apt")
_OS_RELEASE = Path("/etc/os-release")
_ONE_LINE = re.compile(r"deb(?:-src)?\s+(\[[^\]]*\])?\s*(\S+)\s+(\S+)\s+(\S.*)")


class NotAvailable(Exception):
    """There is no source package to be had this way; the text says why."""


def private_sources(etc_apt: Path, codename: str) -> dict[str, str]:
    """Source-package entries made from the system's binary ones: file names and their text.

    Only the distribution's own suites are taken. Backports and other archives
    may hold another libevent, or none, and cost time.
    """
    lists = [etc_apt / "sources.list", *sorted((etc_apt / "sources.list.d").glob("*.list"))]
    lines = [line for path in lists if path.is_file() for line in path.read_text().splitlines()]
    stanzas: list[str] = []
    for path in sorted((etc_apt / "sources.list.d").glob("*.sources")):
        stanzas += re.split(r"\n\s*\n", path.read_text())
    converted = [_from_line(line, codename) for line in lines]
    deb822 = [_from_stanza(stanza, codename) for stanza in stanzas]
    files = {
        "system.list": "\n".join(dict.fromkeys(filter(None, converted))),
        "system.sources": "\n\n".join(dict.fromkeys(filter(None, deb822))),
    }
    return {name: text + "\n" for name, text in files.items() if text}


def _own_suites(words: list[str], codename: str) -> list[str]:
    stems = {codename, "stable", "oldstable", "testing", "unstable", "sid"}
    return [word for word in words if re.sub(r"(-updates|-security|/updates)?/?$", "", word) in stems]


def _from_line(line: str, codename: str) -> str:
    entry = _ONE_LINE.fullmatch(line.partition("#")[0].strip())
    if not entry or "main" not in entry[4].split() or not _own_suites([entry[3]], codename):
        return ""
    return " ".join(filter(None, ("deb-src", entry[1], entry[2], entry[3], "main")))


def _from_stanza(stanza: str, codename: str) -> str:
    text = "\n".join(line for line in stanza.splitlines() if not line.startswith("#"))
    fields = dict(re.findall(r"^([\w-]+):[ \t]*((?:.*)(?:\n[ \t]+.*)*)", text, re.MULTILINE))
    suites = _own_suites(fields.get("Suites", "").split(), codename)
    if not suites or "main" not in fields.get("Components", "").split() or fields.get("Enabled") == "no":
        return ""
    fields.update(Types="deb-src", Suites=" ".join(suites), Components="main")
    return "\n".join(f"{name}: {value}" for name, value in fields.items())


def _codename() -> str:
    text = _OS_RELEASE.read_text() if _OS_RELEASE.is_file() else ""
    found = re.search(r'^VERSION_CODENAME="?([\w-]+)', text, re.MULTILINE)
    return found[1] if found else "sid"


def download(folder: Path) -> Path:
    """Download the source package into *folder*, and return its .dsc file.

    Raises:
        NotAvailable: This system has no apt-get or no source entries, or the download failed.
    """
    if not shutil.which("apt-get"):
        raise NotAvailable("there is no apt-get here")
    sources = private_sources(_ETC_APT, _codename())
    if not sources:
        raise NotAvailable(f"{_ETC_APT} names no archive of the distribution")
    for name in ("parts", "lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    for name, text in sources.items():
        (folder / "parts" / name).write_text(text)
    options = [
        f"Dir::Etc::SourceParts={folder / 'parts'}",
        "Dir::Etc::SourceList=/dev/null",
        f"Dir::State::Lists={folder / 'lists'}",
        f"Dir::Cache={folder / 'cache'}",
        "APT::Sandbox::User=root",  # the sandbox's user could not write into a private directory
        "Acquire::Languages=none",
        "Acquire::Retries=2",
        "Acquire::http::Timeout=30",
        "Acquire::https::Timeout=30",
    ]
    command = ["apt-get", "-q", *(word for option in options for word in ("-o", option))]
    said = _run([*command, "update"], folder)
    said += _run([*command, "source", "--download-only", "libevent"], folder)
    found = sorted(folder.glob("libevent_*.dsc"))
    if not found:
        raise NotAvailable("apt-get could not fetch libevent's source package:\n" + _errors(said))
    return found[0]


def _run(command: list[str], folder: Path) -> str:
    """Run apt; a failing update (one archive of many, a hook) need not hurt the download after it."""
    env = {**os.environ, "LC_ALL": "C"}
    answer = subprocess.run(
        command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    return answer.stdout


def _errors(said: str) -> str:
    lines = [line for line in said.splitlines() if line.startswith(("E:", "W:", "Err:"))]
    lines.sort(key=lambda line: not line.startswith("E:"))
    return "\n".join(f"    {line}" for line in lines[:6])


def verified_files(dsc: Path) -> tuple[Path, Path]:
    """The release tarball and the distribution's part of it, their checksums compared.

    apt compared them with the archive's signed index already; here they are
    compared with the .dsc, and with our pins where we know the file.
    """
    block = re.search(r"^Checksums-Sha256:\n((?: .*\n)+)", dsc.read_text(), re.MULTILINE)
    found: dict[str, Path] = {}
    for digest, name in re.findall(r"^ (\w{64}) \d+ (\S+)$", block[1] if block else "", re.MULTILINE):
        for part in ("orig", "debian"):
            if f".{part}.tar." in name and not name.endswith(".asc"):
                pins.verify(dsc.parent / name, digest)
                found[part] = dsc.parent / name
    if len(found) != 2:
        raise NotAvailable(f"{dsc.name} is not a source package of a known shape")
    return found["orig"], found["debian"]


def apply_patches(tree: Path, debian: Path) -> list[str]:
    """Apply the patches of an unpacked ``debian/`` directory in series order; returns their names."""
    series = debian / "patches" / "series"
    lines = series.read_text().splitlines() if series.is_file() else []
    names = [line.split()[0] for line in lines if line.strip() and not line.startswith("#")]
    for name in names:
        _apply(tree, debian / "patches" / name)
    return names


def _apply(tree: Path, patch: Path) -> None:
    if shutil.which("patch"):
        command = ["patch", "-p1", "--forward", "--silent", "-i", str(patch)]
    elif shutil.which("git"):
        command = ["git", "apply", "-p1", str(patch)]
    else:
        raise BuildError(
            "applying the distribution's security patches needs 'patch' or 'git', and there is neither.\n"
            "Install one (Debian: apt-get install patch), or install libevent itself (libevent-dev)."
        )
    # Inside another repository git would take the paths as relative to its root, and apply nothing.
    env = {**os.environ, "GIT_CEILING_DIRECTORIES": str(tree.parent)}
    done = subprocess.run(command, cwd=tree, env=env, capture_output=True, text=True)
    if done.returncode:
        said = done.stdout + done.stderr
        raise BuildError(f"the patch {patch.name} does not apply to libevent's source:\n{said}")
