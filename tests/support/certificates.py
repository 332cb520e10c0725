"""Certificates for tests, made by the openssl command."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

OPENSSL = shutil.which("openssl") or ""


class Authority:
    """A CA in a directory, and what it signs; each certificate is made once.

    Args:
        folder: Where to keep them.
        name: The CA's own name.
    """

    def __init__(self, folder: Path, name: str = "ca") -> None:
        if not OPENSSL:
            pytest.skip("the openssl command is not here")
        self.folder = folder / name
        self.folder.mkdir(parents=True)
        self.ca = self.folder / "ca.pem"
        self._key = self.folder / "ca.key"
        self._new_key(self._key)
        subject = (
            "-subj",
            f"/CN=test {name}",
            "-addext",
            "basicConstraints=critical,CA:true",
            "-addext",
            "keyUsage=critical,keyCertSign,cRLSign",
        )
        run("req", "-x509", "-new", "-key", self._key, "-out", self.ca, "-days", "30", *subject)

    def certificate(
        self, name: str, *, names: str | None = None, days: int = 30, kind: str = "ec", extra: str = ""
    ) -> Path:
        """A PEM file with a key and its certificate, signed by this CA, for *names* (subjectAltName)."""
        target = self.folder / f"{name}.pem"
        if target.exists():
            return target
        key, request, signed = (self.folder / f"{name}.{end}" for end in ("key", "csr", "crt"))
        self._new_key(key, kind)
        run("req", "-new", "-key", key, "-out", request, "-subj", f"/O=Tests/CN={name}")
        extensions = self.folder / f"{name}.ext"
        # Python 3.13's ssl is strict: it wants the keys' identifiers, and the CA's usage.
        identifiers = "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
        extensions.write_text(f"subjectAltName={names or f'DNS:{name}'}\n{identifiers}{extra}")
        # Negative days make a certificate that has expired before it began, which OpenSSL 3 signs.
        signing = ("-CA", self.ca, "-CAkey", self._key, "-extfile", extensions, "-set_serial", "1001")
        run("x509", "-req", "-in", request, "-out", signed, "-days", days, *signing)
        target.write_text(key.read_text() + signed.read_text())
        return target

    @staticmethod
    def _new_key(path: Path, kind: str = "ec") -> None:
        if kind == "rsa":
            run("genrsa", "-out", path, "2048")
        else:
            run("ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", path)


def run(*arguments: object) -> bytes:
    """Run the openssl command, which must succeed."""
    done = subprocess.run(
        [OPENSSL, *map(str, arguments)], capture_output=True, stdin=subprocess.DEVNULL, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout
