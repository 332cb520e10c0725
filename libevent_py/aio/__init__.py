"""An asyncio event loop on libevent (floor 8).

::

    import asyncio, libevent_py.aio

    with asyncio.Runner(loop_factory=libevent_py.aio.new_event_loop) as runner:  # Python 3.11
        runner.run(main())

    libevent_py.aio.run(main())  # any Python
"""

from .awaiting import connect as connect
from .awaiting import connect_hostname as connect_hostname
from .awaiting import request as request
from .awaiting import resolve as resolve
from .loop import Loop as Loop
from .policy import EventLoopPolicy as EventLoopPolicy
from .policy import install as install
from .policy import new_event_loop as new_event_loop
from .policy import run as run
