"""RunInstances: launched once, whatever happens to the answer; as many as there is room for."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from ectwo_cli.errors import EctwoError
from ectwo_cli.launch.run import launch

REQUEST = {"ImageId": "ami-1", "InstanceType": "t3.micro"}


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}, "ResponseMetadata": {"HTTPStatusCode": 400}}, "Run")


class Server:
    """EC2, in as much as it launches; without honouring tokens, so that a second launch would show."""

    region, profile = "us-east-1", None

    def __init__(self, *answers: BaseException | None) -> None:
        self.answers = list(answers)
        self.made: list[dict[str, Any]] = []
        self.calls: list[dict[str, Any]] = []
        self.acts_before_losing = True
        self.looks = 0
        self.visible_after = 0

    def call_once(self, operation: str, **params: Any) -> dict[str, Any]:
        assert operation == "RunInstances"
        self.calls.append(params)
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, ClientError) or (answer is not None and not self.acts_before_losing):
            raise answer
        new = [
            {
                "InstanceId": f"i-{len(self.made) + each}",
                "ClientToken": params["ClientToken"],
                "State": {"Name": "pending"},
            }
            for each in range(params["MinCount"] if params["MinCount"] == params["MaxCount"] else 2)
        ]
        self.made += new
        if answer is not None:
            raise answer
        return {"Instances": new}

    def all(self, operation: str, items: str, **params: Any) -> list[dict[str, Any]]:
        assert operation == "DescribeInstances"
        self.looks += 1
        other = {"InstanceId": "i-other", "ClientToken": "else", "State": {"Name": "running"}}
        return [other, *(self.made if self.looks > self.visible_after else [])]


def run(server: Server, count: int) -> Any:
    tokens = iter(("one", "two"))
    return launch(server, REQUEST, count, sleep=lambda _: None, token=lambda: next(tokens))  # type: ignore[arg-type]


LOST = ConnectionClosedError(endpoint_url="http://ec2")


def test_all_are_launched_in_one_call() -> None:
    server = Server()
    made = run(server, 3)
    assert [each.id for each in made.instances] == ["i-0", "i-1", "i-2"]
    assert (made.short, server.looks) == (None, 0)
    assert server.calls == [{**REQUEST, "MinCount": 3, "MaxCount": 3, "ClientToken": "one"}]


@pytest.mark.parametrize("visible_after", [0, 2])
def test_a_lost_answer_launches_once(visible_after: int) -> None:
    server = Server(LOST)
    server.visible_after = visible_after
    made = run(server, 2)
    assert [each.id for each in made.instances] == ["i-0", "i-1"]
    assert (len(server.calls), len(server.made)) == (1, 2)


def test_a_request_that_never_arrived_is_sent_again_with_the_same_token() -> None:
    server = Server(LOST)
    server.acts_before_losing = False
    made = run(server, 1)
    assert [each.id for each in made.instances] == ["i-0"]
    assert [each["ClientToken"] for each in server.calls] == ["one", "one"]


def test_when_looking_fails_too_nothing_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(LOST)
    monkeypatch.setattr(server, "all", lambda *_, **__: (_ for _ in ()).throw(refusal("UnauthorizedOperation")))
    with pytest.raises(EctwoError) as caught:
        run(server, 1)
    assert "it is not known whether what was to be launched was made" in caught.value.message
    assert "ectwo instances find -r us-east-1 --image ami-1 --newer-than 10m" in str(caught.value.hint)
    assert len(server.calls) == 1


def test_no_room_for_all_launches_some() -> None:
    server = Server(refusal("InsufficientInstanceCapacity"))
    made = run(server, 5)
    assert len(made.instances) == 2
    assert isinstance(made.short, ClientError)
    assert [(each["MinCount"], each["MaxCount"], each["ClientToken"]) for each in server.calls] == [
        (5, 5, "one"),
        (1, 5, "two"),
    ]


def test_no_room_for_one_is_an_error() -> None:
    with pytest.raises(ClientError, match="InsufficientInstanceCapacity"):
        run(Server(refusal("InsufficientInstanceCapacity")), 1)


def test_no_room_at_all_is_an_error() -> None:
    with pytest.raises(ClientError, match="VcpuLimitExceeded"):
        run(Server(refusal("VcpuLimitExceeded"), refusal("VcpuLimitExceeded")), 2)


def test_any_other_refusal_is_not_tried_with_less() -> None:
    server = Server(refusal("InvalidParameterValue"))
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        run(server, 2)
    assert len(server.calls) == 1
