import pytest

from tests.bench.capture import Packet, analyse

pytestmark = pytest.mark.unit

SIP = 5060


def _invite(call: str, at: float) -> Packet:
    return Packet(at=at, source=5555, target=SIP, payload=f"INVITE sip:x SIP/2.0\r\nCall-ID: {call}\r\n\r\n".encode())


def _ok(call: str, at: float, *, media: int, method: str = "INVITE") -> Packet:
    text = f"SIP/2.0 200 OK\r\nCall-ID: {call}\r\nCSeq: 1 {method}\r\n\r\nv=0\r\nm=audio {media} RTP/AVP 0\r\n"
    return Packet(at=at, source=SIP, target=5555, payload=text.encode())


def _rtp(port: int, at: float) -> Packet:
    return Packet(at=at, source=port, target=6000, payload=b"\x80\x00" + bytes(170))


def test_times_run_from_the_first_invite_to_the_first_answer_and_the_first_audio() -> None:
    packets = [
        _invite("a", 1.0), _invite("a", 1.5), _ok("a", 1.6, media=12000), _ok("a", 2.1, media=12000),
        _rtp(12000, 1.7), _rtp(12000, 1.72),
    ]  # fmt: skip
    found = analyse(packets, sip_port=SIP)
    assert found.answer == pytest.approx((600.0,))
    assert found.audio == pytest.approx((700.0,))


def test_a_port_used_again_belongs_to_the_later_call() -> None:
    packets = [
        _invite("a", 1.0), _ok("a", 1.01, media=12000), _rtp(12000, 1.02), _rtp(12000, 1.04),
        _invite("b", 5.0), _rtp(12000, 5.001), _ok("b", 5.01, media=12000), _rtp(12000, 5.03),
    ]  # fmt: skip
    assert analyse(packets, sip_port=SIP).audio == pytest.approx((20.0, 30.0))


def test_other_answers_and_other_packets_are_not_counted() -> None:
    packets = [
        _invite("a", 1.0), _ok("a", 1.2, media=12000, method="INFO"), _rtp(14000, 1.3),
        Packet(at=1.4, source=12000, target=6000, payload=b"\x00"),
    ]  # fmt: skip
    found = analyse(packets, sip_port=SIP)
    assert (found.answer, found.audio) == ((), ())
