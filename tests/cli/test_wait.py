"""What ``instances wait`` says of an instance that did not get there."""

from __future__ import annotations

import json

from tests.conftest import Ectwo


def test_only_what_is_there_is_reached(ectwo_here: Ectwo) -> None:
    stopped = ectwo_here("instances", "find", "--state", "stopped", "--one", "-o", "ids").out.strip()
    there = ectwo_here("instances", "wait", stopped, "--until", "stopped", "--json")
    assert (there.code, [each["action"] for each in json.loads(there.out)]) == (0, ["reached"])
    late = ectwo_here("instances", "wait", stopped, "--until", "running", "--timeout", "1", "--json")
    assert (late.code, [each["action"] for each in json.loads(late.out)]) == (8, [None])
