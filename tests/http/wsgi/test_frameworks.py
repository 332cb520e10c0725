"""Real applications, by real clients: Flask and Django, requests and curl."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from certificates import Authority
from http_processes import PATIENCE, curl, http

from libevent_py import lib

FLASK = """
from flask import Flask, Response, jsonify, request, send_file, session

app = Flask(__name__)
app.secret_key = "secret"

@app.route("/json", methods=["GET", "POST"])
def tell():
    return jsonify(method=request.method, arguments=request.args, form=request.form, scheme=request.scheme,
                   files={name: len(file.read()) for name, file in request.files.items()})

@app.route("/stream")
def stream():
    return Response((f"line {number}\\n" for number in range(1000)), mimetype="text/plain")

@app.route("/file")
def file():
    return send_file("data.bin")

@app.route("/count")
def count():
    session["count"] = session.get("count", 0) + 1
    return str(session["count"])

@app.route("/empty", methods=["DELETE"])
def empty():
    return "", 204

@app.route("/fail")
def fail():
    1 / 0
"""

DJANGO = """
import json
from django.conf import settings
settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, SECRET_KEY="secret", DEBUG=False,
                   MIDDLEWARE=["django.middleware.common.CommonMiddleware"])
from django.core.wsgi import get_wsgi_application
from django.http import FileResponse, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path

def tell(request):
    return JsonResponse({"method": request.method, "arguments": request.GET.dict(),
                         "form": request.POST.dict(), "scheme": request.scheme,
                         "files": {name: len(file.read()) for name, file in request.FILES.items()}})

def stream(request):
    return StreamingHttpResponse((f"line {number}\\n" for number in range(1000)), content_type="text/plain")

def count(request):
    number = int(request.COOKIES.get("count", 0)) + 1
    answer = HttpResponse(str(number))
    answer.set_cookie("count", number)
    return answer

urlpatterns = [
    path("json", tell), path("stream", stream), path("count", count),
    path("file", lambda request: FileResponse(open("data.bin", "rb"))),
    path("empty", lambda request: HttpResponse(status=204)),
    path("fail", lambda request: 1 / 0),
]
app = get_wsgi_application()
"""

DATA = bytes(range(256)) * 8192  # two megabytes


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where both applications are, and a file that they send."""
    (tmp_path / "flask_app.py").write_text(FLASK)
    (tmp_path / "django_app.py").write_text(DJANGO)
    (tmp_path / "data.bin").write_bytes(DATA)
    return tmp_path


def check(url: str, ca: str | bool) -> None:
    """By one requests.Session, which keeps its connection."""
    requests: Any = pytest.importorskip("requests")
    with requests.Session() as session:
        session.verify = ca
        session.trust_env = False

        def ask(method: str, path: str, **options: Any) -> Any:
            return session.request(method, url + path, timeout=PATIENCE, **options)

        told = ask("GET", "/json?a=1&b=two%20words").json()
        assert told["arguments"] == {"a": "1", "b": "two words"}
        assert told["scheme"] == url.partition(":")[0]
        told = ask("POST", "/json", data={"x": "\N{EURO SIGN}"}, files={"f": b"y" * 500_000}).json()
        assert (told["method"], told["form"], told["files"]) == (
            "POST",
            {"x": "\N{EURO SIGN}"},
            {"f": 500_000},
        )
        assert ask("POST", "/json", data=iter([b"in ", b"chunks"])).status_code == 200
        assert ask("GET", "/stream").text == "".join(f"line {number}\n" for number in range(1000))
        answer = ask("GET", "/file")
        assert answer.content == DATA
        assert answer.headers["Content-Length"] == str(len(DATA))
        head = ask("HEAD", "/file")
        assert (head.content, head.headers["Content-Length"]) == (b"", str(len(DATA)))
        assert [ask("GET", "/count").text for _ in range(3)] == ["1", "2", "3"]
        assert ask("DELETE", "/empty").status_code == 204
        assert ask("GET", "/fail").status_code == 500
        assert ask("GET", "/nothing").status_code == 404


def check_with_curl(*words: str) -> None:
    """A form, a file by its checksum, and a large body, for which curl expects 100-continue."""
    url = words[-1]
    words = words[:-1]
    assert json.loads(curl(*words, "-d", "x=1", f"{url}/json"))["form"] == {"x": "1"}
    assert json.loads(curl(*words, "-F", "f=@-;filename=x", f"{url}/json"))["files"] == {"f": 0}
    assert curl(*words, "-H", "Expect: 100-continue", "-d", "x=" + "y" * 100_000, f"{url}/json")
    fetched = curl(*words, "-o", "/dev/stdout", "-w", "%{stderr}%{http_code}", f"{url}/stream")
    assert fetched.count("line ") == 1000


@pytest.mark.parametrize("threads", [[], ["--threads", "3"]])
def test_flask(folder: Path, threads: list[str]) -> None:
    """By TCP and by a unix socket."""
    pytest.importorskip("flask")
    path = folder / "sock"
    words = [*threads, "--listen", "127.0.0.1:0", "--listen", f"unix:{path}", "flask_app:app"]
    with http(*words, folder=folder) as (_, url):
        check(url, True)
        check_with_curl(url)
        check_with_curl("--unix-socket", str(path), "http://localhost")


@pytest.mark.skipif(not hasattr(lib, "bufferevent_openssl_socket_new"), reason="this build has no OpenSSL")
def test_django_by_tls(folder: Path, tmp_path: Path) -> None:
    """With a certificate that the clients verify, in threads, as Django wants to be called."""
    pytest.importorskip("django")
    authority = Authority(tmp_path / "tls")
    pem = str(authority.certificate("localhost", names="DNS:localhost,IP:127.0.0.1"))
    words = ["--port", "0", "--threads", "3", "--tls", pem, pem, "django_app:app"]
    with http(*words, folder=folder) as (_, url):
        check(url, str(authority.ca))
        check_with_curl("--cacert", str(authority.ca), url)


def test_django(folder: Path) -> None:
    """In the loop, and its file by curl: every byte."""
    pytest.importorskip("django")
    with http("--port", "0", "django_app:app", folder=folder) as (_, url):
        check(url, True)
        curl("-o", str(folder / "got"), f"{url}/file")
        assert hashlib.sha256((folder / "got").read_bytes()).digest() == hashlib.sha256(DATA).digest()
