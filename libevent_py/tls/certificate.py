"""TLSCertificate: a peer's certificate, and what is in it (floor 6)."""

from __future__ import annotations

import calendar
import ipaddress
import time
from collections.abc import Iterator
from typing import Any

from .._ffi import ffi, lib

_SEQUENCE, _SET, _OID, _INTEGER, _BIT_STRING, _OCTETS = 0x30, 0x31, 0x06, 0x02, 0x03, 0x04
_UTC_TIME = 0x17

#: Extensions, and what of them the parsed form has.
_ALTERNATIVE_NAMES = "2.5.29.17"
_CRL_POINTS = "2.5.29.31"
_AUTHORITY_ACCESS = "1.3.6.1.5.5.7.1.1"
_OCSP = "1.3.6.1.5.5.7.48.1"
_CA_ISSUERS = "1.3.6.1.5.5.7.48.2"

#: ``((("commonName", "example.org"),), …)``: a tuple for each part, which has one value as a rule.
Name = tuple[tuple[tuple[str, str], ...], ...]


class TLSCertificate:
    """A certificate (X.509) that a peer has shown.

    Args:
        der: All of it in DER, as OpenSSL has checked it.

    Example::

        bev.peer_certificate.info["subjectAltName"]  # (("DNS", "example.org"),)
    """

    __slots__ = ("_der", "_info")

    def __init__(self, der: bytes) -> None:
        if not isinstance(der, bytes):
            raise TypeError(f"der must be bytes, not {type(der).__name__}")
        self._der = der
        self._info: dict[str, Any] | None = None

    @property
    def der(self) -> bytes:
        """All of it in DER; ``ssl.DER_cert_to_PEM_cert`` makes PEM of it."""
        return self._der

    @property
    def info(self) -> dict[str, Any]:
        """What is in it, in the form of ``ssl.SSLSocket.getpeercert()``.

        ``subject``, ``issuer``, ``version``, ``serialNumber``, ``notBefore``, ``notAfter``, and where
        they are there ``subjectAltName``, ``OCSP``, ``caIssuers``, ``crlDistributionPoints``.

        Raises:
            ValueError: It is no certificate.
        """
        if self._info is None:
            try:
                self._info = _parse(self._der)
            except (IndexError, UnicodeDecodeError, StopIteration) as error:
                raise ValueError(f"this is no certificate in DER: {error!r}") from None
        return dict(self._info)

    @property
    def not_after(self) -> float:
        """When it expires, in seconds as ``time.time()`` counts them."""
        return calendar.timegm(time.strptime(self.info["notAfter"], "%b %d %H:%M:%S %Y GMT"))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TLSCertificate) and self._der == other._der

    def __hash__(self) -> int:
        return hash(self._der)

    def __repr__(self) -> str:
        try:
            return f"<TLSCertificate {self.info['subject']!r}>"
        except ValueError:
            return f"<TLSCertificate of {len(self._der)} bytes that are none>"


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and contents of each element of *data* (DER)."""
    position = 0
    while position < len(data):
        tag, length, start = data[position], data[position + 1], position + 2
        if length & 0x80:
            count = length & 0x7F
            length = int.from_bytes(data[start : start + count], "big")
            start += count
        position = start + length
        if position > len(data):
            raise IndexError("an element is longer than what it is in")
        yield tag, data[start:position]


def _parse(der: bytes) -> dict[str, Any]:
    certificate = next(_elements(der))[1]
    fields = list(_elements(next(_elements(certificate))[1]))
    version = 1
    if fields[0][0] == 0xA0:
        version += next(_elements(fields.pop(0)[1]))[1][0]
    serial, _, issuer, validity, subject = (contents for _, contents in fields[:5])
    begin, end = _elements(validity)
    info: dict[str, Any] = {
        "subject": _name(subject),
        "issuer": _name(issuer),
        "version": version,
        "serialNumber": _hexadecimal(serial),
        "notBefore": _time(*begin),
        "notAfter": _time(*end),
    }
    for tag, contents in fields[6:]:
        if tag == 0xA3:
            for _, extension in _elements(next(_elements(contents))[1]):
                parts = [each for _, each in _elements(extension)]
                info.update(_extension(_oid(parts[0]), parts[-1]))
    return info


def _extension(oid: str, value: bytes) -> Iterator[tuple[str, Any]]:
    if oid not in (_ALTERNATIVE_NAMES, _AUTHORITY_ACCESS, _CRL_POINTS):
        return
    contents = next(_elements(value))[1]
    if oid == _ALTERNATIVE_NAMES:
        yield "subjectAltName", tuple(_general_name(*each) for each in _elements(contents))
    elif oid == _AUTHORITY_ACCESS:
        found: dict[str, list[str]] = {_OCSP: [], _CA_ISSUERS: []}
        for _, access in _elements(contents):
            (_, method), (tag, place) = _elements(access)
            if tag == 0x86 and _oid(method) in found:
                found[_oid(method)].append(place.decode("latin-1"))
        for key, method_oid in (("OCSP", _OCSP), ("caIssuers", _CA_ISSUERS)):
            if found[method_oid]:
                yield key, tuple(found[method_oid])
    elif points := tuple(_crl_points(contents)):
        yield "crlDistributionPoints", points


def _crl_points(contents: bytes) -> Iterator[str]:
    for _, point in _elements(contents):
        for tag, where in _elements(point):
            if tag == 0xA0:
                for inner_tag, names in _elements(where):
                    if inner_tag == 0xA0:
                        yield from (each.decode("latin-1") for kind, each in _elements(names) if kind == 0x86)


def _general_name(tag: int, value: bytes) -> tuple[str, Any]:
    if tag == 0x87:
        return "IP Address", _address(value)
    if tag == 0xA4:
        return "DirName", _name(next(_elements(value))[1])
    if tag == 0x88:
        return "Registered ID", _oid(value)
    kinds = {0x81: "email", 0x82: "DNS", 0x86: "URI"}
    if tag in kinds:
        return kinds[tag], value.decode("latin-1")
    return "othername", "<unsupported>"


def _address(value: bytes) -> str:
    if len(value) == 16:
        # As OpenSSL writes it, and so Python's ssl.
        return ":".join(f"{int.from_bytes(value[i : i + 2], 'big'):X}" for i in range(0, 16, 2))
    return str(ipaddress.ip_address(value)) if len(value) == 4 else "<invalid>"


def _name(contents: bytes) -> Name:
    return tuple(
        tuple(_attribute(attribute) for _, attribute in _elements(part)) for _, part in _elements(contents)
    )


def _attribute(contents: bytes) -> tuple[str, str]:
    (_, kind), (tag, value) = _elements(contents)
    encoding = {0x0C: "utf-8", 0x1E: "utf-16-be", 0x1C: "utf-32-be"}.get(tag, "latin-1")
    return _long_name(_oid(kind)), value.decode(encoding)


def _long_name(oid: str) -> str:
    """OpenSSL's name for *oid*: commonName."""
    nid = lib.OBJ_txt2nid(oid.encode())
    return bytes(ffi.string(lib.OBJ_nid2ln(nid))).decode() if nid else oid


def _oid(value: bytes) -> str:
    numbers, number = [], 0
    for byte in value:
        number = number << 7 | byte & 0x7F
        if not byte & 0x80:
            numbers.append(number)
            number = 0
    first = min(numbers[0] // 40, 2)
    return ".".join(map(str, (first, numbers[0] - 40 * first, *numbers[1:])))


def _hexadecimal(serial: bytes) -> str:
    number = int.from_bytes(serial, "big", signed=True)
    text = f"{abs(number):X}"
    return "-" * (number < 0) + "0" * (len(text) % 2) + text


def _time(tag: int, value: bytes) -> str:
    text = value.decode("ascii")
    if tag == _UTC_TIME:  # its two digits mean 1950 to 2049
        text = ("20" if text[:2] < "50" else "19") + text
    when = time.strptime(text, "%Y%m%d%H%M%SZ")
    return time.strftime("%b ", when) + f"{when.tm_mday:2d}" + time.strftime(" %H:%M:%S %Y GMT", when)
