"""How many calls a command takes, and which of them are on their way at once."""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from tests.benchmarks.answers import REGIONS, answer
from tests.conftest import Ectwo
from tests.ec2 import Ec2, clean_environment

Call = tuple[str, str, str]
"""Operation, region and token of a request."""


@contextmanager
def serving(fleet: int, before: Callable[[Call], None]) -> Iterator[str]:
    """A canned EC2 of 17 regions that calls ``before`` each answer; gives its URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            params = parse_qs(body.decode())
            region = self.headers["Authorization"].partition("Credential=")[2].split("/")[2]
            before((params["Action"][0], region, params.get("NextToken", [""])[0]))
            text = answer(body, region, fleet)
            self.send_response(200)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def run(home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Run ectwo in this process against a URL, its output into ``stdout``."""

    def run(url: str, *arguments: str, stdout: Any = None) -> int:
        from ectwo_cli.main import main

        with monkeypatch.context() as patch:
            environment = clean_environment(
                home, AWS_ENDPOINT_URL=url, AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="b", AWS_REGION="us-east-1"
            )
            for name, value in environment.items():
                patch.setenv(name, value)
            patch.setattr(sys, "stdin", io.StringIO())
            patch.setattr(sys, "stdout", stdout or io.StringIO())
            return main(list(arguments))

    return run


def test_a_search_is_a_call_a_region(ec2: Ec2, ectwo_here: Ectwo) -> None:
    assert ectwo_here("instances", "find", "--state", "running").code == 0
    regions = ec2.counts()["DescribeInstances"]
    assert ec2.counts() == {"DescribeRegions": 1, "DescribeInstances": regions}
    assert regions == len({call["region"] for call in ec2.calls("DescribeInstances")})

    # From now on the list of regions is known.
    ec2.forget_calls()
    assert ectwo_here("instances", "find", "--state", "running").code == 0
    assert ec2.counts() == {"DescribeInstances": regions}


@pytest.mark.parametrize("verb", [["show"], ["status"]])
def test_an_id_with_its_region_is_looked_up_there_alone(ec2: Ec2, ectwo_here: Ectwo, verb: list[str]) -> None:
    target = ectwo_here("instances", "find", "--state", "running", "--one", "-o", "ids").out.strip()
    ec2.forget_calls()

    assert ectwo_here("instances", *verb, target).code == 0

    expected = {"DescribeInstances": 1} if verb == ["show"] else {"DescribeInstances": 1, "DescribeInstanceStatus": 1}
    assert ec2.counts() == expected


def test_the_first_of_one_region_by_id_is_one_call(ec2: Ec2, ectwo_here: Ectwo) -> None:
    target = ectwo_here("instances", "find", "--state", "running", "--one", "-o", "ids").out.strip()
    region, _, own = target.partition("/")
    ec2.forget_calls()

    assert ectwo_here("instances", "find", "--one", "-r", region, "--where", f"id = {own}").code == 0

    assert ec2.counts() == {"DescribeInstances": 1}


def test_a_name_in_all_regions_takes_one_round_trip(run: Callable[..., int]) -> None:
    together = threading.Barrier(len(REGIONS), timeout=20)
    calls: list[Call] = []

    def before(call: Call) -> None:
        calls.append(call)
        if call[0] == "DescribeInstances":
            # No region is answered before all of them have been asked.
            together.wait()

    with serving(3, before) as url:
        code = run(url, "instances", "show", "web-eu-west-1-1", "id")

    assert code == 0
    assert sorted(region for operation, region, _ in calls if operation == "DescribeInstances") == sorted(REGIONS)


@pytest.mark.parametrize("format", ["jsonl", "csv"])
def test_a_page_is_out_before_the_next_is_asked_for(run: Callable[..., int], format: str) -> None:
    events: list[str] = []

    class Out(io.StringIO):
        def write(self, text: str) -> int:
            if "i-" in text:
                events.append("shown")
            return super().write(text)

    def before(call: Call) -> None:
        if call[0] == "DescribeInstances":
            events.append(f"asked for {call[2] or 0}")

    out = Out()
    with serving(2500, before) as url:
        assert run(url, "instances", "find", "-r", "us-east-1", "-o", format, stdout=out) == 0

    # Afterwards one page is asked for ahead.
    once = list(dict.fromkeys(events))
    assert once == ["asked for 0", "shown", "asked for 1000", "asked for 2000"]
    assert events[-1] == "shown"
    assert len(out.getvalue().splitlines()) == 2500 + (format == "csv")
