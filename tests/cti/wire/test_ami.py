import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cti.domain.errors import LocalProtocolError, RemoteProtocolError
from cti.wire.ami import MAX_LINE, MAX_MESSAGE, AmiDecoder, Message, encode_action

pytestmark = pytest.mark.unit

GREETING = b"Asterisk Call Manager/11.0.0\r\n"
NEWCHANNEL = (
    "Event: Newchannel\r\nPrivilege: call,all\r\nTimestamp: 1795303765.673160\r\n"
    "Channel: PJSIP/trunk-00000001\r\nCallerIDName: José 王小明: vip\r\n"
    "ChanVariable: RD_CALL=pbx1-1795303765.1-77\r\nChanVariable: RD_QUEUE=\r\n"
    "AccountCode: \r\nBare:\r\n\r\n"
).encode()
RESPONSE = b"Response: Success\r\nActionID: 7\r\nOutput: one\r\nOutput: two\r\n\r\n"
TEST_EVENT = b"Event: TestEvent\r\nType: StateChange\r\n\r\n\r\n"  # one CRLF too many
STREAM = GREETING + NEWCHANNEL + RESPONSE + TEST_EVENT + NEWCHANNEL


def seen(messages: list[Message]) -> list[tuple[str, dict[str, list[str]]]]:
    return [(m.event, {n: m.get_all(n) for n in m.headers}) for m in messages]


def read(stream: bytes, size: int, decoder: AmiDecoder | None = None) -> list[Message]:
    decoder = decoder or AmiDecoder()
    return [m for at in range(0, len(stream), size) for m in decoder.feed(stream[at : at + size])]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, len(STREAM)])
def test_the_same_messages_come_of_any_cutting(size: int) -> None:
    messages = read(STREAM, size)
    assert [m.event for m in messages] == ["Newchannel", "", "TestEvent", "Newchannel"]
    first = messages[0]
    assert first.get("CallerIDName") == "José 王小明: vip"
    assert first.variables() == {"RD_CALL": "pbx1-1795303765.1-77", "RD_QUEUE": ""}
    assert first.get("AccountCode") == ""
    assert "Bare" not in first
    assert "Nothing" not in first
    assert first.get("Nothing", "-") == "-"
    assert first.get_all("Nothing") == []
    assert (first.response, first.success) == ("", False)
    response = messages[1]
    assert (response.response, response.success, response.action_id) == ("Success", True, "7")
    assert response.get_all("Output") == ["one", "two"]
    assert seen(messages) == seen(read(STREAM, len(STREAM)))


def test_a_tail_waits_for_its_end() -> None:
    decoder = AmiDecoder()
    assert len(decoder.feed(STREAM + b"Event: Hang")) == 4
    assert decoder.version == "11.0.0"
    (last,) = decoder.feed(b"up\r\n\r\n")
    assert last.event == "Hangup"


def test_events_not_wanted_are_dropped_by_name_and_responses_kept() -> None:
    decoder = AmiDecoder(wanted={"TestEvent", "NoSuch"})
    assert [m.event for m in read(STREAM, 11, decoder)] == ["", "TestEvent"]
    assert decoder.dropped == 2


def test_bytes_that_are_no_utf_8_are_replaced_and_nothing_else() -> None:
    (message,) = AmiDecoder().feed(GREETING + b"Event: X\r\nName: \xff\xe7\x8e\x8b\r\n\r\n")
    assert message.get("Name") == "\ufffd王"


def test_an_event_of_one_line_and_a_line_that_is_no_header() -> None:
    messages = AmiDecoder().feed(GREETING + b"Event: X\r\n\r\nnonsense\r\nA: 1\r\n\r\n")
    assert [m.event for m in messages] == ["X", ""]
    assert dict(messages[1].headers) == {"A": "1"}


def test_a_message_shows_no_values_in_a_log() -> None:
    assert repr(read(STREAM, 99)[0]) == f"<Message Newchannel {len(NEWCHANNEL) - 4} bytes>"
    assert "Success" in repr(read(STREAM, 99)[1])


@pytest.mark.parametrize(
    "stream",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"Asterisk Call",  # cut off, then another thing
        b"Asterisk Call Manager" + b"/" * 300,
        b"Asterisk\r\n",
    ],
)
@pytest.mark.parametrize("size", [1, 500])
def test_a_peer_that_is_no_ami_is_refused(stream: bytes, size: int) -> None:
    decoder = AmiDecoder()
    with pytest.raises(RemoteProtocolError):
        read(stream + b"x" * 300 + b"\r\n", size, decoder)


@pytest.mark.parametrize("size", [1000, 65536, 200_000])
def test_an_unfinished_message_is_bounded(size: int) -> None:
    decoder = AmiDecoder()
    decoder.feed(GREETING)
    with pytest.raises(RemoteProtocolError):
        read(b"Event: X\r\nFlood: " + b"x" * MAX_MESSAGE, size, decoder)
    decoder = AmiDecoder()
    decoder.feed(GREETING)
    with pytest.raises(RemoteProtocolError):
        read(b"Event: X\r\nFlood: " + b"x" * MAX_MESSAGE + b"\r\n\r\n", size, decoder)


@settings(max_examples=60)
@given(st.lists(st.binary(max_size=80), max_size=30), st.integers(1, 40))
def test_any_bytes_give_the_same_at_any_cutting(parts: list[bytes], size: int) -> None:
    stream = GREETING + b"\r\n".join(parts) + b"\r\n\r\n\r\n"
    whole = read(stream, len(stream))
    assert seen(read(stream, size)) == seen(whole)


@settings(max_examples=40)
@given(st.dictionaries(st.from_regex(r"[A-Z][a-z]{1,8}", fullmatch=True), st.text(max_size=60)))
def test_what_is_encoded_is_one_message_and_reads_back(headers: dict[str, str]) -> None:
    try:
        data = encode_action("Setvar", headers)
    except LocalProtocolError:
        assert any(set(v) & set("\r\n\0") or not v.isprintable() for v in headers.values())
        return
    messages = AmiDecoder().feed(GREETING + data)
    assert len(messages) == 1
    assert {n: messages[0].get_all(n)[-1] for n in headers} == headers


def test_an_action_with_variables() -> None:
    data = encode_action("Originate", {"Async": "true"}, {"RD_A": "1", "TIMEOUT(absolute)": "王"})
    assert (
        data
        == (
            "Action: Originate\r\nAsync: true\r\nVariable: RD_A=1\r\n"
            "Variable: TIMEOUT(absolute)=王\r\n\r\n"
        ).encode()
    )
    assert encode_action("Ping") == b"Action: Ping\r\n\r\n"


@pytest.mark.parametrize("bad", ["a\rb", "a\nb", "a\0b", "\r\n\r\nAction: Command", "\ud800"])
def test_hostile_values_are_refused(bad: str) -> None:
    with pytest.raises(LocalProtocolError):
        encode_action("Setvar", {"Value": bad})
    with pytest.raises(LocalProtocolError):
        encode_action("Setvar", {bad: "x"})
    with pytest.raises(LocalProtocolError):
        encode_action(bad)
    with pytest.raises(LocalProtocolError):
        encode_action("Originate", variables={"A": bad})
    with pytest.raises(LocalProtocolError):
        encode_action("Originate", variables={bad: "x"})


def test_a_comma_would_begin_another_variable() -> None:
    with pytest.raises(LocalProtocolError):
        encode_action("Originate", variables={"A": "1,B=2"})


def test_what_asterisk_would_not_read_is_refused() -> None:
    room = MAX_LINE - len("Value: \r\n")
    assert len(encode_action("Setvar", {"Value": "x" * room})) > MAX_LINE
    with pytest.raises(LocalProtocolError):
        encode_action("Setvar", {"Value": "x" * (room + 1)})
    with pytest.raises(LocalProtocolError):
        encode_action("Setvar", {f"H{n}": "" for n in range(120)})


def test_many_messages_at_once_may_be_more_than_one_may_be() -> None:
    assert len(AmiDecoder().feed(GREETING + NEWCHANNEL * 500)) == 500
