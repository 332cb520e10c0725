"""What the host's loop runs of Python: a timer, a server and its client."""

import itertools

from libevent_py import BufferEvent, EventBase, EventFlags, Listener, Timer

#: Whoever drops the EventBase ends what it runs.
base = None


def start(address):
    """Take part in the event_base at *address*; the host runs it."""
    global base
    base = EventBase.from_pointer(address)
    numbers = itertools.count(1)
    Timer(base, 0.01, lambda timer: print("Python tick", next(numbers), flush=True), repeat=True)
    Timer(base, 0.015, careless)
    listener = Listener(base, ("127.0.0.1", 0), on_accept)
    client = BufferEvent(base)
    client.set_callbacks(on_data=on_answer)
    client.enable(EventFlags.READ)
    client.connect(listener.address)
    client.write(b"hello")


def on_accept(listener, sock, address):
    """Serve one connection: answer in capitals."""
    server = BufferEvent(listener.base, sock)
    server.set_callbacks(
        on_data=lambda server, data: server.write(data.upper()),
        on_event=lambda server, what: server.close(),
    )
    server.enable(EventFlags.READ)


def on_answer(client, data):
    """Show what the server said, and hang up."""
    print("Python got", data.decode(), flush=True)
    client.close()


def careless(timer):
    """Fail: sys.excepthook tells of it, and the host's loop goes on."""
    raise ValueError("a mistake in the plugin")


def stop():
    """Take everything of Python's out of the host's base, which stays."""
    base.close()
