"""EventConfig: which backend a base gets, and its flags."""

from __future__ import annotations

import math
from typing import Any

import pytest
from child import check_child

from libevent_py import (
    Event,
    EventBase,
    EventBaseFeatures,
    EventBaseFlags,
    EventConfig,
    EventFlags,
    Timer,
    UnsupportedError,
    lib,
    supported_methods,
)


class TestValue:
    """It is a value."""

    def test_equal_and_hashable(self) -> None:
        """Two with the same settings are the same, whatever the methods came in."""
        one = EventConfig(avoid_methods=["epoll"], flags=EventBaseFlags.NO_CACHE_TIME)
        assert one == EventConfig(avoid_methods=("epoll",), flags=EventBaseFlags.NO_CACHE_TIME)
        assert len({one, EventConfig()}) == 2
        with pytest.raises(AttributeError):
            one.num_cpus_hint = 3  # type: ignore[misc]

    def test_serves_many_bases(self, backend: str) -> None:
        """Nothing of it is used up."""
        config = EventConfig(require_features=EventBaseFeatures(0), num_cpus_hint=2)
        with EventBase(config=config) as one, EventBase(config=config, priorities=3) as other:
            assert one.method == other.method == backend
            assert other.priorities == 3

    @pytest.mark.parametrize(
        ("arguments", "error", "text"),
        [
            ({"avoid_methods": "epoll"}, TypeError, "several names"),
            ({"avoid_methods": ["epol"]}, ValueError, "no method 'epol'; it has .*epoll"),
            ({"avoid_methods": [b"epoll"]}, ValueError, "no method b'epoll'"),
            ({"avoid_methods": 3}, TypeError, "not iterable"),
            ({"require_features": 64}, ValueError, "unknown features: 0x40"),
            ({"require_features": "ET"}, TypeError, "features must be an int"),
            ({"require_features": -1}, ValueError, "features must be between"),
            ({"flags": 1 << 20}, ValueError, "unknown flags: 0x100000"),
            ({"flags": 1 << 40}, ValueError, "flags must be between"),
            ({"flags": None}, TypeError, "flags must be an int"),
            ({"flags": EventBaseFlags.NOLOCK}, ValueError, "NOLOCK is not safe in Python"),
            ({"flags": EventBaseFlags.NOLOCK | EventBaseFlags.IGNORE_ENV}, ValueError, "NOLOCK"),
            ({"num_cpus_hint": -1}, ValueError, "num_cpus_hint must be between"),
            ({"num_cpus_hint": 1.5}, TypeError, "num_cpus_hint must be an int"),
            ({"max_interval": -0.1}, ValueError, "max_interval must be between"),
            ({"max_interval": math.nan}, ValueError, "max_interval must be between"),
            ({"max_interval": math.inf}, ValueError, "max_interval must be between"),
            ({"max_interval": "1"}, TypeError, "max_interval must be seconds"),
            ({"max_callbacks": 0}, ValueError, "max_callbacks must be between"),
            ({"max_callbacks": 2.0}, TypeError, "max_callbacks must be an int"),
            ({"min_priority": -1}, ValueError, "min_priority must be between"),
            ({"min_priority": None}, TypeError, "min_priority must be an int"),
        ],
    )
    def test_refuses(self, arguments: dict[str, Any], error: type[Exception], text: str) -> None:
        """What libevent would ignore or misread is an error when the value is made."""
        with pytest.raises(error, match=text):
            EventConfig(**arguments)

    @pytest.mark.parametrize("config", [3, "epoll", {"flags": 0}])
    def test_a_base_takes_no_other_config(self, config: Any) -> None:
        """Only an EventConfig."""
        with pytest.raises(TypeError, match="config must be an EventConfig"):
            EventBase(config=config)


class TestMethods:
    """avoid_methods and require_features choose the backend."""

    def test_avoided_methods_are_not_taken(self) -> None:
        """Each backend comes when all others are avoided; the order of the rest stays."""
        methods = list(supported_methods())
        for method in methods:
            config = EventConfig(avoid_methods=[other for other in methods if other != method])
            with EventBase(config=config) as base:
                assert base.method == method
        with EventBase(config=EventConfig(avoid_methods=methods[:1])) as base:
            assert base.method == methods[1]

    @pytest.mark.parametrize("feature", list(EventBaseFeatures))
    def test_required_features_are_there(self, feature: EventBaseFeatures) -> None:
        """The base has what was asked for, or UnsupportedError says that no backend does."""
        config = EventConfig(require_features=feature)
        if any(feature in features for features in supported_methods().values()):
            with EventBase(config=config) as base:
                assert feature in base.features
        else:
            with pytest.raises(UnsupportedError, match=str(feature.name)):
                EventBase(config=config)

    def test_the_impossible_names_what_there_is(self, capfd: pytest.CaptureFixture[str]) -> None:
        """The error tells the demands and the backends, and libevent prints nothing."""
        methods = list(supported_methods())
        with pytest.raises(UnsupportedError) as caught:
            EventBase(config=EventConfig(avoid_methods=methods))
        assert all(f"not {method}" in str(caught.value) for method in methods)
        everything = EventBaseFeatures(sum(EventBaseFeatures))
        with pytest.raises(UnsupportedError) as caught:
            EventBase(config=EventConfig(require_features=everything))
        assert "wanted ET, O1, FDS, EARLY_CLOSE; there are" in str(caught.value)
        assert all(f"{method} (" in str(caught.value) for method in methods)
        assert capfd.readouterr() == ("", "")

    def test_the_environment_leaves_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A base without a config tells of the variables, not of memory."""
        for method in supported_methods():
            monkeypatch.setenv(f"EVENT_NO{method.upper()}", "1")
        with pytest.raises(UnsupportedError, match="EVENT_NOPOLL in the environment"):
            EventBase()
        assert supported_methods() == {}

    def test_ignore_env(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """IGNORE_ENV takes the best backend whatever the environment forbids."""
        best = next(iter(supported_methods()))
        monkeypatch.setenv(f"EVENT_NO{best.upper()}", "1")
        with EventBase() as base, EventBase(config=EventConfig(flags=EventBaseFlags.IGNORE_ENV)) as other:
            assert base.method != best
            assert other.method == best

    def test_out_of_descriptors_is_an_oserror(self) -> None:
        """With a config too, also where the backends are not known yet."""
        printed = check_child(
            """
            import errno, os, resource
            from libevent_py import EventBase, EventBaseFeatures, EventConfig
            resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
            config = EventConfig(require_features=EventBaseFeatures.FDS)
            held = []
            try:
                while True:
                    held.append(os.dup(0))
            except OSError:
                pass
            try:
                EventBase(config=config)
            except OSError as error:
                assert error.errno == errno.EMFILE
                print("refused")
            for fd in held:
                os.close(fd)
            with EventBase(config=config) as base:
                assert EventBaseFeatures.FDS in base.features
            """
        )
        assert printed == "refused\n"


class TestFlags:
    """What the flags of a base change."""

    @pytest.mark.parametrize("flag", [flag for flag in EventBaseFlags if flag is not EventBaseFlags.NOLOCK])
    def test_a_base_with_the_flag_works(self, flag: EventBaseFlags, socket_pair: tuple[Any, Any]) -> None:
        """Descriptors and timers fire as ever."""
        ours, peer = socket_pair
        fired: list[EventFlags] = []
        with EventBase(config=EventConfig(flags=flag)) as base:
            event = Event(base, ours, EventFlags.READ, lambda event, what: fired.append(what))
            event.add()
            Timer(base, 0.001, lambda timer: peer.send(b"x"))
            assert base.dispatch() is True
        assert fired == [EventFlags.READ]

    def test_changelist(self) -> None:
        """EPOLL_USE_CHANGELIST is another epoll, and says so."""
        if "epoll" not in supported_methods():
            pytest.skip("no epoll here")
        with EventBase(config=EventConfig(flags=EventBaseFlags.EPOLL_USE_CHANGELIST)) as base:
            assert base.method == "epoll (with changelist)"

    def test_flags_are_libevents(self) -> None:
        """Each is C's constant, those of libevent 2.2 where it has them."""
        for name in ("NOLOCK", "IGNORE_ENV", "NO_CACHE_TIME", "PRECISE_TIMER"):
            assert EventBaseFlags[name] == getattr(lib, f"EVENT_BASE_FLAG_{name}")
        for name in ("EPOLL_DISALLOW_TIMERFD", "DISALLOW_SIGNALFD", "USE_SIGNALFD"):
            assert (name in EventBaseFlags.__members__) == hasattr(lib, f"EVENT_BASE_FLAG_{name}")
