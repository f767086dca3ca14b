"""Every kind of error: the text, the hint and the exit code, against an endpoint that answers what it is told to."""

from __future__ import annotations

import io
import os
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from ectwo_cli.main import main
from ectwo_cli.render.screen import Screen

REGIONS = ("eu-west-1", "us-east-1", "us-west-2")
HEAD = 'xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"'
NO_INSTANCES = f"<DescribeInstancesResponse {HEAD}><reservationSet/></DescribeInstancesResponse>"


class Endpoint:
    """An EC2 that knows its regions, and answers everything else by ``respond(action, region)``: status and body."""

    def __init__(self, *, tls: Path | None = None) -> None:
        self.respond: Callable[[str, str], tuple[int, str]] = lambda action, region: (200, NO_INSTANCES)
        self.calls: list[tuple[str, str]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                action, region = body["Action"][0], self.headers["Authorization"].split("/")[2]
                outer.calls.append((action, region))
                status, text = regions() if action == "DescribeRegions" else outer.respond(action, region)
                self.send_response(status)
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"http{'s' * bool(tls)}://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def regions() -> tuple[int, str]:
    known = dict.fromkeys(REGIONS, "opt-in-not-required") | {"af-south-1": "not-opted-in"}
    items = "".join(
        f"<item><regionName>{name}</regionName><optInStatus>{status}</optInStatus></item>"
        for name, status in known.items()
    )
    return 200, f"<DescribeRegionsResponse {HEAD}><regionInfo>{items}</regionInfo></DescribeRegionsResponse>"


def refusal(code: str, message: str, status: int = 400) -> tuple[int, str]:
    return status, (
        f"<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>"
        "<RequestID>0</RequestID></Response>"
    )


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    made = Endpoint()
    yield made
    made.server.shutdown()
    made.server.server_close()


class Run:
    """``ectwo`` with an environment of its own."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.environ = {"HOME": str(home), "AWS_EC2_METADATA_DISABLED": "true", "AWS_REGION": "us-east-1"}
        self.monkeypatch = monkeypatch

    def __call__(self, *argv: str, stdin: str = "") -> tuple[int, str, str]:
        import os

        for name in list(os.environ):
            if name.startswith(("AWS_", "ECTWO_", "XDG_")) or name.lower().endswith("_proxy"):
                self.monkeypatch.delenv(name)
        for name, value in self.environ.items():
            self.monkeypatch.setenv(name, value)
        out, err = io.StringIO(), io.StringIO()
        code = main(argv, Screen(io.StringIO(stdin), out, err, dict(os.environ)))
        return code, out.getvalue(), err.getvalue()


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    return Run(tmp_path, monkeypatch)


@pytest.fixture
def ectwo(run: Run, endpoint: Endpoint) -> Run:
    """The same with credentials, against the endpoint, without waiting between retries."""
    run.environ |= {
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_ENDPOINT_URL_EC2": endpoint.url,
    }
    run.monkeypatch.setattr("time.sleep", lambda seconds: None)
    return run


# What AWS says. One row for each kind: the answer of every region, and what becomes of it.

ROWS = [
    (
        refusal("AuthFailure", "AWS was not able to validate the provided access credentials", 401),
        4,
        "error: 3 regions: AWS was not able to validate the provided access credentials (AuthFailure)\n"
        "hint: the key is not valid there, or the region is not enabled: enable the region in the account's settings, "
        "or leave it out with --exclude-region\n",
    ),
    (
        refusal("RequestExpired", "Request has expired."),
        4,
        "error: 3 regions: the credentials have expired, or this machine's clock is wrong (RequestExpired)\n"
        "hint: check the clock of this machine, and get new credentials (for SSO: 'aws sso login')\n",
    ),
    (
        refusal("ExpiredToken", "The security token included in the request is expired"),
        4,
        "error: 3 regions: the credentials have expired (ExpiredToken)\n"
        "hint: check the clock of this machine, and get new credentials (for SSO: 'aws sso login')\n",
    ),
    (
        refusal("UnauthorizedOperation", "You are not authorized to perform this operation.", 403),
        1,
        "error: 3 regions: You are not authorized to perform this operation. (UnauthorizedOperation)\n"
        "hint: ask who administers the account for the permission\n",
    ),
    (
        refusal("RequestLimitExceeded", "Request limit exceeded.", 503),
        1,
        "error: 3 regions: throttled, and every retry was too (RequestLimitExceeded)\n"
        "hint: EC2 limits requests for each account and region; try again in a minute, or narrow with --region\n",
    ),
    (
        refusal("InvalidFilter", "The filter &apos;x&apos; is invalid"),
        2,
        "error: 3 regions: The filter 'x' is invalid (InvalidFilter)\n"
        "hint: see EC2's list of filters for this resource\n",
    ),
    (
        refusal("SomethingNew", "What nobody has seen"),
        1,
        "error: 3 regions: What nobody has seen (SomethingNew)\n",
    ),
    (
        (200, "<html>not EC2</html"),
        1,
        "error: 3 regions: the endpoint's answer is not EC2's\nhint: check --endpoint-url and AWS_ENDPOINT_URL_EC2\n",
    ),
]


@pytest.mark.parametrize(("answer", "code", "text"), ROWS, ids=[text.partition("\n")[0] for _, _, text in ROWS])
def test_what_aws_says(ectwo: Run, endpoint: Endpoint, answer: tuple[int, str], code: int, text: str) -> None:
    assert ectwo("regions", "find", "-o", "ids")[0] == 0  # so that the list of regions is cached
    endpoint.respond = lambda action, region: answer
    assert ectwo("instances", "find") == (code, "", text)


def test_one_region_that_refuses_never_spoils_the_rest(ectwo: Run, endpoint: Endpoint) -> None:
    item = "<reservationSet><item><instancesSet><item><instanceId>i-00000001</instanceId></item></instancesSet></item>"
    good = (200, f"<DescribeInstancesResponse {HEAD}>{item}</reservationSet></DescribeInstancesResponse>")
    bad = refusal("UnauthorizedOperation", "You are not authorized to perform this operation.", 403)
    endpoint.respond = lambda action, region: bad if region == "us-west-2" else good
    assert ectwo("instances", "find", "-o", "ids") == (
        6,
        "eu-west-1/i-00000001\nus-east-1/i-00000001\n",
        "error: us-west-2: You are not authorized to perform this operation. (UnauthorizedOperation)\n"
        "hint: ask who administers the account for the permission\n",
    )


def test_an_encoded_failure_is_decoded_when_the_caller_may(ectwo: Run, endpoint: Endpoint) -> None:
    ectwo.environ["AWS_ENDPOINT_URL_STS"] = endpoint.url
    denied = refusal(
        "UnauthorizedOperation", "You are not authorized. Encoded authorization failure message: abCD_-1", 403
    )
    decoded = '{"explicitDeny": true, "context": {"action": "ec2:DescribeInstances", "resource": "*"}}'.replace(
        '"', "&quot;"
    )
    sts = (
        '<DecodeAuthorizationMessageResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><DecodeAuthorizationMessageResult>'
        f"<DecodedMessage>{decoded}</DecodedMessage></DecodeAuthorizationMessageResult></DecodeAuthorizationMessageResponse>"
    )
    endpoint.respond = lambda action, region: (200, sts) if action == "DecodeAuthorizationMessage" else denied
    code, _, text = ectwo("instances", "find", "-r", "us-east-1")
    assert (code, text.splitlines()[0]) == (
        1,
        "error: us-east-1: You are not authorized. (an explicit deny for ec2:DescribeInstances on *)"
        " (UnauthorizedOperation)",
    )
    endpoint.respond = lambda action, region: denied
    assert ectwo("instances", "find", "-r", "us-east-1")[2].splitlines()[0] == (
        "error: us-east-1: You are not authorized. (UnauthorizedOperation)"
    )


# Credentials and connections


def test_no_credentials(run: Run) -> None:
    assert run("instances", "find") == (
        4,
        "",
        "error: Unable to locate credentials\n"
        "hint: run 'aws configure', or 'aws sso login', or set AWS_PROFILE; 'ectwo --sandbox' needs none\n",
    )


def test_an_sso_login_that_is_needed(run: Run, tmp_path: Path) -> None:
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text(
        "[profile dev]\nsso_session = x\nsso_account_id = 123456789012\nsso_role_name = r\n"
        "[sso-session x]\nsso_start_url = https://x.example\nsso_region = us-east-1\n"
    )
    code, _, text = run("instances", "find", "-p", "dev")
    assert (code, text.splitlines()[-1]) == (4, "hint: run 'aws sso login --profile dev'")
    assert text.startswith("error: the SSO login is missing or has expired")


def test_an_unknown_profile(run: Run, tmp_path: Path) -> None:
    assert run("instances", "find", "-p", "nope") == (
        2,
        "",
        "error: unknown profile 'nope'\nhint: no profiles are configured; run 'aws configure'\n",
    )
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text("[profile prod]\nregion = us-east-1\n")
    assert run("instances", "find", "-p", "prd") == (
        2,
        "",
        "error: unknown profile 'prd'\nhint: did you mean prod?\n",
    )


def test_an_endpoint_that_is_down(ectwo: Run, endpoint: Endpoint) -> None:
    assert ectwo("regions", "find", "-o", "ids")[0] == 0
    endpoint.server.shutdown()
    endpoint.server.server_close()
    code, out, text = ectwo("instances", "find")
    assert (code, out) == (1, "")
    assert text == (
        f'error: 3 regions: Could not connect to the endpoint URL: "{endpoint.url}/"\n'
        "hint: check the network, the region's name and --endpoint-url\n"
    )


def test_a_certificate_that_nobody_vouches_for(ectwo: Run, tmp_path: Path) -> None:
    pem = tmp_path / "both.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1", "-days", "1"),
            *("-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "cert.pem")),
        ],
        check=True,
        capture_output=True,
    )
    pem.write_text((tmp_path / "key.pem").read_text() + (tmp_path / "cert.pem").read_text())
    tls = Endpoint(tls=pem)
    try:
        ectwo.environ["AWS_ENDPOINT_URL_EC2"] = tls.url
        code, _, text = ectwo("instances", "find", "-r", "us-east-1")
        assert code == 1
        assert text.startswith(f"error: SSL validation failed for {tls.url}/")
        assert text.splitlines()[-1] == "hint: set AWS_CA_BUNDLE to the certificates of your proxy or endpoint"
    finally:
        tls.server.shutdown()
        tls.server.server_close()


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy"])
def test_a_proxy_is_gone_through(ectwo: Run, endpoint: Endpoint, variable: str) -> None:
    # Nobody else could answer for that host.
    ectwo.environ |= {"AWS_ENDPOINT_URL_EC2": "http://ec2.example.invalid", variable: endpoint.url, "NO_PROXY": "x.org"}

    code, _, text = ectwo("instances", "find")

    assert (code, text) == (0, "")
    assert {region for action, region in endpoint.calls if action == "DescribeInstances"} == {*REGIONS}


def test_no_proxy_is_gone_through_for_a_host_that_is_exempt(ectwo: Run, endpoint: Endpoint) -> None:
    ectwo.environ |= {"HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1"}

    assert ectwo("instances", "find")[0] == 0
    assert endpoint.calls


# What is wrong before anything is sent

USAGE = [
    (("instances", "find", "-r", "us-esat-1"), "no region matches 'us-esat-1'", "did you mean us-east-1?"),
    (("instances", "find", "-r", "xx-*"), "no region matches 'xx-*'", "known: eu-west-1, us-east-1, us-west-2"),
    (
        ("instances", "find", "-r", "af-south-1"),
        "region af-south-1 is not enabled for this account",
        "enable it in the account's settings; 'ectwo regions find --all-states' lists all",
    ),
    (("instances", "find", "-r", "/[/"), "bad regex /[/: unterminated character set at position 0", None),
    (
        ("instances", "find", "-r", "us-*", "--exclude-region", "us-*"),
        "no region is left in scope",
        "see 'ectwo regions find'",
    ),
    (
        ("instances", "show", "i-12"),
        "malformed instance ID 'i-12'",
        "an ID is i- and 8 or 17 of the digits 0-9 a-f",
    ),
    (
        ("instances", "show", "us-east-1/i-xyz"),
        "malformed instance ID 'i-xyz'",
        "an ID is i- and 8 or 17 of the digits 0-9 a-f",
    ),
    (("instances", "show", "us-esat-1/web"), "no region matches 'us-esat-1'", "did you mean us-east-1?"),
    (("instances", "show", "us-east-1/"), "an empty instance name", None),
    (("instances", "find", "--where", "stat = x"), "instance has no property 'stat'", "did you mean state?"),
    (("instances", "find", "--columns", "id,nmae"), "instance has no property 'nmae'", "did you mean name?"),
    (("instances", "find", "--sort", "nmae"), "instance has no property 'nmae'", "did you mean name?"),
    (("instances", "show", "web", "nmae"), "instance has no property 'nmae'", "did you mean name?"),
    (("instances", "find", "--state", "/(/"), "bad regex /(/: missing ), unterminated subpattern at position 0", None),
    (("instances", "find", "--older-than", "x"), "bad age 'x'", "write 90s, 20m, 2h or 7d"),
    (
        ("instances", "find", "--filter", "x"),
        "bad --filter 'x'",
        "write NAME=VALUE[,VALUE], NAME one of EC2's filters",
    ),
    (("instances", "find", "--json", "-o", "csv"), "--json and -o csv exclude each other", None),
    (
        ("instances", "find", "--endpoint-url", "localhost"),
        "bad --endpoint-url 'localhost'",
        "it begins with http:// or https://",
    ),
    (("instances", "find", "--stat", "x"), "no such option: --stat", "did you mean --state?"),
    (("instances", "fin"), "no such command 'fin'", "did you mean find?"),
    (("instance", "find"), "no such command 'instance'", "did you mean instances?"),
    (
        ("instances", "find", "--limit", "x"),
        "invalid value for '--limit': 'x' is not a valid int range",
        "see 'ectwo instances find --help'",
    ),
]


@pytest.mark.parametrize(
    ("argv", "message", "hint"), USAGE, ids=lambda each: " ".join(each) if isinstance(each, tuple) else ""
)
def test_usage(ectwo: Run, endpoint: Endpoint, argv: tuple[str, ...], message: str, hint: str | None) -> None:
    expected = f"error: {message}\n" + (f"hint: {hint}\n" if hint else "")
    assert ectwo(*argv) == (2, "", expected)
    # The list of regions alone may have been asked for.
    assert {action for action, _ in endpoint.calls} <= {"DescribeRegions"}


def test_a_bad_jmespath(ectwo: Run, endpoint: Endpoint) -> None:
    code, out, text = ectwo("instances", "find", "--json", "--query", "[?")
    assert (code, out, endpoint.calls) == (2, "", [])
    assert text.startswith("error: bad JMESPath")


def test_nothing_found(ectwo: Run) -> None:
    assert ectwo("instances", "show", "web") == (3, "", "error: no instance web\n")
    assert ectwo("instances", "find", "--json", "--fail-empty") == (3, "[]\n", "error: no instance matched\n")
    assert ectwo("instances", "find", "--json", "--one") == (3, "[]\n", "error: no instance matched\n")
    assert ectwo("instances", "find", "--json") == (0, "[]\n", "")


def test_a_defect_has_no_traceback_but_with_debug(ectwo: Run) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("x")

    ectwo.monkeypatch.setattr("ectwo_cli.services.search.find", broken)
    ectwo.monkeypatch.setattr("ectwo_cli.services.search.everywhere", broken)
    code, _, text = ectwo("instances", "find")
    assert (code, text) == (
        1,
        "error: ZeroDivisionError: x\nhint: this is a defect of ectwo; --debug shows where it happened\n",
    )
    assert "Traceback (most recent call last)" in ectwo("instances", "find", "--debug")[2]


@pytest.mark.parametrize("argv", [(), ("instances",)])
def test_help_where_nothing_is_said(ectwo: Run, capsys: pytest.CaptureFixture[str], argv: tuple[str, ...]) -> None:
    code, out, text = ectwo(*argv)
    assert ectwo(*argv, "--help")[0] == 0
    assert (code, out, text) == (2, "", capsys.readouterr().out)


# A stdout that can't be written

SAID = [["--version"], ["--help"], ["instances", "find", "--help"]]


def run_into(stdout: int, *arguments: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "ectwo_cli", *arguments]
    done = subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=60)
    return done.returncode, done.stderr


@pytest.mark.parametrize("arguments", SAID, ids=" ".join)
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no disk that is always full")
def test_a_full_disk_is_told_in_one_line(arguments: list[str]) -> None:
    with open("/dev/full", "w") as full:
        assert run_into(full.fileno(), *arguments) == (1, "error: the result can't be written: the disk is full\n")


@pytest.mark.parametrize("arguments", SAID, ids=" ".join)
def test_nobody_reads(arguments: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        assert run_into(writing, *arguments) == (141, "")
    finally:
        os.close(writing)
