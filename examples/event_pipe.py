"""The event itself: new, add, del and free, on a pipe.

    python examples/event_pipe.py

The five steps of every libevent program, with C's names on the right.
"""

from __future__ import annotations

import os

from libevent_py import Event, EventBase, EventFlags


def main() -> None:
    """Send two messages through a pipe, one event reading and one writing."""
    reader, writer = os.pipe()
    messages = [b"hello", b"goodbye"]

    def on_readable(event: Event, what: EventFlags) -> None:
        data = os.read(reader, 1024)
        if data:
            print(f"readable: {data.decode()}", flush=True)
        else:
            # The other end is closed. PERSIST keeps an event until it is removed.
            print("end of file", flush=True)
            event.remove()  # event_del
            print(f"pending after remove(): {bool(event.pending)}")

    def on_writable(event: Event, what: EventFlags) -> None:
        # Without PERSIST it was removed before we are called; adding it again is up to us.
        if messages:
            os.write(writer, messages.pop(0))
            event.add()
        else:
            os.close(writer)

    with EventBase() as base:  # 1. event_base_new; event_base_free at the end
        # 2. event_new
        reading = Event(base, reader, EventFlags.READ | EventFlags.PERSIST, on_readable)
        writing = Event(base, writer, EventFlags.WRITE, on_writable)
        # 3. event_add; with a timeout, add(2.5), the callback may be told TIMEOUT
        reading.add()
        writing.add()
        base.dispatch()  # 4. event_base_dispatch: returns when no event is left
        reading.close()  # 5. event_free; closing the base would do it too
        writing.close()
    os.close(reader)
    print("no event was left, so dispatch() returned")


if __name__ == "__main__":
    main()
