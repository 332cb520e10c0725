"""What the extension was built from, and that it belongs to this package (floor 1)."""

from __future__ import annotations

import json
from typing import Any

from ._ffi import ffi, lib
from ._version import __version__


def build_info() -> dict[str, Any]:
    """Tell how the loaded extension was built.

    Returns:
        A new dict: ``libevent`` is ``"system"``, ``"prefix"`` or ``"vendored"``;
        ``libevent_version`` is what the loaded library calls itself (which does not tell its
        security patches), ``libevent_version_header`` what it was compiled against; then
        ``source``, ``patches``, ``openssl``, ``openssl_version_header``, ``include_dirs``,
        ``libraries``, ``compiler`` and ``package_version``.
    """
    facts: dict[str, Any] = json.loads(ffi.string(lib.LEPY_BUILD_INFO))
    facts["libevent_version"] = ffi.string(lib.event_get_version()).decode()
    return facts


_built_for = build_info()["package_version"]
if _built_for != __version__:
    raise ImportError(
        f"the extension libevent_py._libevent was built for libevent_py {_built_for}, not for {__version__}; "
        "build it again (pip install . or python setup.py build_ext --inplace)"
    )
