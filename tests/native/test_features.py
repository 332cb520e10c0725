"""The table of optional symbols, and the ``lib`` that explains what it lacks."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from libevent_py import _features, ffi, lib

NATIVE = Path(__file__).resolve().parents[2] / "libevent_py" / "_native"


@pytest.fixture(scope="module")
def make_stub() -> ModuleType:
    """The stub generator, which reads the cdef files; only a checkout has them."""
    script = NATIVE / "make_stub.py"
    if not script.exists():
        pytest.skip("the declarations are not here: this is an installed package")
    pytest.importorskip("cffi.cparser")
    spec = importlib.util.spec_from_file_location("make_stub", script)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_table_lists_what_is_guarded(make_stub: ModuleType) -> None:
    """OPTIONAL names exactly the symbols that the declarations make optional."""
    everything = make_stub.declarations(make_stub.read_cdef())
    always = make_stub.declarations(make_stub.read_cdef(without=r"LEPY_HAVE_\w+"))
    assert set(_features.OPTIONAL) == set(everything) - set(always)


def test_everything_else_is_always_there(make_stub: ModuleType) -> None:
    """A symbol that is declared without a guard is in every build."""
    always = make_stub.declarations(make_stub.read_cdef(without=r"LEPY_\w+"))
    assert set(always) - set(dir(lib.real)) == set()


def test_has_agrees_with_lib() -> None:
    """``has`` tells whether ``lib`` has the attribute, and an absent one says what it needs."""
    for name, need in _features.OPTIONAL.items():
        assert _features.has(name) == hasattr(lib, name) == hasattr(lib.real, name)
        if not _features.has(name):
            with pytest.raises(AttributeError, match=f"libevent_py.lib has no '{name}'.*{need}"):
                getattr(lib, name)


def test_some_symbol_is_absent_and_names_the_linked_version() -> None:
    """No libevent has everything; the message names the one that is linked."""
    absent = next(name for name in _features.OPTIONAL if not _features.has(name))
    version = ffi.string(lib.event_get_version()).decode()
    with pytest.raises(AttributeError, match=f"this build links libevent {version}, and {absent}"):
        getattr(lib, absent)


def test_unknown_name_is_a_plain_attribute_error() -> None:
    """A name that libevent does not have at all is reported without a guess."""
    with pytest.raises(AttributeError, match=r"^libevent_py\.lib has no 'event_nwe'$"):
        lib.event_nwe  # noqa: B018
    assert not _features.has("event_nwe")


@pytest.mark.parametrize("name", ["evbuffer_add_vprintf", "evutil_vsnprintf", "evutil_timercmp"])
def test_substitutes_are_named(name: str) -> None:
    """What CFFI cannot call names its substitute, and the substitute exists."""
    with pytest.raises(AttributeError, match=f"lepy_{name}"):
        getattr(lib, name)
    assert callable(getattr(lib, f"lepy_{name}"))


def test_attributes_are_the_real_ones_and_kept() -> None:
    """``lib`` hands out CFFI's own functions and constants, the same one each time."""
    assert lib.event_base_new is lib.event_base_new
    assert "event_base_new" in vars(lib)
    assert lib.EV_READ == lib.real.EV_READ


def test_dir_and_repr() -> None:
    """``dir`` lists all of libevent, ``repr`` says which one."""
    assert {"event_base_new", "EV_READ", "real"} <= set(dir(lib))
    assert ffi.string(lib.event_get_version()).decode() in repr(lib)


def test_nothing_can_be_set() -> None:
    """C's names cannot be replaced."""
    with pytest.raises(AttributeError, match="cannot be set"):
        lib.EV_READ = 1


def test_real_gives_function_pointers() -> None:
    """``ffi.addressof`` takes the real library object."""
    assert ffi.typeof(ffi.addressof(lib.real, "event_free")).kind == "function"
