"""``python -m libevent_py info``."""

from __future__ import annotations

import json

import pytest
from command import run_command

import libevent_py
from libevent_py import EventBase, EventBaseFeatures
from libevent_py.config import supported_methods


def test_json_holds_the_facts() -> None:
    """``--json`` is one object that tells what this process finds too."""
    done = run_command("info", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    facts = json.loads(done.stdout)
    build = libevent_py.build_info()
    assert facts["libevent_py"] == libevent_py.__version__
    assert facts["libevent"] == build["libevent_version"]
    assert facts["libevent_headers"] == build["libevent_version_header"]
    assert facts["build"] == build
    assert list(facts["methods"]) == list(supported_methods())
    with EventBase() as base:
        assert facts["method"] == base.method


def test_the_environment_chooses_the_method(monkeypatch: pytest.MonkeyPatch) -> None:
    """With ``EVENT_NOEPOLL`` another backend is marked as taken."""
    monkeypatch.setenv("EVENT_NOEPOLL", "1")
    done = run_command("info")
    assert (done.returncode, done.stderr) == (0, "")
    assert " epoll" not in done.stdout
    assert "(taken)" in done.stdout


def test_text_has_a_line_for_every_fact() -> None:
    """Backends with their features, versions, and how it was built."""
    done = run_command("info")
    assert (done.returncode, done.stderr) == (0, "")
    for word in (
        "libevent_py",
        "libevent",
        "Python",
        "OpenSSL",
        "backends",
        "(taken)",
        "compiler:",
        "source:",
    ):
        assert word in done.stdout


def test_supported_methods_match_the_bases(backend: str) -> None:
    """What is told of a backend is what a base with it says."""
    with EventBase() as base:
        assert base.method == backend
        features = base.features
    assert backend not in supported_methods() or supported_methods()[backend] == features


def test_every_method_has_some_feature() -> None:
    """No backend is without any, and all are EventBaseFeatures."""
    methods = supported_methods()
    assert methods
    assert all(isinstance(features, EventBaseFeatures) and features for features in methods.values())
