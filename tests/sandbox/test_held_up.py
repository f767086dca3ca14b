"""A request that is held up while the fleet is made anew."""

from __future__ import annotations

import threading
import time

from tests.ec2 import Ec2


def test_it_neither_acts_in_the_new_fleet_nor_counts(ec2: Ec2) -> None:
    boto = ec2.boto("us-east-1")
    (found,) = boto.describe_instances(Filters=[{"Name": "tag:Name", "Values": ["web-1"]}])["Reservations"]
    id_ = found["Instances"][0]["InstanceId"]
    ec2.fault("StopInstances", delay=1.0)
    ended: list[BaseException] = []

    def stop() -> None:
        try:
            boto.stop_instances(InstanceIds=[id_])
        except Exception as error:
            ended.append(error)

    held_up = threading.Thread(target=stop)
    held_up.start()
    while not any(fault.get("hits") for fault in ec2.control("GET", "faults")):
        time.sleep(0.02)
    ec2.reset()
    held_up.join()
    assert [type(error).__name__ for error in ended] == ["ConnectionClosedError"]
    assert "StopInstances" not in ec2.counts()
    state = boto.describe_instances(InstanceIds=[id_])["Reservations"][0]["Instances"][0]["State"]["Name"]
    assert state == "running"
