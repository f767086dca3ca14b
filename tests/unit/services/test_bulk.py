"""Batches, and how a refused one is split."""

from __future__ import annotations

from typing import Any

import pytest

from ectwo_cli.services.bulk import in_batches


class Refused(Exception):
    def __init__(self, code: str, message: str = "no", status: int = 400) -> None:
        super().__init__(f"An error occurred ({code}): {message}")
        self.response = {
            "Error": {"Code": code, "Message": message},
            "ResponseMetadata": {"HTTPStatusCode": status},
        }


class Ec2:
    """Refuses ``bad`` ones, naming the first where ``names``, as EC2 does."""

    def __init__(self, bad: set[str], *, names: bool = True, code: str = "IncorrectInstanceState") -> None:
        self.bad, self.names, self.code = bad, names, code
        self.calls: list[list[str]] = []

    def __call__(self, ids: list[str]) -> dict[str, Any]:
        self.calls.append(ids)
        wrong = [each for each in ids if each in self.bad]
        if wrong:
            raise Refused(self.code, f"The instance '{wrong[0]}' is not fit" if self.names else "not fit")
        return {"done": ids}


IDS = [f"i-{n:08x}" for n in range(1, 121)]


def settled(ec2: Ec2, ids: list[str] = IDS) -> tuple[list[str], list[str]]:
    done: list[str] = []
    refused: list[str] = []
    for some, answer in in_batches(ids, ec2):
        (refused if isinstance(answer, Exception) else done).extend(some)
    assert sorted(done + refused) == sorted(ids)
    return done, refused


def test_batches_of_fifty() -> None:
    ec2 = Ec2(set())
    settled(ec2)
    assert [len(ids) for ids in ec2.calls] == [50, 50, 20]


def test_a_named_member_is_left_out_and_the_rest_is_sent_again() -> None:
    ec2 = Ec2({IDS[7], IDS[60]})
    done, refused = settled(ec2)
    assert refused == [IDS[7], IDS[60]]
    assert len(done) == 118
    assert [len(ids) for ids in ec2.calls] == [50, 49, 50, 49, 20]


def test_a_member_that_is_not_named_is_found_by_halves() -> None:
    ec2 = Ec2({IDS[7]}, names=False)
    done, refused = settled(ec2, IDS[:50])
    assert refused == [IDS[7]]
    assert len(done) == 49
    # The whole, then both halves of what is refused, down to one.
    assert len(ec2.calls) == 13


def test_each_of_several_bad_ones_is_found() -> None:
    ec2 = Ec2(set(IDS[:50:7]), names=False)
    assert settled(ec2, IDS[:50])[1] == IDS[:50:7]


@pytest.mark.parametrize(
    "error",
    [
        Refused("RequestLimitExceeded"),
        Refused("InternalError", status=500),
        Refused("ExpiredToken"),
        Refused("AuthFailure"),
        RuntimeError("a defect"),
    ],
)
def test_what_is_no_members_fault_is_not_split(error: Exception) -> None:
    calls = []

    def send(ids: list[str]) -> dict[str, Any]:
        calls.append(ids)
        raise error

    assert list(in_batches(IDS[:50], send)) == [(IDS[:50], error)]
    assert len(calls) == 1


def test_nothing_to_send_is_no_call() -> None:
    ec2 = Ec2(set())
    assert list(in_batches([], ec2)) == []
    assert ec2.calls == []
