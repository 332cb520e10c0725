"""The page about libevent's own tests tells the truth: each case is there, and each test of ours exists."""

from __future__ import annotations

import re

import pytest
from command import ROOT

PAGE = (ROOT / "docs/regress.md").read_text()

# What `regress --list-tests` of libevent 2.1.12 prints.
CASES = {
    "main": """
        methods version base_features base_environ event_base_new free_active_base manipulate_active_events
        event_new_selfarg event_assign_selfarg event_base_get_num_events event_base_get_max_events
        evmap_invalid_slots bad_assign bad_reentrant active_later event_remove_timeout persistent_timeout
        persistent_timeout_jump persistent_active_timeout priorities priority_active_inversion common_timeout
        simpleread simpleread_multiple simplewrite simpleclose_rw simpleclose_close simpleclose_shutdown
        simpleclose_close_persist simpleclose_shutdown_persist simpleclose_close_et simpleclose_shutdown_et
        simpleclose_close_persist_et simpleclose_shutdown_persist_et multiple persistent combined
        simpletimeout loopbreak loopexit loopexit_multiple nonpersist_readd multiple_events_for_same_fd
        want_only_once event_once event_once_never event_pending event_closed_fd_poll dup_fd mm_functions
        many_events
        many_events_slow_add struct_event_size get_assignment event_foreach gettimeofday_cached
        gettimeofday_cached_sleep gettimeofday_cached_reset gettimeofday_cached_disabled
        gettimeofday_cached_disabled_nosleep active_by_fd fork del_wait del_notify""",
    "heap": "randomized",
    "et": "et et_mix_error et_multiple_events",
    "finalize": "cb_invoked free_finalize within_cb debug_use_after_free",
    "signal": """
        simplestsignal simplesignal multiplesignal immediatesignal signal_dealloc signal_pipeloss
        signal_switchbase signal_restore signal_assert signal_while_processing""",
    "util": """
        ipv4_parse ipv6_parse ipv6_parse_scope sockaddr_port_parse sockaddr_port_format sockaddr_predicates
        evutil_snprintf evutil_strtoll evutil_casecmp evutil_rtrim strlcpy log upcast integers rand EVUTIL_IS_
        getaddrinfo getaddrinfo_live getaddrinfo_AI_ADDRCONFIG mm_malloc mm_calloc mm_strdup usleep
        monotonic_res monotonic_res_precise monotonic_res_fallback monotonic_prc monotonic_prc_precise
        monotonic_prc_fallback date_rfc1123 evutil_v4addr_is_local evutil_v6addr_is_local""",
    "dns": """
        server gethostbyname gethostbyname6 gethostbyaddr resolve_reverse search_empty search search_lower
        search_cancel retry retry_disable_when_inactive reissue reissue_disable_when_inactive inflight
        bufferevent_connect_hostname bufferevent_connect_hostname_emfile disable_when_inactive
        disable_when_inactive_no_ns initialize_nameservers nameservers_no_default getaddrinfo_async
        getaddrinfo_cancel_stress leak_shutdown leak_cancel leak_resume leak_cancel_and_resume
        leak_resume_send_err leak_cancel_and_resume_send_err client_fail_requests client_fail_waiting_requests
        client_fail_requests_getaddrinfo getaddrinfo_race_gotresolve set_SO_RCVBUF_SO_SNDBUF set_options""",
    "evtag": "int fuzz encoding peek",
    "rpc": """
        basic_test basic_message basic_client basic_queued_client basic_client_with_pause invalid_type
        client_timeout test""",
    "http": """
        primitives base bad_headers parse_query parse_query_str parse_uri parse_uri_nc uriencode basic
        basic_trailing_space simple simple_nonconformant cancel cancel_by_host cancel_by_host_inactive_server
        cancel_by_host_no_ns cancel_inactive_server cancel_by_host_no_ns_inactive_server
        cancel_by_host_server_timeout cancel_server_timeout cancel_by_host_no_ns_server_timeout
        cancel_by_host_ns_timeout_server_timeout cancel_by_host_ns_timeout
        cancel_by_host_ns_timeout_inactive_server virtual_host post put delete allowed_methods failure
        connection persist_connection autofree_connection connection_async close_detection
        close_detection_delay bad_request incomplete incomplete_timeout terminate_chunked
        terminate_chunked_oneshot on_complete highport dispatcher multi_line_header negative_content_length
        chunk_out stream_out stream_in stream_in_cancel connection_fail connection_retry
        connection_retry_conn_address data_length_constraints read_on_write_error non_lingering_close
        lingering_close ipv6_for_domain get_addr set_family set_family_ipv4 set_family_ipv6
        write_during_read request_own request_extra_body https_basic https_filter_basic https_simple
        https_simple_dirty https_incomplete https_incomplete_timeout https_connection_retry
        https_connection_retry_conn_address https_chunk_out https_filter_chunk_out https_stream_out
        https_connection_fail https_write_during_read https_connection https_persist_connection""",
    "http client": """
        connection persist_connection https_connection https_persist_connection connection_async
        ipv6_for_domain autofree_connection cancel cancel_by_host cancel_by_host_inactive_server
        cancel_by_host_no_ns cancel_inactive_server cancel_by_host_no_ns_inactive_server
        cancel_by_host_server_timeout cancel_server_timeout cancel_by_host_no_ns_server_timeout
        cancel_by_host_ns_timeout_server_timeout cancel_by_host_ns_timeout
        cancel_by_host_ns_timeout_inactive_server stream_in stream_in_cancel connection_fail
        https_connection_fail connection_retry connection_retry_conn_address https_connection_retry
        https_connection_retry_conn_address data_length_constraints read_on_write_error get_addr set_family
        set_family_ipv4 set_family_ipv6 request_own""",
    "thread": "basic forking conditions_simple deferred_cb_skew no_events",
    "ssl": """
        socketpair socketpair_write_after_connect filter filter_write_after_connect renegotiate_socketpair
        renegotiate_filter socketpair_startopen filter_startopen socketpair_dirty_shutdown
        filter_dirty_shutdown renegotiate_socketpair_dirty_shutdown renegotiate_filter_dirty_shutdown
        socketpair_startopen_dirty_shutdown filter_startopen_dirty_shutdown socketpair_fd socketpair_freed
        socketpair_freed_fd filter_freed_fd socketpair_timeout socketpair_timeout_freed_fd connect
        connect_sleep wm wm_filter wm_defer wm_filter_defer""",
}
COUNTS = {
    "main": 64,
    "heap": 1,
    "et": 3,
    "finalize": 4,
    "signal": 10,
    "util": 32,
    "dns": 34,
    "thread": 5,
    "ssl": 26,
    "http client": 34,
    "evtag": 4,
    "rpc": 8,
    "http": 80,
}
PROGRAMS = {"init", "eof", "weof", "closed", "time", "changelist", "dumpevents", "fdleak", "ratelim"}


def section(name: str) -> str:
    """The part of the page under a heading."""
    return PAGE.split(f"\n## {name}\n")[1].split("\n## ")[0]


@pytest.mark.parametrize("group", CASES)
def test_every_case_is_listed_once(group: str) -> None:
    """In the first column of its group's table."""
    rows = re.findall(r"^\| ([^|`]+) \| ", section(group), re.MULTILINE)
    listed = [name for row in rows if row != "libevent" for name in row.split(", ")]
    assert sorted(listed) == sorted(CASES[group].split())
    assert len(listed) == COUNTS[group]


def test_every_program_is_listed() -> None:
    """All of test/test-*.c."""
    assert set(re.findall(r"^\| `test-(\w+)` \|", section("Programs"), re.MULTILINE)) == PROGRAMS


def test_every_test_it_names_exists() -> None:
    """As a function of some test file, and each file too."""
    files = list((ROOT / "tests").rglob("*.py"))
    text = "\n".join(path.read_text() for path in files)
    there = set(re.findall(r"^ *def (test_\w+)\(", text, re.MULTILINE))
    assert set(re.findall(r"`(test_\w+)(?:\[\w+\])?`", PAGE)) <= there
    for path in re.findall(r"`(tests/[\w/*]+\.py)`", PAGE):
        assert list(ROOT.glob(path)), path
