"""HAProxy in TCP mode with one thread, to 127.0.0.1:BACKEND, on a free port, which goes to stdout.

usage: haproxy.py KIND BACKEND; the KIND "HAProxy, splice" has splice-auto on
"""

from __future__ import annotations

import os
import socket
import sys
import tempfile

CONFIGURATION = """\
global
  nbthread 1
defaults
  mode tcp
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  {option}
listen proxy
  bind fd@{listening}
  server backend 127.0.0.1:{backend}
"""


def main(kind: str, backend: str) -> None:
    """Become HAProxy."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=4096)
    os.set_inheritable(listening.fileno(), True)
    option = "option splice-auto" if kind.endswith("splice") else ""
    with tempfile.TemporaryFile("w+") as file:
        file.write(CONFIGURATION.format(option=option, listening=listening.fileno(), backend=backend))
        file.flush()
        os.set_inheritable(file.fileno(), True)
        print(listening.getsockname()[1], flush=True)
        os.execvp("haproxy", ["haproxy", "-db", "-q", "-f", f"/proc/self/fd/{file.fileno()}"])


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
