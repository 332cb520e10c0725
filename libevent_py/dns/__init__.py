"""evdns: asking name servers, and answering as one (floor 6)."""

from .base import DNSBase as DNSBase
from .message import DNSQuestion as DNSQuestion
from .requests import DNSAnswer as DNSAnswer
from .requests import DNSRequest as DNSRequest
from .server import DNSServer as DNSServer
from .server_request import DNSServerRequest as DNSServerRequest
