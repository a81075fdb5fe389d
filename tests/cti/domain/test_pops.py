"""Outside pages: which addresses a company may write, and that nothing that fills a blank gets out of it."""

from __future__ import annotations

import string
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cti.domain.pops import BLANKS, filled, problem_of, sources_of

pytestmark = pytest.mark.unit

HOSTS = {"crm.example.com", "crm.example.com:8443", "127.0.0.1:8099", "localhost"}
TEMPLATE = "https://crm.example.com/c/{customer_id}/x?n={number}&d={digits}#{menu_path}"


@pytest.mark.parametrize(
    "url",
    [
        TEMPLATE,
        "https://crm.example.com",
        "https://crm.example.com:8443/{queue}",
        "http://127.0.0.1:8099/?c={call_id}",
        "http://localhost/{language}/{extension}",
        "HTTPS://CRM.example.com/",
    ],
)
def test_what_may_be_opened(url: str) -> None:
    assert problem_of(url, HOSTS) == ""


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("https://evil.example/{number}", "evil.example isn't among the page_hosts"),
        ("https://crm.example.com.evil.example/", "isn't among"),
        ("https://crm.example.com:444/", "isn't among"),
        ("http://crm.example.com/", "only https"),
        ("ftp://crm.example.com/", "only https"),
        ("javascript://crm.example.com/%0aalert(1)", "only https"),
        ("javascript:alert(1)", "no address"),
        ("data:text/html,x", "no address"),
        ("//crm.example.com/", "only https"),
        ("https:////evil.example/", "no host"),
        ("https://crm.example.com@evil.example/", "no name or password"),
        ("https://{queue}.example.com/", "blanks stand in the path"),
        ("https://crm.example.com{queue}/", "blanks stand in the path"),
        ("{number}://crm.example.com/", "blanks stand in the path"),
        ("https://crm.example.com/{pin}", "no blank {pin}"),
        ("https://crm.example.com/{}", "no blank {}"),
        ("https://crm.example.com/{Number}", "brace"),
        ("https://crm.example.com/{number", "brace"),
        ("https://crm.example.com\\@evil.example/", "characters"),
        ("https://crm.example.com/a b", "characters"),
        ("https://crm.example.com/\n", "characters"),
        ('https://crm.example.com/"><script>', "characters"),
        ("https://crm.example.com:99999/", "no address"),
        ("https://crm.example.com/" + "a" * 2_000, "too long"),
        ("https://[::1]/", "no host"),
    ],
)
def test_what_may_not(url: str, says: str) -> None:
    assert says in problem_of(url, HOSTS)


_TRICKY = st.one_of(
    st.text(max_size=300),
    st.text(alphabet="./\\%2eE#?&=@:{}\u202e\0\r\n<>\"' ", max_size=40),
    st.sampled_from(
        ["..", ".", "../..", "%2e%2e", "\\\\evil.example", "@evil.example", "{number}"]
    ),
)


@given(st.fixed_dictionaries(dict.fromkeys(sorted(BLANKS), _TRICKY)))
def test_whatever_fills_a_blank_is_a_value(values: dict[str, str]) -> None:
    url = filled(TEMPLATE, values, HOSTS)
    if not url:
        return  # too long
    parts = urlsplit(url)
    assert (parts.scheme, parts.netloc) == ("https", "crm.example.com")
    assert set(url) <= set(string.ascii_letters + string.digits + "-._~:/?#&=%")
    steps = parts.path.split("/")
    assert [steps[1], steps[3], len(steps)] == ["c", "x", 4]
    assert unquote(steps[2]) not in {".", ".."}
    assert set(parse_qs(parts.query, keep_blank_values=True)) == {"n", "d"}


def test_a_value_arrives_as_it_was() -> None:
    values = {"number": "+8613800138000", "digits": "2 4711#", "menu_path": "账务 > 发票"}
    parts = urlsplit(filled(TEMPLATE, values, HOSTS))
    assert parse_qs(parts.query) == {"n": ["+8613800138000"], "d": ["2 4711#"]}
    assert unquote(parts.fragment) == "账务 > 发票"
    assert parts.path == "/c//x"  # nobody knows the customer


def test_a_host_that_is_allowed_no_more_is_not_opened() -> None:
    assert filled(TEMPLATE, {}, {"other.example.com"}) == ""


def test_an_endless_value_opens_nothing_endless() -> None:
    assert len(filled(TEMPLATE, dict.fromkeys(BLANKS, "x" * 10_000), HOSTS)) < 2_000
    assert filled(TEMPLATE, dict.fromkeys(BLANKS, "王" * 10_000), HOSTS) == ""


def test_the_policy_names_exactly_the_hosts() -> None:
    assert sources_of({"b.example", "127.0.0.1:8099"}) == (
        "https://127.0.0.1:8099",
        "https://b.example",
        "http://127.0.0.1:8099",
    )
    assert sources_of(()) == ()
