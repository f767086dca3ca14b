"""What has no token is made once, whatever happens to the answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError

from ectwo_cli.aws.once import once
from ectwo_cli.errors import EctwoError

LOST = ConnectionClosedError(endpoint_url="http://x")


def refusal(code: str, status: int = 400) -> ClientError:
    answer: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "AllocateAddress")


class Cloud:
    """``sends`` are what becomes of each sending, ``looks`` what each look finds."""

    def __init__(self, sends: list[Any], looks: list[Any] | None = None) -> None:
        self.sends: Iterator[Any] = iter(sends)
        self.looks: Iterator[Any] = iter(looks or [])
        self.told: list[Any] = []

    def send(self) -> str:
        self.told.append("send")
        return self._next(self.sends)

    def look(self) -> str | None:
        self.told.append("look")
        return self._next(self.looks)

    def once(self) -> Any:
        return once(self.send, self.look, sleep=self.told.append, what="a thing", where_to_look="find it")

    @staticmethod
    def _next(results: Iterator[Any]) -> Any:
        result = next(results)
        if isinstance(result, Exception):
            raise result
        return result


def test_an_answer_is_enough() -> None:
    cloud = Cloud(["a"])
    made = cloud.once()
    assert (made.what, made.surely_once, cloud.told) == ("a", True, ["send"])


def test_a_lost_answer_is_looked_for_and_not_sent_again() -> None:
    cloud = Cloud([LOST], [None, "a"])
    made = cloud.once()
    assert (made.what, made.surely_once) == ("a", False)
    assert cloud.told == ["send", 0.5, "look", 1.0, "look"]


def test_it_is_sent_again_when_it_is_not_to_be_found() -> None:
    cloud = Cloud([LOST, "b"], [None] * 4)
    made = cloud.once()
    assert (made.what, made.surely_once) == ("b", False)
    assert cloud.told == ["send", 0.5, "look", 1.0, "look", 2.0, "look", 4.0, "look", "send"]


def test_it_is_given_up_at_last() -> None:
    cloud = Cloud([LOST] * 4, [None] * 16)
    with pytest.raises(ConnectionClosedError):
        cloud.once()
    assert cloud.told.count("send") == 4
    assert cloud.told.count("look") == 16


@pytest.mark.parametrize("code", ["InternalError", "Unavailable"])
def test_a_server_in_trouble_may_have_done_it(code: str) -> None:
    cloud = Cloud([refusal(code, 500)], ["a"])
    assert cloud.once().what == "a"
    assert cloud.told == ["send", 0.5, "look"]


def test_throttled_is_not_done() -> None:
    cloud = Cloud([refusal("RequestLimitExceeded", 503), "a"])
    assert cloud.once().surely_once
    assert cloud.told == ["send", 0.5, "send"]


@pytest.mark.parametrize("error", [refusal("AddressLimitExceeded"), EndpointConnectionError(endpoint_url="http://x")])
def test_what_was_not_done_is_raised_at_once(error: Exception) -> None:
    cloud = Cloud([error])
    with pytest.raises(type(error)):
        cloud.once()
    assert cloud.told == ["send"]


def test_when_looking_fails_too_it_is_not_sent_again() -> None:
    cloud = Cloud([LOST], [refusal("UnauthorizedOperation", 403)])
    with pytest.raises(EctwoError) as caught:
        cloud.once()
    assert caught.value.message.startswith("EC2's answer was lost, so it is not known whether a thing was made")
    assert caught.value.hint == "see whether it is there with 'find it' before you try again"
    assert cloud.told == ["send", 0.5, "look"]
