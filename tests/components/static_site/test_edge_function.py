"""The edge function over a table of requests, executed by a JavaScript engine."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from components.static_site import edge
from tests.components.static_site.javascript import Function, request

TABLE = json.loads((Path(__file__).parents[2] / "data" / "hashed_assets.json").read_text(encoding="utf-8"))
HOSTS = {"apex_host": "example.com", "www_host": "www.example.com", "api_host": "api.example.com"}
STORE = {"release": "r1", "preview-token": "t0ken"}
AS_IT_STANDS = (Path(edge.__file__).parent / "edge_function.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def live() -> Function:
    return Function(edge.edge_function_code(**HOSTS), STORE)


@pytest.fixture(scope="module")
def plain() -> Function:
    """A store that holds no release yet."""
    return Function(edge.edge_function_code(**HOSTS), {"preview-token": "t0ken"})


@pytest.fixture(scope="module")
def spa() -> Function:
    return Function(edge.edge_function_code(**HOSTS, site_mode="spa"), STORE)


DIRECTORY_INDEX = [
    ("/", "/index.html"),
    ("/index.html", "/index.html"),
    ("/docs", "/docs/index.html"),
    ("/docs/", "/docs/index.html"),
    ("/v1.2/docs", "/v1.2/docs/index.html"),
    ("/v1.2/docs/", "/v1.2/docs/index.html"),
    ("/a.b/", "/a.b/index.html"),
    ("/a.b/c.d/e", "/a.b/c.d/e/index.html"),
    ("/a.b/page.html", "/a.b/page.html"),
    ("/feed.xml", "/feed.xml"),
    ("/robots.txt", "/robots.txt"),
    ("/assets/logo.svg", "/assets/logo.svg"),
    ("/.well-known/security.txt", "/.well-known/security.txt"),
    ("/.well-known/apple-app-site-association", "/.well-known/apple-app-site-association"),
    ("/.well-known/acme-challenge/T0ken", "/.well-known/acme-challenge/T0ken"),
    ("/.well-known/", "/.well-known/index.html"),
    ("/.hidden", "/.hidden"),
    ("/trailing.", "/trailing."),
    ("//", "//index.html"),
    ("/a//b", "/a//b/index.html"),
    ("/with%20space", "/with%20space/index.html"),
    ("/caf%C3%A9/", "/caf%C3%A9/index.html"),
    ("/file%2Ehtml", "/file%2Ehtml"),
    ("/a%2Fb", "/a%2Fb/index.html"),
    ("/a.b%2Fc", "/a.b%2Fc/index.html"),
    ("/100%", "/100%/index.html"),
    ("/%E0%A4%A", "/%E0%A4%A/index.html"),
    ("/~user", "/~user/index.html"),
    ("/a+b", "/a+b/index.html"),
    ("/a;v=1", "/a;v=1/index.html"),
    ("/index.html/", "/index.html/index.html"),
    ("/api", "/api/index.html"),
    ("/404.html", "/404.html"),
]


@pytest.mark.parametrize(("uri", "expected"), DIRECTORY_INDEX)
def test_directory_index_by_the_last_segment(
    live: Function, plain: Function, uri: str, expected: str
) -> None:
    assert plain(request(uri))["uri"] == expected
    assert live(request(uri))["uri"] == "/_releases/r1" + expected


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("/", "/index.html"),
        ("/settings", "/index.html"),
        ("/settings/", "/index.html"),
        ("/v1.2/users", "/index.html"),
        ("/logo.svg", "/logo.svg"),
        ("/a.b/logo.svg", "/a.b/logo.svg"),
        ("/.well-known/webfinger", "/.well-known/webfinger"),
        ("/caf%C3%A9", "/index.html"),
        ("/404.html", "/404.html"),
    ],
)
def test_spa_falls_back_by_the_last_segment(spa: Function, uri: str, expected: str) -> None:
    assert spa(request(uri))["uri"] == "/_releases/r1" + expected


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row["path"])
def test_hashed_asset_rule_follows_the_shared_table(live: Function, row: dict[str, Any]) -> None:
    assert live.value("isHashedAsset", row["path"]) is row["hashed"]
    assert live.value("isHashedAsset", "/some.folder/" + row["path"]) is row["hashed"]


def test_the_table_holds_both_verdicts_and_no_path_twice() -> None:
    assert {row["hashed"] for row in TABLE} == {True, False}
    assert len({row["path"] for row in TABLE}) == len(TABLE) >= 40


@pytest.mark.parametrize(
    "uri", ["/assets/index-B7PI925R.js", "/index%2DB7PI925R.js", "/caf%C3%A9-B7PI925R.js"]
)
def test_hashed_assets_keep_their_plain_path_and_read_nothing(live: Function, uri: str) -> None:
    assert live(request(uri))["uri"] == uri
    assert live.reads == []


def test_a_page_reads_the_pointer_once_and_not_the_token(live: Function) -> None:
    live(request("/"))
    assert live.reads == ["release"]


@pytest.mark.parametrize(
    "stored", [None, {}, {"release": ""}, {"release": "../x"}, {"release": "a/b"}, {"release": "x" * 65}]
)
def test_without_a_usable_pointer_the_plain_paths_are_served(stored: dict[str, str] | None) -> None:
    function = Function(edge.edge_function_code(**HOSTS), stored)
    assert function(request("/docs/"))["uri"] == "/docs/index.html"


@pytest.mark.parametrize(
    ("headers", "release"),
    [
        ({"x-release": "r2", "x-release-token": "t0ken"}, "r2"),
        ({"x-release": "r2"}, "r1"),
        ({"x-release": "r2", "x-release-token": ""}, "r1"),
        ({"x-release": "r2", "x-release-token": "T0ken"}, "r1"),
        ({"x-release": "r2", "x-release-token": "t0ken "}, "r1"),
        ({"x-release": "../r2", "x-release-token": "t0ken"}, "r1"),
        ({"x-release": "", "x-release-token": "t0ken"}, "r1"),
        ({"x-release-token": "t0ken"}, "r1"),
    ],
)
def test_a_preview_needs_id_and_token(live: Function, headers: dict[str, str], release: str) -> None:
    assert live(request("/", headers=headers))["uri"] == f"/_releases/{release}/index.html"


@pytest.mark.parametrize("store", [{"release": "r1"}, {"release": "r1", "preview-token": ""}])
def test_no_preview_without_a_token_in_the_store(store: dict[str, str]) -> None:
    function = Function(edge.edge_function_code(**HOSTS), store)
    headers = {"x-release": "r2", "x-release-token": ""}
    assert function(request("/", headers=headers))["uri"] == "/_releases/r1/index.html"
    headers["x-release-token"] = "undefined"
    assert function(request("/", headers=headers))["uri"] == "/_releases/r1/index.html"


@pytest.mark.parametrize(
    "uri",
    [
        "/_releases/r2/index.html",
        "/_releases/",
        "/_releases",
        "/_deploy/lock",
        "/%5Freleases/r2/index.html",
        "/_releases/r2/app.3f9a2c1d.css",
        "/_deploy/log-1a2b3c4d.json",
    ],
)
def test_bookkeeping_and_other_releases_are_not_to_be_read(live: Function, plain: Function, uri: str) -> None:
    for function in (live, plain):
        assert function(request(uri))["uri"] == "/_releases/-"


@pytest.mark.parametrize("uri", ["/_releasesx/a.txt", "/_deployment.txt", "/x/_releases/a.txt"])
def test_names_that_only_look_like_bookkeeping_are_served(plain: Function, uri: str) -> None:
    assert plain(request(uri))["uri"] == uri


def test_a_key_longer_than_s3_takes_is_a_missing_page(live: Function) -> None:
    room = 1024 - len("_releases/r1/") - len("/index.html")
    fits = "/" + "a" * room
    assert live(request(fits))["uri"] == "/_releases/r1" + fits + "/index.html"
    assert live(request(fits + "a"))["uri"] == "/_releases/-"
    assert live(request("/" + "a" * 20_000))["uri"] == "/_releases/-"
    # An escape is one byte of the key, however long it is written.
    escaped = "/" + "%C3%A9" * (room // 2)
    assert live(request(escaped))["uri"] == "/_releases/r1" + escaped + "/index.html"
    assert live(request(escaped + "%C3%A9"))["uri"] == "/_releases/-"
    hashed = "/" + "a" * 1020 + "-B7PI925R.js"
    assert live(request(hashed))["uri"] == "/_releases/-"


REDIRECTS = [
    ("/", {}, "https://example.com/"),
    ("/docs/", {"a": {"value": "1"}}, "https://example.com/docs/?a=1"),
    ("/v1.2/docs", {}, "https://example.com/v1.2/docs"),
    (
        "/s",
        {"q": {"value": "1", "multiValue": [{"value": "1"}, {"value": "2"}, {"value": "1"}]}},
        "https://example.com/s?q=1&q=2&q=1",
    ),
    ("/s", {"empty": {"value": ""}, "b": {"value": "x"}}, "https://example.com/s?empty=&b=x"),
    ("/s", {"q": {"value": "a%20b%26c%2B"}}, "https://example.com/s?q=a%20b%26c%2B"),
    ("/s", {"q": {"value": "a+b"}}, "https://example.com/s?q=a+b"),
    ("/s", {"q": {"value": "100%"}}, "https://example.com/s?q=100%"),
    ("/s", {"q": {"value": 'caf\u00e9 "<>'}}, "https://example.com/s?q=caf%C3%A9%20%22%3C%3E"),
    ("/s", {"q": {"value": "a&b#c"}}, "https://example.com/s?q=a%26b%23c"),
    ("/s", {"q": {"value": "x\r\nset-cookie: a=b"}}, "https://example.com/s?q=x%0D%0Aset-cookie:%20a=b"),
    ("/s", {"q": {"value": "a=b=c"}}, "https://example.com/s?q=a=b=c"),
    (
        "/s",
        {"q[]": {"value": "1", "multiValue": [{"value": "1"}, {"value": "2"}]}},
        "https://example.com/s?q[]=1&q[]=2",
    ),
    ("/s", {"q": {"value": "\ud83d\ude00"}}, "https://example.com/s?q=%F0%9F%98%80"),
    ("/s", {"q": {"value": "\ud83d"}}, "https://example.com/s?q=%EF%BF%BD"),
    ("/s", {"q": {}}, "https://example.com/s?q="),
    ("/s", "a=1&a=2&b", "https://example.com/s?a=1&a=2&b"),
    ("/s", "", "https://example.com/s"),
    ("//other.example/x", {}, "https://example.com//other.example/x"),
    ("@other.example", {}, "https://example.com/@other.example"),
    ("/caf%C3%A9", {}, "https://example.com/caf%C3%A9"),
    ("/index-B7PI925R.js", {}, "https://example.com/index-B7PI925R.js"),
]


@pytest.mark.parametrize(("uri", "query", "location"), REDIRECTS)
def test_www_goes_to_the_apex_with_the_query_rebuilt(
    live: Function, uri: str, query: Any, location: str
) -> None:
    answer = live(request(uri, host="www.example.com", query=query))
    assert answer == {
        "statusCode": 301,
        "statusDescription": "Moved Permanently",
        "headers": {"location": {"value": location}, "cache-control": {"value": "public, max-age=3600"}},
    }


@pytest.mark.parametrize(
    ("raw", "query", "suffix"),
    [
        ("a=1&b=2&a=3&flag&empty=&x=%zz+%20", {"a": {"value": "1"}}, "?a=1&b=2&a=3&flag&empty=&x=%zz+%20"),
        ("q=a b", {}, "?q=a%20b"),
        ("", {}, "?"),
        (None, {}, ""),
        (None, {"a": {"value": "1"}}, "?a=1"),
        ("", {"a": {"value": "1"}}, "?a=1"),
    ],
)
def test_the_raw_query_is_kept_where_cloudfront_gives_it(
    live: Function, raw: str | None, query: Any, suffix: str
) -> None:
    event = request("/s", host="www.example.com", query=query, raw=raw, with_raw=True)
    assert live(event)["headers"]["location"]["value"] == "https://example.com/s" + suffix


def test_a_long_query_is_kept_whole(live: Function) -> None:
    query = {f"k{i}": {"value": "v" * 100} for i in range(80)}
    location = live(request("/", host="www.example.com", query=query))["headers"]["location"]["value"]
    assert location == "https://example.com/?" + "&".join(f"k{i}={'v' * 100}" for i in range(80))


@pytest.mark.parametrize(
    "host", ["www.example.com", "WWW.Example.COM", "www.example.com:443", "www.example.com."]
)
def test_a_host_is_known_in_every_spelling(live: Function, host: str) -> None:
    assert live(request("/", host=host))["statusCode"] == 301


@pytest.mark.parametrize(
    "host", ["example.com", "d111.cloudfront.net", "www.example.com.evil.example", "xwww.example.com", ""]
)
def test_other_hosts_get_the_site(live: Function, host: str) -> None:
    assert live(request("/", host=host))["uri"] == "/_releases/r1/index.html"


@pytest.mark.parametrize(
    "uri", ["/", "/index.html", "/api", "/API/v1/health", "/apis/x", "/index-B7PI925R.js"]
)
def test_the_api_host_answers_404_outside_the_api(live: Function, uri: str) -> None:
    answer = live(request(uri, host="api.example.com"))
    assert answer["statusCode"] == 404
    assert answer["headers"] == {
        "content-type": {"value": "application/json"},
        "cache-control": {"value": "no-store"},
        "x-request-id": {"value": "req-1"},
    }
    error = json.loads(answer["body"])["error"]
    assert error.pop("message").startswith("There is nothing")
    assert error == {"code": "not_found", "details": None, "request_id": "req-1"}


def test_the_api_host_lets_the_api_through(live: Function) -> None:
    event = request("/api/v1/health", host="api.example.com")
    assert live(event) == event["request"]


def test_everything_else_of_a_request_is_kept(live: Function) -> None:
    event = request("/docs", headers={"cookie": "a=b"}, query={"a": {"value": "1"}}, method="HEAD")
    assert live(event) == {**event["request"], "uri": "/_releases/r1/docs/index.html"}


@pytest.mark.parametrize(
    "event",
    [
        None,
        {},
        [],
        "text",
        {"request": None},
        {"request": {}},
        {"request": {"uri": None, "headers": {}}},
        {"request": {"uri": 7, "headers": None}},
        {"request": {"uri": "", "headers": {}}},
        {"request": {"uri": "*", "headers": {"host": {"value": "example.com"}}}},
        {"request": {"uri": "docs", "headers": {"host": {"value": 7}}}},
        {
            "request": {
                "uri": "/x",
                "headers": {"host": {"value": "www.example.com"}},
                "querystring": {"a": None},
            }
        },
        {"request": {"uri": None, "headers": {"host": {"value": "www.example.com"}}}},
        {"request": {"uri": None, "headers": {"host": {"value": "api.example.com"}}}},
    ],
)
def test_odd_input_passes_through_and_never_throws(live: Function, event: Any) -> None:
    expected = event.get("request") if isinstance(event, dict) else event if event is None else None
    assert live(event) == expected


@pytest.mark.parametrize("uri", ["/docs", "/", "/a.b/c"])
def test_it_works_without_any_host_configured(uri: str) -> None:
    for code in (edge.edge_function_code(), AS_IT_STANDS):
        function = Function(code, STORE)
        for host in ("www.example.com", "api.example.com", "d111.cloudfront.net", ""):
            assert function(request(uri, host=host))["uri"].startswith("/_releases/r1/")
        event = request(uri)
        del event["request"]["headers"]["host"]
        assert function(event)["uri"].startswith("/_releases/r1/")


def test_placeholders_stand_in_string_literals_only() -> None:
    holders = re.findall(r"\{\{\w+\}\}", AS_IT_STANDS)
    assert sorted(holders) == ["{{apex_host}}", "{{api_host}}", "{{site_mode}}", "{{www_host}}"]
    assert sorted(re.findall(r"'(\{\{\w+\}\})'", AS_IT_STANDS)) == sorted(holders)


def test_the_code_fits_and_keeps_to_the_runtime() -> None:
    code = edge.edge_function_code(
        apex_host="a" * 253, www_host="b" * 253, api_host="c" * 253, site_mode="static"
    )
    assert len(code.encode()) < edge.MAX_BYTES
    body = re.sub(r"//[^\n]*", "", AS_IT_STANDS)
    # Not in AWS's list for cloudfront-js-2.0, or without an end: loops of ES6, spread and
    # default arguments, optional chaining, classes, closures that are async, logging.
    for pattern in (
        r"\bfor\s*\(.*\bof\b",
        r"\.\.\.",
        r"\?\.",
        r"\?\?",
        r"\bclass\b",
        r"\bconsole\b",
        r"=>",
        r"\beval\b",
    ):
        assert not re.search(pattern, body), pattern
    for line in body.splitlines():
        if "await" in line:
            assert re.fullmatch(r"\s+const \w+ = await [^;]+;", line), line
        if "async" in line:
            assert re.fullmatch(r"async function \w+\(\w+\) \{", line), line
    imports = re.findall(r"^import .*$", body, re.MULTILINE)
    assert imports == ["import cf from 'cloudfront';"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"apex_host": "a';b"}, "apex_host"),
        ({"www_host": "WWW.example.com"}, "www_host"),
        ({"api_host": "api\nexample"}, "api_host"),
        ({"site_mode": "x"}, "site_mode 'x' must be 'static' or 'spa'"),
    ],
)
def test_unsafe_values_are_refused(arguments: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        edge.edge_function_code(**arguments)


def test_viewer_address_overwrites_what_the_viewer_sent() -> None:
    function = Function(edge.viewer_address_code())
    event = request("/api/v1/chat", headers={"x-viewer-address": "1.2.3.4", "x-api-key": "k"}, method="POST")
    answer = function(event)
    assert answer["headers"]["x-viewer-address"] == {"value": "198.51.100.7"}
    answer["headers"].pop("x-viewer-address")
    event["request"]["headers"].pop("x-viewer-address")
    assert answer == event["request"]
