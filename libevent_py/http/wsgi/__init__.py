"""WSGI applications (PEP 3333) on HTTPServer (floor 7)."""

from .files import FileWrapper as FileWrapper
from .handler import WSGIHandler as WSGIHandler
