"""The page that lists a directory (floor 7)."""

from __future__ import annotations

import os

from .escape import htmlescape, uriencode
from .paths import is_visible

_PAGE = """\
<!DOCTYPE html>
<html>
<head><meta charset="utf-8"><title>{title}</title></head>
<body>
<h1>{title}</h1>
<ul>
{items}
</ul>
</body>
</html>
"""


def render_listing(directory: int, parts: list[bytes], *, is_root: bool) -> bytes:
    """HTML, in UTF-8, with a link to each entry that may be served; directories end with a slash.

    Args:
        directory: Its descriptor, which stays the caller's.
        parts: The path by which it is asked for, as split_path() gave it.
        is_root: It is the served directory itself, from where nothing leads up.

    Raises:
        OSError: It cannot be read.
    """
    with os.scandir(directory) as entries:
        found = sorted(
            os.fsencode(entry.name) + b"/" * entry.is_dir(follow_symlinks=False)
            for entry in entries
            if not entry.is_symlink() and is_visible(os.fsencode(entry.name), is_first=is_root)
        )
    names = [b"../"] * (not is_root) + found
    title = htmlescape(_shown(b"/" + b"".join(part + b"/" for part in parts)))
    items = "\n".join(f'<li><a href="{_link(name)}">{htmlescape(_shown(name))}</a></li>' for name in names)
    return _PAGE.format(title=title, items=items).encode()


def _link(name: bytes) -> str:
    """Relative, and not to be taken for a scheme: ``./a%3Ab``."""
    if name == b"../":
        return "../"
    return "./" + uriencode(name.rstrip(b"/")) + "/" * name.endswith(b"/")


def _shown(name: bytes) -> str:
    return name.decode("utf-8", "replace")
