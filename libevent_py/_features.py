"""Which of libevent's symbols this build has, and the raw ``lib`` that says so.

libevent's releases and build options differ in what they offer. The extension
declares everything and is compiled with what the chosen libevent has, so the rest
is absent from CFFI's library object. :data:`OPTIONAL` lists all that may be absent,
and :data:`lib` explains an absence instead of merely reporting it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from libevent_py._ffi import ffi
from libevent_py._ffi import lib as _lib

if TYPE_CHECKING:
    from libevent_py._libevent import Lib

    class PublicLib(Lib):
        """Type of :data:`lib`: all of libevent, and CFFI's own object."""

        real: Lib


__all__ = ["OPTIONAL", "has", "lib"]

_BY_NEED = {
    "needs libevent 2.2": """
        BUFFEREVENT_SSL_DIRTY_SHUTDOWN BUFFEREVENT_SSL_BATCH_WRITE
        DNS_CNAME DNS_CNAME_CALLBACK DNS_QUERY_IGNTC DNS_QUERY_USEVC
        EVDNS_ERROR_NONE EVDNS_ERROR_FAILED_TO_OPEN_FILE EVDNS_ERROR_FAILED_TO_STAT_FILE
        EVDNS_ERROR_FILE_TOO_LARGE EVDNS_ERROR_OUT_OF_MEMORY EVDNS_ERROR_SHORT_READ_FROM_FILE
        EVDNS_ERROR_NO_NAMESERVERS_CONFIGURED EVDNS_SOPT_TCP_MAX_CLIENTS EVDNS_SOPT_TCP_IDLE_TIMEOUT
        EVENT_BASE_FLAG_EPOLL_DISALLOW_TIMERFD EVTHREAD_PTHREAD_PRIO_INHERIT
        EVHTTP_METHOD_HAS_BODY EVHTTP_REQ_PROPFIND EVHTTP_REQ_PROPPATCH EVHTTP_REQ_MKCOL EVHTTP_REQ_LOCK
        EVHTTP_REQ_UNLOCK EVHTTP_REQ_COPY EVHTTP_REQ_MOVE EVHTTP_REQ_MAX
        EVHTTP_URI_HOST_STRIP_BRACKETS EVHTTP_URI_UNIX_SOCKET
        EVHTTP_URI_QUERY_NONCONFORMANT EVHTTP_URI_QUERY_LAST_VAL
        HTTP_CONTINUE HTTP_SWITCH_PROTOCOLS HTTP_PROCESSING HTTP_EARLYHINTS HTTP_CREATED HTTP_ACCEPTED
        HTTP_NONAUTHORITATIVE HTTP_UNAUTHORIZED HTTP_PAYMENTREQUIRED HTTP_FORBIDDEN HTTP_BADGATEWAY
        LEV_OPT_BIND_IPV4_AND_IPV6
        WS_TEXT_FRAME WS_BINARY_FRAME WS_CR_NONE WS_CR_NORMAL WS_CR_PROTO_ERR WS_CR_DATA_TOO_BIG
        bufferevent_replacefd bufferevent_socket_connect_hostname_hints
        bufferevent_ssl_get_flags bufferevent_ssl_set_flags bufferevent_ssl_clear_flags
        evbuffer_set_max_read evbuffer_get_max_read
        evdns_add_server_port_with_listener evdns_base_get_nameserver_fd evdns_server_port_set_option
        event_base_get_signal_method
        evhttp_bound_set_bevcb evhttp_connection_base_bufferevent_unix_new
        evhttp_connection_set_connect_timeout_tv evhttp_connection_set_ext_method_cmp
        evhttp_connection_set_read_timeout_tv evhttp_connection_set_write_timeout_tv
        evhttp_get_connection_count evhttp_parse_query_str_flags evhttp_set_errorcb
        evhttp_set_ext_method_cmp evhttp_set_max_connections evhttp_set_newreqcb
        evhttp_set_read_timeout_tv evhttp_set_write_timeout_tv
        evhttp_uri_get_unixsocket evhttp_uri_set_unixsocket
        evthread_use_pthreads_with_flags evutil_make_listen_socket_not_ipv6only
        evwatch_base evwatch_check_new evwatch_free evwatch_prepare_get_timeout evwatch_prepare_new
        evws_close evws_connection_free evws_connection_get_bufferevent evws_connection_set_closecb
        evws_new_session
        """,
    "needs a libevent later than 2.2.1-alpha": """
        EVDNS_BASE_NO_CACHE EVENT_BASE_FLAG_USE_SIGNALFD
        evbuffer_add_reference_with_offset evdns_cache_lookup evdns_cache_write
        evhttp_connection_base_bufferevent_reuse_new evutil_set_tcp_keepalive
        evws_send_binary evws_send_text
        """,
    "is in libevent 2.2.1-alpha alone": """
        EVENT_BASE_FLAG_DISALLOW_SIGNALFD evws_send
        """,
    "did nothing in libevent 2.1 and is gone in 2.2": """
        evdns_set_random_bytes_fn evdns_set_transaction_id_fn
        """,
    "needs a libevent with a random generator of its own, not the system's": """
        evutil_secure_rng_add_bytes
        """,
    "needs a libevent built to allow other allocators": """
        event_set_mem_functions
        """,
    "needs a libevent built with thread support": """
        EVTHREAD_WRITE EVTHREAD_READ EVTHREAD_TRY EVTHREAD_LOCK_API_VERSION EVTHREAD_LOCKTYPE_RECURSIVE
        EVTHREAD_LOCKTYPE_READWRITE EVTHREAD_CONDITION_API_VERSION
        evthread_enable_lock_debugging evthread_enable_lock_debuging evthread_set_condition_callbacks
        evthread_set_id_callback evthread_set_lock_callbacks evthread_use_pthreads
        """,
    "needs OpenSSL: rebuild libevent_py with a libevent that has libevent_openssl": """
        BUFFEREVENT_SSL_OPEN BUFFEREVENT_SSL_CONNECTING BUFFEREVENT_SSL_ACCEPTING
        bufferevent_get_openssl_error bufferevent_openssl_filter_new bufferevent_openssl_get_ssl
        bufferevent_openssl_get_allow_dirty_shutdown bufferevent_openssl_set_allow_dirty_shutdown
        bufferevent_openssl_socket_new bufferevent_ssl_renegotiate
        """,
}

#: Every symbol that some build lacks, and what it needs ("needs libevent 2.2").
OPTIONAL: dict[str, str] = {name: need for need, names in _BY_NEED.items() for name in names.split()}

#: What CFFI cannot call, and what stands in for it.
_SUBSTITUTES = {
    "evbuffer_add_vprintf": "takes a va_list; call lepy_evbuffer_add_vprintf(buffer, format, ...)",
    "evutil_vsnprintf": "takes a va_list; call lepy_evutil_vsnprintf(buffer, size, format, ...)",
    "evutil_timercmp": "is a macro that takes an operator; call lepy_evutil_timercmp(left, right)",
}


def has(name: str) -> bool:
    """Whether this build's ``lib`` has *name*: a function, constant or enumerator of libevent's."""
    return hasattr(_lib, name)


def _absence(name: str) -> str:
    """The sentence that tells why this build's ``lib`` lacks *name*."""
    start = f"libevent_py.lib has no {name!r}"
    if name in _SUBSTITUTES:
        return f"{start}: {name} {_SUBSTITUTES[name]}"
    if name in OPTIONAL:
        version = bytes(ffi.string(_lib.event_get_version())).decode()
        return f"{start}: this build links libevent {version}, and {name} {OPTIONAL[name]}"
    return start


class _Lib:
    """libevent itself: each of its public functions and constants, by its C name.

    A symbol that this build lacks raises AttributeError with the reason. ``real``
    is CFFI's own library object, for what takes no other: ``ffi.addressof(lib.real,
    "free")``.
    """

    def __init__(self) -> None:
        self.__dict__["real"] = _lib

    def __getattr__(self, name: str) -> Any:
        try:
            value = getattr(_lib, name)
        except AttributeError:
            raise AttributeError(_absence(name)) from None
        # Functions and constants never change: from here on Python finds it by itself.
        self.__dict__[name] = value
        return value

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"libevent_py.lib.{name} cannot be set: it is C's")

    def __dir__(self) -> list[str]:
        return sorted({"real", *dir(_lib)})

    def __repr__(self) -> str:
        return f"<libevent_py.lib: libevent {bytes(ffi.string(_lib.event_get_version())).decode()}>"


lib: PublicLib = cast("PublicLib", _Lib())
