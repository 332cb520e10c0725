"""evdns: asking name servers, and answering as one (floor 6)."""

from .base import DNSBase as DNSBase
from .requests import DNSAnswer as DNSAnswer
from .requests import DNSRequest as DNSRequest
