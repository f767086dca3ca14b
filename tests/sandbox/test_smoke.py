"""The server stands in for EC2: the fixtures work."""

from __future__ import annotations

from tests.conftest import Ectwo
from tests.ec2 import Ec2, names


def test_boto3_sees_the_fleet(ec2: Ec2) -> None:
    assert names(ec2.boto("ap-northeast-1").describe_instances()) == ["edge-1", "edge-2", "edge-3", "leaving"]


def test_ectwo_sees_it(ectwo_here: Ectwo) -> None:
    run = ectwo_here("instances", "find", "-r", "ap-northeast-1", "-o", "tsv", "--columns", "name,state", "--no-header")
    assert (run.code, run.out, run.err) == (0, "edge-1\trunning\nedge-2\trunning\n", "")


def test_ectwo_as_a_process_sees_it(ectwo: Ectwo) -> None:
    run = ectwo("instances", "find", "-r", "ap-northeast-1", "-o", "tsv", "--columns", "name", "--no-header")
    assert (run.code, run.out, run.err) == (0, "edge-1\nedge-2\n", "")
