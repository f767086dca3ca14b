"""The sandbox's server: an EC2 on loopback, with a seeded fleet, for trying things and for tests.

    python -m ectwo_cli.sandbox.server --port 5577 --seed-size small

It listens on 127.0.0.1 and nowhere else. Any access key is taken; one that ends in twelve digits
(``SANDBOX-210987654321``) is of that account, every other is of account 123456789012.

Beside the AWS services there is a control channel (JSON in, JSON out), which the tests of faults are made with:

====================================  ==================================================================================
``GET /_ectwo/health``                who this is: ``boot``, ``pid``, ``seed_size``, ``started_at``, ``version``
``GET /_ectwo/calls?since=N``         ``{"calls": [{n, at, service, operation, region, account, parameters, code}],
                                      "counts": {operation: how often}, "next": N}``; ``code`` is null, an error's
                                      code, or ``(lost)`` and ``(cut)``; ``DELETE`` forgets them
``POST /_ectwo/faults``               one rule, or a list: see ``faults.py``; ``GET`` lists them with their hits,
                                      ``DELETE`` removes all
``POST /_ectwo/settings``             change some of ``settings.Settings``; ``{"speed": 0}`` makes everything instant,
                                      ``{"speed": 10}`` ten times as fast as by default; ``GET`` shows them
``POST /_ectwo/clock``                ``{"advance": 60}``: a minute passes
``POST /_ectwo/world``                ``{"region": "us-east-1", …}`` with any of ``opted_in`` (bool), ``recycle_bin``
                                      (bool: a rule keeps what is deleted), ``instance`` (an ID) with ``impaired``
                                      (``instance``, ``system``, ``ebs``), ``event`` (an InstanceStatusEvent),
                                      ``state`` (put it there), ``interrupt`` (true: spot capacity is gone);
                                      ``snapshot`` (an ID) with ``fail`` (a message) or ``complete`` (true);
                                      ``image`` (an ID) with ``fail`` (a message)
``POST /_ectwo/reset``                the fleet as it was at first (``{"seed_size": "large"}``: as that size has it), no
                                      faults, no calls, settings as started
``POST /_ectwo/stop``                 end the server
====================================  ==================================================================================

Example: the third CopyImage into us-west-2 is throttled, twice; the next RunInstances is done but its answer is lost.

    curl -d '{"operation": "CopyImage", "region": "us-west-2", "skip": 2, "times": 2,
              "error": {"code": "RequestLimitExceeded", "message": "Request limit exceeded.", "status": 503}}' \\
         http://127.0.0.1:5577/_ectwo/faults
    curl -d '{"operation": "RunInstances", "lose": true}' http://127.0.0.1:5577/_ectwo/faults
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import re
import signal
import socket
import sys
import threading
import time
import traceback
import urllib.parse
import uuid
from collections.abc import Mapping
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import ectwo_cli
from ectwo_cli.records import dataclass
from ectwo_cli.sandbox import delegate, geography, others, wire
from ectwo_cli.sandbox.asking import Ask, dry_run
from ectwo_cli.sandbox.ec2 import disks, handler, images, spot, states
from ectwo_cli.sandbox.faults import Faults, Strike
from ectwo_cli.sandbox.refusals import Refusal
from ectwo_cli.sandbox.seed import SIZES, plant
from ectwo_cli.sandbox.settings import Settings
from ectwo_cli.sandbox.world import ACCOUNT, World

HOST = "127.0.0.1"
"""The one address that the sandbox is ever bound to."""

PORT_TAKEN = 98
"""The exit code that says: that port is taken."""

_SCOPE = re.compile(r"Credential=(?P<key>[^/]+)/(?P<date>[^/]+)/(?P<region>[^/]+)/(?P<service>[^/,]+)/aws4_request")
_READS = ("Describe", "Get", "List", "Search")


@dataclass(frozen=True)
class Request:
    """One AWS request, read: what for, from whom, and with what."""

    service: str
    operation: str
    region: str
    account: str
    parameters: dict[str, Any]
    query: dict[str, str]


@dataclass(frozen=True)
class Reply:
    """What goes back over the wire. ``lost`` closes the connection instead."""

    status: int = 200
    body: bytes = b""
    kind: str = "text/xml;charset=UTF-8"
    lost: bool = False
    truncated: bool = False
    code: str | None = None


class Sandbox:
    """The world, its faults, and who may look at them: one request at a time."""

    def __init__(self, settings: Settings, seed_size: str, boot: str) -> None:
        self.lock = threading.RLock()
        self.started_settings = settings
        self.seed_size = seed_size
        self.boot = boot
        self.started_at = time.time()
        self.faults = Faults()
        self.calls = 0
        self.world = World(settings)
        self.stop = threading.Event()

    def fill(self, seed_size: str | None = None) -> None:
        """Make the fleet anew."""
        with self.lock:
            self.seed_size = seed_size or self.seed_size
            self.faults = Faults()
            self.calls = 0
            delegate.reset()
            self.world = World(self.started_settings)
            plant(self.world, self.seed_size)

    # AWS

    def answer(self, request: Request) -> Reply:
        """The reply to an AWS request, with whatever faults are in force."""
        with self.lock:
            world = self.world
            strike = self.faults.strike(
                request.service, request.operation, request.region, request.account, request.query.values()
            )
        if strike.delay:
            time.sleep(strike.delay)
        # What was held up while the world was made anew is of the old one: it neither acts in the new one nor counts.
        if self.world is not world:
            return Reply(lost=True, code="(cut)")
        reply = self._act(request, strike)
        with self.lock:
            if self.world is not world:
                return reply
            self.calls += 1
            self.faults.log(
                {
                    "n": self.calls,
                    "at": self.world.now(),
                    "service": request.service,
                    "operation": request.operation,
                    "region": request.region,
                    "account": request.account,
                    "parameters": request.parameters,
                    "code": reply.code,
                }
            )
        if strike.after:
            time.sleep(strike.after)
        return reply

    def _act(self, request: Request, strike: Strike) -> Reply:
        if strike.cut:
            return Reply(lost=True, code="(cut)")
        if strike.raw is not None:
            status = int(strike.raw.get("status", 503))
            return Reply(status, str(strike.raw.get("body", "")).encode(), "text/html", code=f"({status})")
        request_id = str(uuid.uuid4())
        try:
            _stop_at(request, strike)
            with self.lock:
                self.world.settle()
                body = self._do(request, strike, request_id)
        except Refusal as refusal:
            return _refused(request, refusal, request_id)
        except Exception:
            traceback.print_exc()
            wrong = Refusal("InternalError", "An internal error has occurred in the sandbox; its log says more.", 500)
            return _refused(request, wrong, request_id)
        if strike.lose:
            return Reply(lost=True, code="(lost)")
        return Reply(200, body, _kind(request.service), truncated=strike.truncate)

    def _do(self, request: Request, strike: Strike, request_id: str) -> bytes:
        if request.region not in geography.REGIONS:
            raise Refusal("InvalidRegion", f"The region '{request.region}' does not exist.")
        if self.world.status(request.region) == geography.OPTED_OUT:
            raise _not_validated()
        here = self.world.region(request.region, request.account)
        if request.service != "ec2":
            found = others.SERVICES.get(request.service, {}).get(request.operation)
            if found is None:
                raise Refusal("InvalidAction", f"The sandbox has no {request.service} {request.operation}.", 400)
            result = found(here, request.parameters)
            if request.service in others.QUERY:
                service = wire.model_of(others.MODELS.get(request.service, request.service))
                return wire.query_answer(service.operation_model(request.operation), result, request_id)
            return json.dumps(result).encode()
        model = wire.operation(request.operation)
        act = handler(request.operation) if model is not None else None
        if model is None or act is None:
            raise Refusal("InvalidAction", f"The action {request.operation} is not valid for this web service.")
        if request.parameters.get("DryRun") and request.operation.startswith(_READS):
            raise dry_run()
        ask = Ask(here, request.operation, request.parameters, request.query, strike.outcome)
        return wire.answer(model, act(ask), request_id)

    # The control channel

    def control(self, method: str, path: str, query: Mapping[str, str], body: Any) -> Any:
        """What the control channel answers. Raises LookupError for an unknown path and ValueError for a bad request."""
        with self.lock:
            name = f"{method} {path.removeprefix('/_ectwo/')}"
            if name == "GET health":
                return {
                    "boot": self.boot,
                    "pid": os.getpid(),
                    "seed_size": self.seed_size,
                    "started_at": self.started_at,
                    "version": ectwo_cli.__version__,
                }
            if name == "GET calls":
                since = int(query.get("since", 0))
                calls = [call for call in self.faults.calls if call["n"] > since]
                return {"calls": calls, "counts": self.faults.counts(calls), "next": self.calls}
            if name == "DELETE calls":
                self.faults.calls.clear()
                return {}
            if name == "POST faults":
                rules = body if isinstance(body, list) else [body]
                return [asdict(self.faults.add(rule)) for rule in rules]
            if name == "GET faults":
                return self.faults.listed()
            if name == "DELETE faults":
                self.faults.clear()
                return {}
            if name == "GET settings":
                return asdict(self.world.settings)
            if name == "POST settings":
                values = dict(body)
                if "speed" in values:
                    self.world.settings = Settings().scaled(float(values.pop("speed")))
                self.world.settings = self.world.settings.changed(values)
                return asdict(self.world.settings)
            if name == "POST clock":
                self.world.skipped += float(body["advance"])
                self.world.settle()
                return {"now": self.world.now()}
            if name == "POST world":
                return self._change(dict(body))
            if name == "POST reset":
                size = (body or {}).get("seed_size")
                if size is not None and size not in SIZES:
                    raise ValueError(f"unknown seed size {size}; known: {', '.join(SIZES)}")
                self.fill(size)
                return {"seed_size": self.seed_size}
            if name == "POST stop":
                self.stop.set()
                return {}
        raise LookupError(name)

    def _change(self, body: dict[str, Any]) -> dict[str, Any]:
        """Let something happen in the world that no API call brings about."""
        name = str(body.pop("region"))
        if name not in geography.REGIONS:
            raise ValueError(f"unknown region {name}")
        account = str(body.pop("account", ACCOUNT))
        if "opted_in" in body:
            self._opt(name, bool(body.pop("opted_in")))
        if not body:
            return {}
        here = self.world.region(name, account)
        self.world.settle()
        if "recycle_bin" in body:
            here.recycle_bin = bool(body.pop("recycle_bin"))
        if "instance" in body:
            thing = here.instances[str(body.pop("instance"))]
            if "impaired" in body:
                thing.extra[f"impaired_{body.pop('impaired')}"] = here.now()
            if "event" in body:
                thing.extra["events"] = [*thing.extra["events"], dict(body.pop("event"))]
            if "state" in body:
                states.put(here, thing, str(body.pop("state")))
            if body.pop("interrupt", False):
                spot.interrupt(here, thing)
        if "snapshot" in body:
            thing = here.snapshots[str(body.pop("snapshot"))]
            if "fail" in body:
                disks.fail_snapshot(here, thing, str(body.pop("fail")))
            if body.pop("complete", False):
                disks.complete_snapshot(here, thing)
        if "image" in body:
            images.fail(here.images[str(body.pop("image"))], str(body.pop("fail")))
        if body:
            raise ValueError(f"unknown {', '.join(sorted(body))}")
        return {}

    def _opt(self, name: str, wanted: bool) -> None:
        """Opt in or out of a region that has to be asked for."""
        if geography.REGIONS[name] == geography.ENABLED:
            raise ValueError(f"{name} is always enabled")
        (self.world.opted_in.add if wanted else self.world.opted_in.discard)(name)


def _not_validated() -> Refusal:
    return Refusal("AuthFailure", "AWS was not able to validate the provided access credentials", 401)


def _stop_at(request: Request, strike: Strike) -> None:
    """Raises the Refusal that a fault wants."""
    if strike.error is not None:
        raise Refusal(
            str(strike.error.get("code", "InternalError")),
            str(strike.error.get("message", "")),
            int(strike.error.get("status", 400)),
        )
    if strike.deny:
        action = f"{request.service}:{request.operation}"
        resource = f"arn:aws:ec2:{request.region}:{request.account}:*"
        encoded = others.encode_denial(action, resource)
        raise Refusal(
            "UnauthorizedOperation" if request.service == "ec2" else "AccessDeniedException",
            f"You are not authorized to perform this operation. User: arn:aws:iam::{request.account}:user/sandbox is "
            f"not authorized to perform: {action} on resource: {resource} with an explicit deny in an identity-based "
            "policy. "
            f"Encoded authorization failure message: {encoded}",
            403,
        )


def _kind(service: str) -> str:
    if service == "ec2" or service in others.QUERY:
        return "text/xml;charset=UTF-8"
    return "application/x-amz-json-1.1"


def _refused(request: Request, refusal: Refusal, request_id: str) -> Reply:
    if request.service == "ec2":
        body = wire.refusal(refusal.code, refusal.message, request_id)
    elif request.service in others.QUERY:
        body = wire.query_refusal(refusal.code, refusal.message, request_id)
    else:
        body = json.dumps({"__type": refusal.code, "message": refusal.message}).encode()
    return Reply(refusal.status, body, _kind(request.service), code=refusal.code)


def read(headers: Mapping[str, str], body: bytes, url_query: str) -> Request:
    """The AWS request of an HTTP request. Raises Refusal for one that is not signed, or not readable."""
    scope = _SCOPE.search(headers.get("Authorization") or "")
    if scope is None:
        raise _not_validated()
    service, region = scope["service"], scope["region"]
    account = scope["key"][-12:] if re.search(r"\d{12}$", scope["key"]) else ACCOUNT
    target = headers.get("X-Amz-Target")
    if target:
        asked = json.loads(body or b"{}")
        query = {name: json.dumps(value) for name, value in asked.items()}
        return Request(service, target.rpartition(".")[2], region, account, asked, query)
    text = body.decode() or url_query
    pairs = dict(urllib.parse.parse_qsl(text, keep_blank_values=True))
    name = pairs.pop("Action", "")
    pairs.pop("Version", None)
    if service == "ec2":
        model = wire.operation(name)
    elif service in others.QUERY:
        known = wire.model_of(others.MODELS.get(service, service))
        model = known.operation_model(name) if name in known.operation_names else None
    else:
        model = None
    parameters = wire.parameters(model.input_shape, pairs) if model is not None else {}
    return Request(service, name, region, account, parameters, pairs)


class Handler(BaseHTTPRequestHandler):
    """HTTP: AWS requests, and the control channel."""

    protocol_version = "HTTP/1.1"
    server_version = "ectwo-sandbox"
    # One write an answer: with Nagle's algorithm two of them cost 40 ms.
    wbufsize = -1
    disable_nagle_algorithm = True
    sandbox: Sandbox

    def do_POST(self) -> None:
        """Nearly everything."""
        self._serve("POST")

    def do_GET(self) -> None:
        """Parts of the control channel."""
        self._serve("GET")

    def do_DELETE(self) -> None:
        """Parts of the control channel."""
        self._serve("DELETE")

    def _serve(self, method: str) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path, _, query = self.path.partition("?")
        # A page in a browser must not reach this server, neither by itself nor through a name that it made point here.
        host = re.sub(r":\d+$", "", self.headers.get("Host") or HOST)
        if self.headers.get("Origin") or host not in (HOST, "localhost", "[::1]"):
            self._send(Reply(403, b"The sandbox answers command-line programs on this machine only.\n", "text/plain"))
        elif path.startswith("/_ectwo/"):
            self._send(self._control(method, path, query, body))
        else:
            self._send(self._aws(body, query))

    def _aws(self, body: bytes, query: str) -> Reply:
        try:
            request = read(self.headers, body, query)  # type: ignore[arg-type]
        except Refusal as refusal:
            return Reply(refusal.status, wire.refusal(refusal.code, refusal.message, str(uuid.uuid4())))
        except ValueError as problem:
            return Reply(400, wire.refusal("MalformedQueryString", str(problem), str(uuid.uuid4())))
        return self.sandbox.answer(request)

    def _control(self, method: str, path: str, query: str, body: bytes) -> Reply:
        kind = "application/json"
        try:
            asked = json.loads(body) if body else None
            found = self.sandbox.control(method, path, dict(urllib.parse.parse_qsl(query)), asked)
        except LookupError as problem:
            return Reply(404, json.dumps({"error": f"there is no {problem}"}).encode() + b"\n", kind)
        except (ValueError, TypeError) as problem:
            return Reply(400, json.dumps({"error": str(problem)}).encode() + b"\n", kind)
        return Reply(200, json.dumps(found, default=str).encode() + b"\n", kind)

    def _send(self, reply: Reply) -> None:
        if reply.lost:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.send_response_only(reply.status)
        self.send_header("Content-Type", reply.kind)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if reply.truncated:
            self.close_connection = True
            self.wfile.write(reply.body[: len(reply.body) // 2])
        else:
            self.wfile.write(reply.body)
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the log of calls is in memory."""


class Server(ThreadingHTTPServer):
    """Many connections at once: ectwo asks all regions together."""

    daemon_threads = True
    request_queue_size = 256
    # Where a server was stopped a moment ago, another may start.
    allow_reuse_address = os.name == "posix"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away in the middle is no error of ours."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            traceback.print_exc()


def serve(sandbox: Sandbox, server: Server, ready: Path | None) -> None:
    """Answer until told to stop. ``ready`` is written once everything is there, and removed at the end."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    thread.start()
    note = {
        "boot": sandbox.boot,
        "pid": os.getpid(),
        "port": server.server_address[1],
        "seed_size": sandbox.seed_size,
        "started_at": sandbox.started_at,
        "version": ectwo_cli.__version__,
    }
    if ready is not None:
        part = ready.with_name(f"{ready.name}.{os.getpid()}")
        part.write_text(json.dumps(note))
        part.replace(ready)
    sandbox.stop.wait()
    if ready is not None and _is_ours(ready, sandbox.boot):
        ready.unlink(missing_ok=True)
    server.shutdown()
    server.server_close()


def _await_eof(sandbox: Sandbox) -> None:
    # Not through sys.stdin: whoever waits in it holds a lock that the end of the process needs.
    while os.read(0, 1024):
        pass
    sandbox.stop.set()


def _is_ours(ready: Path, boot: str) -> bool:
    try:
        return bool(json.loads(ready.read_text())["boot"] == boot)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def main(argv: list[str] | None = None) -> int:
    """The server process. Returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m ectwo_cli.sandbox.server", description="The sandbox of ectwo: a local EC2 on loopback."
    )
    parser.add_argument("--port", type=int, default=0, help="0 takes any free one")
    parser.add_argument("--seed-size", choices=SIZES, default="medium")
    parser.add_argument("--speed", type=float, default=1.0, help="how many times as fast; 0 is instantly")
    parser.add_argument("--ready", type=Path, help="the file to write when everything is there")
    parser.add_argument("--until-eof", action="store_true", help="end when standard input ends, as whoever started it")
    parser.add_argument("--boot", default=None, help="how this process is to be recognized")
    asked = parser.parse_args(argv)
    sandbox = Sandbox(Settings().scaled(asked.speed), asked.seed_size, asked.boot or uuid.uuid4().hex)
    try:
        server = Server((HOST, asked.port), type("BoundHandler", (Handler,), {"sandbox": sandbox}))
    except OSError as problem:
        if problem.errno == errno.EADDRINUSE:
            sys.stderr.write(f"port {asked.port} is taken\n")
            return PORT_TAKEN
        raise
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: sandbox.stop.set())
    if asked.until_eof:
        threading.Thread(target=_await_eof, args=(sandbox,), daemon=True).start()
    delegate.load()
    sandbox.fill()
    serve(sandbox, server, asked.ready)
    return 0


if __name__ == "__main__":
    sys.exit(main())
