import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cti.domain.errors import LocalProtocolError, RemoteProtocolError
from cti.wire.agi import (
    MAX_COMMAND,
    MAX_ENVIRONMENT,
    MAX_REPLY,
    AgiDecoder,
    AgiEnvironment,
    AgiHangup,
    AgiItem,
    AgiReply,
    encode_command,
)

pytestmark = pytest.mark.unit

ENVIRONMENT = (
    "agi_network: yes\nagi_network_script: ivr?lang=zh\nagi_request: agi://127.0.0.1:4573/ivr\n"
    "agi_channel: PJSIP/trunk-00000001\nagi_uniqueid: 1795303765.1\nagi_callerid: unknown\n"
    "agi_calleridname: 王: 小明\n\n"
).encode()
REPLIES = (
    "200 result=1 (José (home))\n200 result=49 endpos=8000\n200 result= (timeout)\n"
    "100 result=0 Trying...\n\n"
    "510 Invalid or unknown command\r\n"
    "520-Invalid command syntax.  Proper usage follows:\nUsage: ANSWER\n520 End of proper usage.\n"
    "511 Command Not Permitted on a dead channel or intercept routine\n200 result=-1\nHANGUP\n"
).encode()
STREAM = ENVIRONMENT + REPLIES


def read(stream: bytes, size: int) -> list[AgiItem]:
    decoder = AgiDecoder()
    return [i for at in range(0, len(stream), size) for i in decoder.feed(stream[at : at + size])]


@pytest.mark.parametrize("size", [1, 2, 5, 33, len(STREAM)])
def test_the_same_items_come_of_any_cutting(size: int) -> None:
    environment, *rest = read(STREAM, size)
    assert isinstance(environment, AgiEnvironment)
    assert environment.path == "/ivr"
    assert environment.query == {"lang": "zh"}
    assert environment.get("callerid") == ""
    assert environment.get("calleridname") == "王: 小明"
    assert environment.get("nothing") == ""
    assert rest == [
        AgiReply(200, "1", "José (home)", text="result=1 (José (home))"),
        AgiReply(200, "49", "", 8000, "result=49 endpos=8000"),
        AgiReply(200, "", "timeout", text="result= (timeout)"),
        AgiReply(510, text="Invalid or unknown command"),
        AgiReply(520, text="Invalid command syntax.  Proper usage follows:\nUsage: ANSWER"),
        AgiReply(511, text="Command Not Permitted on a dead channel or intercept routine"),
        AgiReply(200, "-1", text="result=-1"),
        AgiHangup(),
    ]


def test_a_tail_waits_for_its_end() -> None:
    decoder = AgiDecoder()
    assert len(decoder.feed(ENVIRONMENT + b"200 res")) == 1
    assert decoder.feed(b"ult=0\n") == [AgiReply(200, "0", text="result=0")]


@pytest.mark.parametrize(
    "stream",
    [
        b"\n",
        b"GET / HTTP/1.1\r\n",
        b"agi_a: 1\nagi_no_colon\n\n",
        b"agi_a: 1\nother: 2\n\n",
        b"agi_a: 1\n" * (MAX_ENVIRONMENT // 9 + 1),
        b"agi_a: " + b"x" * MAX_ENVIRONMENT,
        ENVIRONMENT + b"<html>\n",
        ENVIRONMENT + b"200 " + b"x" * MAX_REPLY,
        ENVIRONMENT + b"200 " + b"x" * MAX_REPLY + b"\n",
        ENVIRONMENT + b"520-Usage\n" + b"x" * 99 * 1 + (b"x" * 99 + b"\n") * (MAX_REPLY // 99 + 1),
    ],
)
@pytest.mark.parametrize("size", [1, 1000, 100_000])
def test_what_is_no_agi_or_too_much_is_refused(stream: bytes, size: int) -> None:
    with pytest.raises(RemoteProtocolError):
        read(stream, size)


@settings(max_examples=60)
@given(st.binary(max_size=400), st.integers(1, 40))
def test_any_bytes_give_the_same_at_any_cutting(data: bytes, size: int) -> None:
    def outcome(step: int) -> list[AgiItem] | str:
        try:
            return read(ENVIRONMENT + data, step)
        except RemoteProtocolError:
            return "refused"

    assert outcome(size) == outcome(10_000)


@settings(max_examples=60)
@given(st.text(max_size=80))
def test_an_argument_stays_one_argument_of_one_line(argument: str) -> None:
    try:
        data = encode_command("SET VARIABLE", "RD_LANG", argument)
    except LocalProtocolError:
        assert set(argument) & set("\r\n\0")
        return
    assert data.count(b"\n") == 1
    text = data.decode().removeprefix('SET VARIABLE "RD_LANG" "').removesuffix('"\n')
    unescaped = text.replace("\\\\", "\0").replace('\\"', '"').replace("\0", "\\")
    assert unescaped == argument


@pytest.mark.parametrize("bad", ["a\rb", "a\nb", "a\0b", "\ud800", "x" * MAX_COMMAND])
def test_hostile_arguments_are_refused(bad: str) -> None:
    with pytest.raises(LocalProtocolError):
        encode_command("STREAM FILE", bad, "")


@pytest.mark.parametrize("bad", ["", "answer", "ANSWER\n", 'EXEC "x"', "A B C D E F"])
def test_a_command_is_ours(bad: str) -> None:
    with pytest.raises(LocalProtocolError):
        encode_command(bad)
