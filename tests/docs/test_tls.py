"""The programs in docs/tls.md run, and print what they should."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from certificates import run as openssl
from command import ROOT, run

from libevent_py._features import has

TEXT = (ROOT / "docs" / "tls.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
PRINTED = [
    "TLSv1.3 with localhost\nanswer: HELLO\n",
    "localhost: connected\nexample.org: hostname mismatch\nlocalhost: self-signed certificate\n",
    "b'so far'\nclean end\nb'so far'\ntruncated\n",
    "plain: b'STARTTLS'\nby TLSv1.3 b'the password'\n",
    "reused: False\nreused: True\n",
]

pytestmark = pytest.mark.skipif(not has("bufferevent_openssl_socket_new"), reason="this build has no OpenSSL")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with cert.pem and key.pem, made by the page's own command."""
    folder = tmp_path_factory.mktemp("docs")
    command = re.search(r"^openssl (.*?)^```$", TEXT.replace("\\\n", " "), re.MULTILINE | re.DOTALL)
    assert command
    places = {"key.pem": str(folder / "key.pem"), "cert.pem": str(folder / "cert.pem")}
    openssl(*(places.get(word, word) for word in command[1].split()))
    return folder


@pytest.mark.parametrize(("program", "printed"), list(zip(BLOCKS, PRINTED)), ids=range(len(PRINTED)))
def test_a_program_prints(program: str, printed: str, folder: Path) -> None:
    """Without a word on stderr."""
    done = run("-c", f"import os\nos.chdir({str(folder)!r})\n{program}")
    assert done.stderr == ""
    assert done.stdout == printed


def test_every_program_is_tested() -> None:
    """Whoever adds one adds its output here."""
    assert len(BLOCKS) == len(PRINTED)
