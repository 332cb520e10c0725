"""The method of libevent's regress.rpc, for both sides."""

from __future__ import annotations

from collections.abc import Callable

import evrpc
from evrpc import Message

from libevent_py import Buffer
from libevent_py.rpc import RPCMethod

MSG = {"from_name": "niels", "to_name": "tester"}
KILL = {"weapon": "dagger", "action": "wave around like an idiot"}


def written(marshal: Callable[[Message], Buffer]) -> Callable[[Buffer, Message], None]:
    """A function of evrpc's, as an RPCMethod has them."""
    return lambda buffer, message: buffer.add_buffer(marshal(message))


MESSAGE: RPCMethod[Message, Message] = RPCMethod(
    "Message",
    written(evrpc.marshal_msg),
    evrpc.unmarshal_msg,
    written(evrpc.marshal_kill),
    evrpc.unmarshal_kill,
)
