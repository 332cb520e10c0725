"""Every kind of callback by name; to add one, write a function in one of the modules below.

It makes what it takes in ``stage.there``, where the callback's owner is "it", and returns
what has ``stage.act`` called: at once, or in one of the next passes of a loop.  Nothing
but ``stage.there`` may keep these objects.
"""

from __future__ import annotations

import buffer_kinds
import bufferevent_kinds
import dns_kinds
import event_kinds
import http_client_kinds
import http_kinds
import relay_kinds
from stage import KINDS

__all__ = ["KINDS"]

#: The kinds by module.
FAMILIES = {
    module.__name__.replace("_kinds", ""): [
        row for row in KINDS.values() if row.set_up.__module__ == module.__name__
    ]
    for module in (
        event_kinds,
        bufferevent_kinds,
        buffer_kinds,
        relay_kinds,
        dns_kinds,
        http_client_kinds,
        http_kinds,
    )
}
