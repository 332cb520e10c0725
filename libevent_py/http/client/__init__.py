"""Asking HTTP servers: the client's side of evhttp (floor 7)."""

from .connection import HTTPConnection as HTTPConnection
from .pool import HTTPClient as HTTPClient
from .request import HTTPClientRequest as HTTPClientRequest
from .response import HTTPResponse as HTTPResponse
