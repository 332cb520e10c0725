"""The probe of evdns, by a question to a server of its own on loopback (floor 7)."""

from __future__ import annotations

import os
import socket
import struct

from .._ffi import CData, ffi, lib

#: The size of the memory in which libevent 2.1 writes an answer.
_SIZE = 1500
_HEADER = 12
_TYPE_AND_CLASS = struct.pack("!HH", 1, 1)
#: So many labels libevent remembers to write them shorter when they come again.
_REMEMBERED = 128


def answers_end_in_time() -> bool:
    """An answer of which the last name would end one byte past its memory.

    It repeats the questions, and grows larger than they were: they name one long name again and
    again, of which nothing is remembered, for the names before it have taken all the room. With the fix
    there is no such answer; without it a zero is written past the end, and the truncated answer
    is sent.
    """
    results: list[int] = []

    @ffi.callback("evdns_request_callback_fn_type")
    def respond(request: CData, argument: CData) -> None:
        results.append(lib.evdns_server_request_respond(request, 0))
        if results[0] < 0:
            lib.evdns_server_request_drop(request)

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.setblocking(False)
        base = lib.event_base_new()
        port = lib.evdns_add_server_port_with_base(base, os.dup(server.fileno()), 0, respond, ffi.NULL)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.sendto(_question(), server.getsockname())
            lib.event_base_loop(base, lib.EVLOOP_ONCE)
            lib.evdns_close_server_port(port)
    if not results:
        raise RuntimeError("evdns took the question for none")
    return results[0] < 0


def _question() -> bytes:
    questions = [_name(["a"] * (_REMEMBERED - 1)), _name(["b"])]
    size = _HEADER + sum(len(name) + 4 for name in questions)
    long_name = _name(["c" * 50] * 4)
    where = struct.pack("!H", 0xC000 | size)
    questions.append(long_name)
    size += len(long_name) + 4
    while _SIZE - size > 256:
        questions.append(where)
        size += len(long_name) + 4
    rest = _SIZE - size  # for the last name's labels, which a zero would follow
    labels = []
    while rest > 64:  # no label is longer than 63
        labels.append("d" * 49)
        rest -= 50
    questions.append(_name([*labels, "d" * (rest - 1)]))
    header = struct.pack("!6H", 1, 0, len(questions), 0, 0, 0)
    return header + b"".join(name + _TYPE_AND_CLASS for name in questions)


def _name(labels: list[str]) -> bytes:
    return b"".join(bytes([len(label)]) + label.encode() for label in labels) + b"\0"
