"""HTTP: event2/http.h (floor 7)."""

from .escape import htmlescape as htmlescape
from .escape import parse_query as parse_query
from .escape import uridecode as uridecode
from .escape import uriencode as uriencode
from .headers import HTTPHeaders as HTTPHeaders
from .uri import URI as URI
