"""libevent_py: the complete, safe and fast way to use the real libevent from Python.

``ffi`` and ``lib`` are the raw layer, every function of libevent as C has it; the
classes are the Pythonic layer over it.
"""

from ._build import build_info as build_info
from ._features import lib as lib
from ._ffi import ffi as ffi
from ._version import __version__ as __version__
from .base import EventBase as EventBase
from .buffer import Buffer as Buffer
from .buffer import BufferCallback as BufferCallback
from .buffer import FileSegment as FileSegment
from .bufferevent import BufferEvent as BufferEvent
from .bufferevent import BufferEventPair as BufferEventPair
from .bufferevent import FilterBufferEvent as FilterBufferEvent
from .bufferevent import LengthFraming as LengthFraming
from .bufferevent import LineFraming as LineFraming
from .bufferevent import PairedBufferEvent as PairedBufferEvent
from .bufferevent import RateLimit as RateLimit
from .bufferevent import RateLimitGroup as RateLimitGroup
from .calls import ScheduledCall as ScheduledCall
from .config import EventConfig as EventConfig
from .config import supported_methods as supported_methods
from .constants import BufferEventEvents as BufferEventEvents
from .constants import BufferEventOptions as BufferEventOptions
from .constants import BufferEventTriggers as BufferEventTriggers
from .constants import EOLStyle as EOLStyle
from .constants import EventBaseFeatures as EventBaseFeatures
from .constants import EventBaseFlags as EventBaseFlags
from .constants import EventCount as EventCount
from .constants import EventFlags as EventFlags
from .constants import FlushMode as FlushMode
from .constants import LoopFlags as LoopFlags
from .constants import TLSVersion as TLSVersion
from .dns import DNSAnswer as DNSAnswer
from .dns import DNSBase as DNSBase
from .dns import DNSQuestion as DNSQuestion
from .dns import DNSRequest as DNSRequest
from .dns import DNSServer as DNSServer
from .dns import DNSServerRequest as DNSServerRequest
from .event import Event as Event
from .exceptions import ClosedError as ClosedError
from .exceptions import DNSError as DNSError
from .exceptions import ForkError as ForkError
from .exceptions import HTTPError as HTTPError
from .exceptions import LibeventError as LibeventError
from .exceptions import MessageTooLongError as MessageTooLongError
from .exceptions import RPCError as RPCError
from .exceptions import TagError as TagError
from .exceptions import TLSCertificateError as TLSCertificateError
from .exceptions import TLSError as TLSError
from .exceptions import TLSTruncatedError as TLSTruncatedError
from .exceptions import UnsupportedError as UnsupportedError
from .exceptions import WrongThreadError as WrongThreadError
from .http import URI as URI
from .http import HTTPClient as HTTPClient
from .http import HTTPClientRequest as HTTPClientRequest
from .http import HTTPConnection as HTTPConnection
from .http import HTTPHeaders as HTTPHeaders
from .http import HTTPRequest as HTTPRequest
from .http import HTTPResponse as HTTPResponse
from .http import HTTPServer as HTTPServer
from .inspection import CommonTimeout as CommonTimeout
from .inspection import EventInfo as EventInfo
from .listener import Listener as Listener
from .relay import Relay as Relay
from .relay import RelayReason as RelayReason
from .relay import RelayResult as RelayResult
from .signal_event import Signal as Signal
from .timer import Timer as Timer
from .tls import ClientCertificates as ClientCertificates
from .tls import TLSBufferEvent as TLSBufferEvent
from .tls import TLSCertificate as TLSCertificate
from .tls import TLSCipher as TLSCipher
from .tls import TLSContext as TLSContext
from .tls import TLSFilterBufferEvent as TLSFilterBufferEvent
from .tls import TLSSession as TLSSession

__all__ = [
    "URI",
    "Buffer",
    "BufferCallback",
    "BufferEvent",
    "BufferEventEvents",
    "BufferEventOptions",
    "BufferEventPair",
    "BufferEventTriggers",
    "ClientCertificates",
    "ClosedError",
    "CommonTimeout",
    "DNSAnswer",
    "DNSBase",
    "DNSError",
    "DNSQuestion",
    "DNSRequest",
    "DNSServer",
    "DNSServerRequest",
    "EOLStyle",
    "Event",
    "EventBase",
    "EventBaseFeatures",
    "EventBaseFlags",
    "EventConfig",
    "EventCount",
    "EventFlags",
    "EventInfo",
    "FileSegment",
    "FilterBufferEvent",
    "FlushMode",
    "ForkError",
    "HTTPClient",
    "HTTPClientRequest",
    "HTTPConnection",
    "HTTPError",
    "HTTPHeaders",
    "HTTPRequest",
    "HTTPResponse",
    "HTTPServer",
    "LengthFraming",
    "LibeventError",
    "LineFraming",
    "Listener",
    "LoopFlags",
    "MessageTooLongError",
    "PairedBufferEvent",
    "RPCError",
    "RateLimit",
    "RateLimitGroup",
    "Relay",
    "RelayReason",
    "RelayResult",
    "ScheduledCall",
    "Signal",
    "TLSBufferEvent",
    "TLSCertificate",
    "TLSCertificateError",
    "TLSCipher",
    "TLSContext",
    "TLSError",
    "TLSFilterBufferEvent",
    "TLSSession",
    "TLSTruncatedError",
    "TLSVersion",
    "TagError",
    "Timer",
    "UnsupportedError",
    "WrongThreadError",
    "__version__",
    "build_info",
    "ffi",
    "lib",
    "supported_methods",
]
