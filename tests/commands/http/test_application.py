"""``module:app`` on the command line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from libevent_py._commands.http.application import ApplicationError, is_application, load


@pytest.fixture
def _modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package with applications, and modules that cannot be imported."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").touch()
    (tmp_path / "shop" / "wsgi.py").write_text(
        "def app(environ, start_response): pass\n"
        "class Holder:\n    app = staticmethod(app)\n"
        "def make(): return app\n"
        "number = 5\n"
    )
    (tmp_path / "needs.py").write_text("import nothing_like_this\n")
    (tmp_path / "broken.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.mark.usefixtures("_modules")
@pytest.mark.parametrize("word", ["shop.wsgi:app", "shop.wsgi:Holder.app", "shop.wsgi:make()"])
def test_an_application_is_found(word: str) -> None:
    """By its name, or made by a function."""
    assert is_application(word)
    assert load(word).__name__ == "app"


@pytest.mark.usefixtures("_modules")
@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("nothing:app", "no module 'nothing'"),
        ("shop.nothing:app", "no module 'shop.nothing'"),
        ("shop.wsgi:nothing", "has no 'nothing'"),
        ("shop.wsgi:number", "int cannot be called"),
        ("shop.wsgi", "does not look like"),
    ],
)
def test_what_is_none_is_told(word: str, told: str) -> None:
    """Without a traceback: it is the user's word that is wrong."""
    with pytest.raises(ApplicationError, match=told):
        load(word)


@pytest.mark.usefixtures("_modules")
def test_what_a_module_raises_is_its_own() -> None:
    """A module that is there, and cannot be imported, tells why by its traceback."""
    with pytest.raises(ModuleNotFoundError, match="nothing_like_this"):
        load("needs:app")
    with pytest.raises(ZeroDivisionError):
        load("broken:app")


@pytest.mark.parametrize("word", ["app", "a:b:c", "a b:c", ":app", "a:", "../a:app", "a:app(1)"])
def test_words_that_are_no_applications(word: str) -> None:
    """Directories may have such names."""
    assert not is_application(word)
