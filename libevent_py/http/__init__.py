"""HTTP: event2/http.h (floor 7)."""

from .client import HTTPClient as HTTPClient
from .client import HTTPClientRequest as HTTPClientRequest
from .client import HTTPConnection as HTTPConnection
from .client import HTTPResponse as HTTPResponse
from .directory import HTTPDirectory as HTTPDirectory
from .escape import htmlescape as htmlescape
from .escape import parse_query as parse_query
from .escape import uridecode as uridecode
from .escape import uriencode as uriencode
from .headers import HTTPHeaders as HTTPHeaders
from .host import HTTPVirtualHost as HTTPVirtualHost
from .listener import HTTPListener as HTTPListener
from .request import HTTPRequest as HTTPRequest
from .server import HTTPAccess as HTTPAccess
from .server import HTTPServer as HTTPServer
from .uri import URI as URI
