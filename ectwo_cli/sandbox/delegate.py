"""moto, for what it does well: VPCs, subnets, security groups, launch templates, prefix lists and the long tail.

A request goes to moto as it came, and comes back shaped as botocore would give it, so that filters and pages can be
added to any of moto's answers in one place.
"""

from __future__ import annotations

import os
import tempfile
import threading
import urllib.parse
from functools import cache
from pathlib import Path
from typing import Any

from ectwo_cli.sandbox.refusals import Refusal
from ectwo_cli.sandbox.world import Region

_LOCK = threading.Lock()


def load() -> None:
    """Import moto, without its list of a thousand images (own ones take their place); a second at worst."""
    with _LOCK:
        if "MOTO_AMIS_PATH" not in os.environ:
            path = Path(tempfile.mkdtemp(prefix="ectwo-sandbox-")) / "images.json"
            path.write_text("[]")
            os.environ["MOTO_AMIS_PATH"] = str(path)
            try:
                import moto.ec2.models
                import moto.ec2.responses  # noqa: F401
            finally:
                path.unlink()
                path.parent.rmdir()


def reset() -> None:
    """Empty moto."""
    from moto.ec2.models import ec2_backends

    # Its own reset would make each backend's VPC anew at once, with IDs of any kind.
    ec2_backends.clear()


def backend(here: Region) -> Any:
    """moto's EC2 of a region. Its VPC and subnets have the same IDs in every sandbox, whoever asks first."""
    from moto.ec2.models import ec2_backends
    from moto.moto_api._internal import mock_random

    account = ec2_backends[here.account]
    if here.name not in account.keys():  # noqa: SIM118 - looking it up makes it
        mock_random.seed(f"{here.account}/{here.name}")
    return account[here.name]


def knows(operation: str) -> bool:
    """Whether moto has the operation."""
    from moto.core.utils import camelcase_to_underscores
    from moto.ec2.responses import EC2Response

    return hasattr(EC2Response, camelcase_to_underscores(operation))


def call(here: Region, operation: str, query: dict[str, str]) -> dict[str, Any]:
    """moto's answer to an EC2 query, in botocore's shape. Raises Refusal with moto's code and message."""
    from botocore.parsers import create_parser
    from moto.core.request import Request
    from moto.ec2.responses import EC2Response

    backend(here)
    url = f"https://ec2.{here.name}.amazonaws.com/"
    request = Request.from_primitives(
        "POST",
        url,
        {
            "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
            "Host": f"ec2.{here.name}.amazonaws.com",
            "Authorization": f"AWS4-HMAC-SHA256 Credential=AKIASANDBOXSANDBOX00/20260101/{here.name}/ec2/aws4_request",
            "x-moto-account-id": here.account,
        },
        urllib.parse.urlencode({"Action": operation, "Version": "2016-11-15", **query}).encode(),
    )
    try:
        status, _, body = EC2Response.dispatch(request, url, request.headers)
    except NotImplementedError as problem:
        raise Refusal("InvalidAction", f"The sandbox does not have {operation} in full: {problem}", 400) from problem
    parser = create_parser("ec2")
    answer: dict[str, Any] = parser.parse(
        {"body": body.encode() if isinstance(body, str) else body, "headers": {}, "status_code": int(status)},
        _output(operation),
    )
    if int(status) >= 300:
        said = answer.get("Error", {})
        raise Refusal(said.get("Code", "InternalError"), said.get("Message", ""), int(status))
    answer.pop("ResponseMetadata", None)
    return answer


@cache
def _output(operation: str) -> Any:
    from ectwo_cli.sandbox import wire

    model = wire.operation(operation)
    return None if model is None else model.output_shape


def instance_types() -> dict[str, Any]:
    """The details of all instance types, as DescribeInstanceTypes gives them."""
    from moto.ec2.models.instance_types import INSTANCE_TYPES

    types: dict[str, Any] = INSTANCE_TYPES
    return types


def offerings(region: str) -> list[dict[str, str]]:
    """Which types a region offers in which zones: dicts of InstanceType and Location (the zone)."""
    from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS

    rows: list[dict[str, str]] = INSTANCE_TYPE_OFFERINGS["availability-zone"].get(region, [])
    return rows
