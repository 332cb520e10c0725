"""The clients of the connections: `client.py PORT`, then on each line of stdin how many."""

from __future__ import annotations

import socket
import sys

AT_A_TIME = 50
MESSAGE = b"a message to be echoed"


def main() -> None:
    """Connect, send, receive and close, many at a time."""
    server = ("127.0.0.1", int(sys.argv[1]))
    number = 0
    for line in sys.stdin:
        left = int(line)
        while left:
            clients = []
            for _ in range(min(AT_A_TIME, left)):
                sock = socket.socket()
                # A closed connection keeps its port for a minute: of several addresses there are enough.
                sock.bind((f"127.0.0.{2 + number % 50}", 0))
                sock.settimeout(30)
                sock.connect(server)
                clients.append(sock)
                number += 1
            for sock in clients:
                sock.sendall(MESSAGE)
            for sock in clients:
                got = b""
                while len(got) < len(MESSAGE):
                    got += sock.recv(100) or sys.exit("the server has closed")
                assert got == MESSAGE
                sock.close()
            left -= len(clients)


if __name__ == "__main__":
    main()
