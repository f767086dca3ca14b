"""EC2's wire format, from the API model that botocore ships: the query a client sends, the XML it gets back.

Both directions are derived from the model, so every operation works that the installed botocore knows.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from functools import cache
from typing import Any
from xml.sax.saxutils import escape

from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel, Shape

NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15/"

Write = Callable[[Any, list[str]], None]


def operation(name: str) -> OperationModel | None:
    """The model of an operation, or None when EC2 has none of that name."""
    model = model_of("ec2")
    return model.operation_model(name) if name in model.operation_names else None


def parameters(shape: Shape | None, query: Mapping[str, str]) -> dict[str, Any]:
    """The parameters of a query (``Filter.1.Name=…``), shaped as botocore's ``call(**parameters)``."""
    tree: dict[str, Any] = {}
    for key, value in query.items():
        at = tree
        *parents, last = key.split(".")
        for part in parents:
            below = at.setdefault(part, {})
            if not isinstance(below, dict):
                below = at[part] = {}
            at = below
        at[last] = value
    return {} if shape is None else _structure(shape, tree)


def _query_name(shape: Shape, default: str) -> str:
    serialization = shape.serialization
    if "queryName" in serialization:
        return str(serialization["queryName"])
    name = str(serialization.get("name", default))
    return name[0].upper() + name[1:]


def _structure(shape: Any, tree: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for member, below in shape.members.items():
        key = _query_name(below, member)
        if key in tree:
            found[member] = _value(below, tree[key])
    return found


def _value(shape: Any, value: Any) -> Any:
    kind = shape.type_name
    if kind == "structure":
        return _structure(shape, value if isinstance(value, dict) else {})
    if kind == "list":
        if not isinstance(value, dict):
            return []
        # The query protocol has ``Names.member.1`` where EC2 has ``Name.1``.
        value = value.get("member", value)
        return [_value(shape.member, value[key]) for key in sorted(value, key=lambda k: int(k) if k.isdigit() else 0)]
    if kind in ("integer", "long"):
        return int(value)
    if kind in ("float", "double"):
        return float(value)
    if kind == "boolean":
        return str(value).lower() == "true"
    if kind == "timestamp":
        return moment(str(value))
    if kind == "blob":
        return base64.b64decode(value)
    return value


def moment(text: str) -> datetime:
    """A time in ISO 8601 or epoch seconds, with its zone (UTC when it names none)."""
    try:
        return datetime.fromtimestamp(float(text), timezone.utc)
    except ValueError:
        when = datetime.fromisoformat(text.replace("Z", "+00:00"))
        return when if when.tzinfo else when.replace(tzinfo=timezone.utc)


def stamp(when: datetime) -> str:
    """A time as EC2 writes it."""
    return when.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 1000:03d}Z"


def answer(model: OperationModel, result: Mapping[str, Any], request_id: str) -> bytes:
    """The XML document for an EC2 operation's result."""
    out = [
        f'<?xml version="1.0" encoding="UTF-8"?>\n<{model.name}Response xmlns="{NAMESPACE}">'
        f"<requestId>{request_id}</requestId>"
    ]
    if model.output_shape is not None:
        _writer(model.output_shape, "ec2")(result, out)
    out.append(f"</{model.name}Response>")
    return "".join(out).encode()


def query_answer(model: OperationModel, result: Mapping[str, Any], request_id: str) -> bytes:
    """The XML document for the result of an operation of the query protocol (STS, IAM, Auto Scaling)."""
    namespace = model.service_model.metadata.get("xmlNamespace", "")
    out = [f'<?xml version="1.0" encoding="UTF-8"?>\n<{model.name}Response xmlns="{namespace}"><{model.name}Result>']
    if model.output_shape is not None:
        _writer(model.output_shape, model.service_model.service_name)(result, out)
    out.append(
        f"</{model.name}Result><ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>"
        f"</{model.name}Response>"
    )
    return "".join(out).encode()


def query_refusal(code: str, message: str, request_id: str) -> bytes:
    """The error document of the query protocol."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<ErrorResponse><Error><Type>Sender</Type>'
        f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
        f"</Error><RequestId>{request_id}</RequestId></ErrorResponse>"
    ).encode()


@cache
def model_of(service: str) -> ServiceModel:
    """The API of a service, by botocore's name of it."""
    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


def refusal(code: str, message: str, request_id: str) -> bytes:
    """EC2's error document, which has no namespace."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error>'
        f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
        f"</Error></Errors><RequestID>{request_id}</RequestID></Response>"
    ).encode()


_WRITERS: dict[tuple[str, str], Write] = {}


def _writer(shape: Any, service: str) -> Write:
    """A function that appends a value's XML; made once for each shape, since a fleet is thousands of values."""
    ready = _WRITERS.get((service, shape.name))
    if ready is not None:
        return ready
    kind = shape.type_name
    if kind == "structure":
        writer = _structure_writer(shape, service)
    elif kind == "list":
        writer = _list_writer(shape, service)
    else:
        writer = _SCALARS.get(kind, _text)
    _WRITERS[service, shape.name] = writer
    return writer


def _structure_writer(shape: Any, service: str) -> Write:
    members: dict[str, tuple[str, Any, bool]] = {}
    for name, below in shape.members.items():
        tag = below.serialization.get("name", name)
        members[name] = (tag, below, bool(below.serialization.get("flattened")))

    def write(value: Mapping[str, Any], out: list[str]) -> None:
        for name, item in value.items():
            if item is None or name not in members:
                continue
            tag, below, flattened = members[name]
            if flattened:
                for one in item:
                    out.append(f"<{tag}>")
                    _writer(below.member, service)(one, out)
                    out.append(f"</{tag}>")
                continue
            out.append(f"<{tag}>")
            _writer(below, service)(item, out)
            out.append(f"</{tag}>")

    return write


def _list_writer(shape: Any, service: str) -> Write:
    tag = shape.member.serialization.get("name", "item" if service == "ec2" else "member")
    member = shape.member

    def write(value: list[Any], out: list[str]) -> None:
        writer = _writer(member, service)
        for one in value:
            out.append(f"<{tag}>")
            writer(one, out)
            out.append(f"</{tag}>")

    return write


def _text(value: Any, out: list[str]) -> None:
    # A carriage return would come out of any XML parser as a line feed.
    out.append(escape(str(value), {"\r": "&#13;"}))


def _flag(value: Any, out: list[str]) -> None:
    out.append("true" if value else "false")


def _when(value: Any, out: list[str]) -> None:
    out.append(stamp(value) if isinstance(value, datetime) else str(value))


def _blob(value: Any, out: list[str]) -> None:
    out.append(base64.b64encode(value if isinstance(value, bytes) else str(value).encode()).decode())


_SCALARS: dict[str, Write] = {"boolean": _flag, "timestamp": _when, "blob": _blob}
