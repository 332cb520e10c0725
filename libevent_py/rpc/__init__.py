"""Remote procedure calls as evrpc sends them, over HTTPServer and HTTPClient (floor 7, event2/rpc.h)."""

from .client import RPCCall as RPCCall
from .client import RPCPool as RPCPool
from .method import RPCMethod as RPCMethod
from .server import RPCRequest as RPCRequest
from .server import register as register

__all__ = ["RPCCall", "RPCMethod", "RPCPool", "RPCRequest", "register"]
