"""Where a redirect leads, and with what (floor 7, RFC 9110, 15.4)."""

from __future__ import annotations

import dataclasses
from urllib.parse import urljoin

from ..headers import HTTPHeaders
from ..uri import URI
from .response import HTTPResponse

#: What has a Location to go to; 300 and 304 have none, 305 and 306 are no more.
_REDIRECTS = frozenset((301, 302, 303, 307, 308))

#: What is for one server alone.
_SECRETS = ("Authorization", "Cookie", "Proxy-Authorization")
#: What tells of a body that is not sent any more.
_OF_A_BODY = (
    "Content-Encoding",
    "Content-Language",
    "Content-Length",
    "Content-Location",
    "Content-Type",
    "Digest",
    "Expect",
    "Last-Modified",
)

_PORTS = {"http": 80, "https": 443}

#: Scheme, host, port.
Origin = tuple[str, str, int]


def parse_url(url: str | URI) -> URI:
    """*url*, which is http or https and has a host."""
    uri = URI.parse(url) if isinstance(url, str) else url
    if not isinstance(uri, URI):
        raise TypeError(f"url must be a str or a URI, not {type(url).__name__}")
    if (uri.scheme or "").lower() not in _PORTS or not uri.host:
        raise ValueError(f"need an http:// or https:// URL with a host, not {str(uri)!r}")
    return uri


def origin(uri: URI) -> Origin:
    """Whom *uri* belongs to."""
    scheme = (uri.scheme or "").lower()
    host = (uri.host or "").lower().strip("[]")
    return scheme, host, uri.port or _PORTS[scheme]


def target(uri: URI) -> str:
    """What is asked of the server."""
    return (uri.path or "/") + ("" if uri.query is None else f"?{uri.query}")


def leads_on(response: HTTPResponse) -> bool:
    """Whether *response* is a redirect that says where to."""
    return response.status in _REDIRECTS and "Location" in response.headers


def following_url(uri: URI, response: HTTPResponse) -> URI:
    """Where *response* to a request of *uri* points.

    Raises:
        ValueError: Nowhere that can be asked; or from https to http.
    """
    found = parse_url(urljoin(str(uri), response.headers["Location"]))
    if found.fragment is None and uri.fragment is not None:
        found = dataclasses.replace(found, fragment=uri.fragment)
    if origin(uri)[0] == "https" and origin(found)[0] == "http":
        raise ValueError("it leads from https to http, where everybody can read along")
    return dataclasses.replace(found, userinfo=None)


def following_method(method: str, status: int) -> str:
    """What a request becomes: POST turns into GET where browsers have always done so, 303 is for GET."""
    if status == 303 and method != "HEAD":
        return "GET"
    return "GET" if method == "POST" and status in (301, 302) else method


def following_headers(headers: HTTPHeaders, same_origin: bool, with_body: bool) -> HTTPHeaders:
    """The fields that go along: no secrets to somebody else, and none of a body that does not."""
    left_out = {"host", *(() if same_origin else map(str.lower, _SECRETS))}
    if not with_body:
        left_out.update(map(str.lower, _OF_A_BODY))
    return HTTPHeaders([field for field in headers.fields() if field[0].lower() not in left_out])
