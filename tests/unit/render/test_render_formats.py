"""Every format, to the letter."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import timedelta

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from render_fakes import NOW, Batch, Seen, Server, make_screen, server

from ectwo_cli.errors import UsageError
from ectwo_cli.query import Query
from ectwo_cli.render.data import json_objects, pretty
from ectwo_cli.render.show import show, show_json, show_one, show_records, show_values
from ectwo_cli.render.text import CONTROLS
from ectwo_cli.render.view import FORMATS, Field, view

BEFORE = NOW - timedelta(milliseconds=86_400_500)
FLEET = [
    server(2, region="us-west-2", name="b,c\n\"d\" 'e' \t\\", state="stopped", public_ip=None),
    server(
        1, launched_at=NOW - timedelta(milliseconds=86_400_500), groups=[], rules=[], tags={}, size=None, price=100.0
    ),
]


def shown(items: list[Server], format: str, screen: Seen | None = None, **asked: object) -> str:
    screen = screen or make_screen()
    wanted = view(Server, format=format, **asked)
    assert show(screen, wanted, [Batch([item]) for item in items], Query(Server)) == len(items)
    return screen.out


def test_json() -> None:
    assert shown(FLEET, "json") == (
        "[\n"
        "  {\n"
        '    "region": "us-east-1",\n'
        '    "name": "web-1",\n'
        '    "id": "i-00000000000000001",\n'
        '    "state": "running",\n'
        '    "type": "t3.micro",\n'
        '    "public_ip": "54.0.0.1",\n'
        '    "launched_at": "2026-11-21T15:04:04.500Z",\n'
        '    "size": null,\n'
        '    "price": 100.0,\n'
        '    "public": false,\n'
        '    "groups": [],\n'
        '    "rules": [],\n'
        '    "tags": {}\n'
        "  },\n"
        "  {\n"
        '    "region": "us-west-2",\n'
        '    "name": "b,c\\n\\"d\\" \'e\' \\t\\\\",\n'
        '    "id": "i-00000000000000002",\n'
        '    "state": "stopped",\n'
        '    "type": "t3.micro",\n'
        '    "public_ip": null,\n'
        '    "launched_at": "2026-11-19T13:04:05Z",\n'
        '    "size": 8,\n'
        '    "price": 0.0116,\n'
        '    "public": false,\n'
        '    "groups": [\n'
        '      "web",\n'
        '      "ssh"\n'
        "    ],\n"
        '    "rules": [\n'
        "      {\n"
        '        "protocol": "tcp",\n'
        '        "from_port": 22,\n'
        '        "source": "10.0.0.0/8"\n'
        "      }\n"
        "    ],\n"
        '    "tags": {\n'
        '      "Name": "web-2",\n'
        '      "env": "dev"\n'
        "    }\n"
        "  }\n"
        "]\n"
    )


def test_jsonl_is_one_object_a_line() -> None:
    assert shown(FLEET[1:], "jsonl") == (
        '{"region":"us-east-1","name":"web-1","id":"i-00000000000000001","state":"running","type":"t3.micro",'
        '"public_ip":"54.0.0.1","launched_at":"2026-11-21T15:04:04.500Z","size":null,"price":100.0,"public":false,'
        '"groups":[],"rules":[],"tags":{}}\n'
    )


def test_yaml() -> None:
    assert shown(FLEET, "yaml", columns=["id,name,public_ip,launched_at,groups,tags,public"]) == (
        "- id: i-00000000000000001\n"
        "  name: web-1\n"
        "  public_ip: 54.0.0.1\n"
        "  launched_at: '2026-11-21T15:04:04.500Z'\n"
        "  groups: []\n"
        "  tags: {}\n"
        "  public: false\n"
        "- id: i-00000000000000002\n"
        '  name: "b,c\\n\\"d\\" \'e\' \\t\\\\"\n'
        "  public_ip: null\n"
        "  launched_at: '2026-11-19T13:04:05Z'\n"
        "  groups:\n"
        "  - web\n"
        "  - ssh\n"
        "  tags:\n"
        "    Name: web-2\n"
        "    env: dev\n"
        "  public: false\n"
    )


def test_csv() -> None:
    assert shown(FLEET, "csv", columns=["region,name,public_ip,groups,tags,rules.from_port,public,price"]) == (
        "region,name,public_ip,groups,tags,rules.from_port,public,price\n"
        "us-east-1,web-1,54.0.0.1,,{},,false,100\n"
        'us-west-2,"b,c\n""d"" \'e\' \t\\",,"web,ssh","{""Name"":""web-2"",""env"":""dev""}",'
        "22,false,0.0116\n"
    )


@pytest.mark.parametrize("format", ["tsv", "table"])
def test_tsv_and_a_table_into_a_pipe(format: str) -> None:
    assert shown(FLEET, format) == (
        "region\tname\tid\tstate\ttype\tpublic_ip\tlaunched_at\n"
        "us-east-1\tweb-1\ti-00000000000000001\trunning\tt3.micro\t54.0.0.1\t2026-11-21T15:04:04.500Z\n"
        "us-west-2\tb,c\\n\"d\" 'e' \\t\\\\\ti-00000000000000002\tstopped\tt3.micro\t\t2026-11-19T13:04:05Z\n"
    )


def test_wide_into_a_pipe_has_every_property() -> None:
    assert shown(FLEET[1:], "wide") == (
        "region\tname\tid\tstate\ttype\tpublic_ip\tlaunched_at\tsize\tprice\tpublic\tgroups\trules\ttags\n"
        "us-east-1\tweb-1\ti-00000000000000001\trunning\tt3.micro\t54.0.0.1\t2026-11-21T15:04:04.500Z\t\t100\tfalse\t\t\t{}\n"
    )


def test_ids_are_targets() -> None:
    assert shown(FLEET, "ids") == "us-east-1/i-00000000000000001\nus-west-2/i-00000000000000002\n"
    assert shown([server(region="")], "ids") == "i-00000000000000001\n"


def test_columns_are_flat_keys_in_the_order_asked_for() -> None:
    assert shown(FLEET, "json", columns=["tags.env", "id", "rules.from_port"]) == (
        "[\n"
        '  {\n    "tags.env": null,\n    "id": "i-00000000000000001",\n    "rules.from_port": []\n  },\n'
        '  {\n    "tags.env": "dev",\n    "id": "i-00000000000000002",\n    "rules.from_port": [\n      22\n    ]\n'
        "  }\n"
        "]\n"
    )


def test_several_profiles_are_told_apart() -> None:
    assert shown([server(profile="dev")], "tsv", profiles=True, columns=None).splitlines()[1].split("\t")[0] == "dev"
    assert json.loads(shown([server(profile="dev")], "json", profiles=True))[0]["profile"] == "dev"


@pytest.mark.parametrize("format", ["csv", "tsv", "table", "wide"])
def test_without_a_header(format: str) -> None:
    separator = "," if format == "csv" else "\t"
    assert shown(FLEET[1:], format, header=False, columns=["id,state"]) == f"i-00000000000000001{separator}running\n"


@pytest.mark.parametrize(
    ("format", "out"),
    [
        ("json", "[]\n"),
        ("jsonl", ""),
        ("yaml", "[]\n"),
        ("csv", "region,name,id,state,type,public_ip,launched_at\n"),
        ("tsv", "region\tname\tid\tstate\ttype\tpublic_ip\tlaunched_at\n"),
        ("table", "region\tname\tid\tstate\ttype\tpublic_ip\tlaunched_at\n"),
        ("ids", ""),
    ],
)
def test_nothing_found_into_a_pipe(format: str, out: str) -> None:
    screen = make_screen()
    assert shown([], format, screen) == out
    assert screen.err == ""


def test_nothing_found_on_a_terminal() -> None:
    screen = make_screen(out=True, err=True)
    assert shown([], "table", screen) == ""
    assert screen.err == "no servers found\n"


@pytest.mark.parametrize(
    ("format", "query", "out"),
    [
        ("json", "[?state=='stopped'].{env: tags.env}", '[\n  {\n    "env": "dev"\n  }\n]\n'),
        ("json", "length(@)", "2\n"),
        ("json", "[0].launched_at", '"2026-11-21T15:04:04.500Z"\n'),
        ("json", "[9]", "null\n"),
        ("yaml", "[].id", "- i-00000000000000001\n- i-00000000000000002\n"),
        ("yaml", "length(@)", "2\n"),
        ("yaml", "[0].state", "running\n"),
    ],
)
def test_a_query_on_the_list(format: str, query: str, out: str) -> None:
    assert shown(FLEET, format, query=query) == out


def test_a_query_that_fails_on_the_data_is_a_usage_error() -> None:
    with pytest.raises(UsageError) as caught:
        shown(FLEET, "json", query="[].sum(@)")
    assert caught.value.message.startswith("--query '[].sum(@)': ")


# One resource


def one(format: str, screen: Seen | None = None, **asked: object) -> str:
    screen = screen or make_screen()
    show_one(screen, view(Server, format=format, **asked), server(), {"zones": ["a", "b"]})
    return screen.out


def test_one_resource_as_an_object() -> None:
    assert one("json", columns=["id", "groups"]) == (
        '{\n  "id": "i-00000000000000001",\n  "groups": [\n    "web",\n    "ssh"\n  ],\n'
        '  "zones": [\n    "a",\n    "b"\n  ]\n}\n'
    )
    assert one("jsonl", columns=["id"]) == '{"id":"i-00000000000000001","zones":["a","b"]}\n'
    assert one("yaml", columns=["id"]) == "id: i-00000000000000001\nzones:\n- a\n- b\n"
    assert one("json", query="tags.env") == '"dev"\n'


def test_one_resource_has_all_properties_in_every_format() -> None:
    keys = [*view_names(), "zones"]
    assert list(json.loads(one("json"))) == keys
    assert one("csv").splitlines()[0].split(",") == keys
    assert one("tsv").splitlines()[0].split("\t") == keys
    assert [line.split("\t")[0] for line in one("table").splitlines()] == keys


MORE = ["size", "price", "public", "groups", "rules", "tags"]


def view_names() -> list[str]:
    return [
        "region",
        "name",
        "id",
        "state",
        "type",
        "public_ip",
        "launched_at",
        "size",
        "price",
        "public",
        "groups",
        "rules",
        "tags",
    ]


def test_one_resource_into_a_pipe_is_names_and_values() -> None:
    assert one("table", columns=["id,launched_at,groups,tags"]) == (
        "id\ti-00000000000000001\n"
        "launched_at\t2026-11-19T14:04:05Z\n"
        "groups\tweb,ssh\n"
        'tags\t{"Name":"web-1","env":"dev"}\n'
        "zones\ta,b\n"
    )
    assert one("ids") == "us-east-1/i-00000000000000001\n"


def test_bare_values() -> None:
    screen = make_screen()
    show_values(
        screen, server(name="a\x1bb"), ["name", "groups", "tags", "tags.env", "tags.none", "launched_at", "size"]
    )
    assert screen.out == "a\x1bb\nweb\nssh\nName=web-1\nenv=dev\ndev\n\n2026-11-19T14:04:05Z\n8\n"
    terminal = make_screen(out=True)
    show_values(terminal, server(name="a\x1bb"), ["name"])
    assert terminal.out == "a\\x1bb\n"


def test_raw_json_keeps_what_ec2_said() -> None:
    screen = make_screen()
    show_json(screen, {"InstanceId": "i-1", "LaunchTime": NOW, "Tags": [{"Key": "ü"}], "Code": 16, "Blob": b"ab"})
    assert screen.out == (
        '{\n  "InstanceId": "i-1",\n  "LaunchTime": "2026-11-22T15:04:05Z",\n  "Tags": [\n    {\n'
        '      "Key": "ü"\n    }\n  ],\n  "Code": 16,\n  "Blob": "YWI="\n}\n'
    )


# Rows that are no resources


ROWS = [{"region": "us-east-1", "id": "i-1", "port": 22, "at": NOW}, {"region": "eu-west-1", "id": "i-2", "port": None}]


def rows(format: str, **asked: object) -> str:
    screen = make_screen()
    show_records(screen, columns=["region", "id", "port", "at"], rows=ROWS, format=format, **asked)
    return screen.out


def test_rows_in_each_format() -> None:
    assert rows("tsv") == ("region\tid\tport\tat\nus-east-1\ti-1\t22\t2026-11-22T15:04:05Z\neu-west-1\ti-2\t\t\n")
    assert rows("csv", header=False) == "us-east-1,i-1,22,2026-11-22T15:04:05Z\neu-west-1,i-2,,\n"
    assert rows("jsonl", chosen=["port,id"]) == '{"port":22,"id":"i-1"}\n{"port":null,"id":"i-2"}\n'
    assert rows("json", query="[].port") == "[\n  22\n]\n"
    assert rows("ids", ids="id") == "i-1\ni-2\n"


def test_rows_without_ids_and_without_such_a_column() -> None:
    with pytest.raises(UsageError, match=r"^rules have no IDs, so there is no -o ids$"):
        rows("ids", plural="rules")
    with pytest.raises(UsageError, match=r"^there is no column 'prt'$"):
        rows("json", chosen=["prt"])


# For all text


ANY_TEXT = st.text(st.characters(), max_size=20)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=10,
)


@given(JSON_VALUES)
def test_pretty_json_is_that_of_the_standard_library(value: object) -> None:
    assert pretty(value) == json.dumps(value, indent=2, ensure_ascii=False)


JSON_COLUMNS = st.sampled_from(
    [
        JSON_VALUES,
        ANY_TEXT,
        ANY_TEXT | st.none(),
        st.lists(ANY_TEXT, max_size=3),
        st.lists(JSON_VALUES, max_size=2) | st.none(),
        st.dictionaries(ANY_TEXT, ANY_TEXT, max_size=3),
        st.lists(st.dictionaries(ANY_TEXT, JSON_VALUES, max_size=2), max_size=2),
    ]
)


@given(st.data())
def test_json_column_by_column_is_that_of_the_standard_library(data: st.DataObject) -> None:
    names = data.draw(st.lists(st.sampled_from(["id", "a%s", "%", 'a"b', "tags.x"]), min_size=1, unique=True))
    count = data.draw(st.integers(0, 4))
    columns = {name: data.draw(st.lists(data.draw(JSON_COLUMNS), min_size=count, max_size=count)) for name in names}
    rows = [{name: columns[name][at] for name in names} for at in range(count)]

    def reader(name: str) -> Callable[[dict[str, object]], object]:
        return lambda row: row[name]

    objects = list(json_objects([Field(name, str, reader(name)) for name in names], rows))
    # The lines of an object of an array; a string has no line breaks of its own.
    assert [json.dumps(row, indent=2, ensure_ascii=False).replace("\n", "\n  ") for row in rows] == objects


def test_json_of_what_is_like_text_and_lists() -> None:
    class Name(str):
        pass

    nested = (Name("a"), ("b", None), [Name("c")], {"d": (1, float("nan"), True)})
    assert json.loads(pretty(nested)) == ["a", ["b", None], ["c"], {"d": [1, None, True]}]


@given(st.lists(st.lists(ANY_TEXT.filter(lambda text: "\x00" not in text), min_size=2, max_size=2), max_size=5))
def test_csv_is_read_back_as_it_was(texts: list[list[str]]) -> None:
    text = show_texts("csv", texts)
    assert list(csv.reader(io.StringIO(text, newline=""), strict=True)) == [["a", "b"], *texts]


@given(st.lists(st.lists(ANY_TEXT, min_size=2, max_size=2), max_size=5))
def test_tsv_is_read_back_as_it_was(texts: list[list[str]]) -> None:
    def read(cell: str) -> str:
        parts = {"\\t": "\t", "\\n": "\n", "\\r": "\r"}
        return "\\".join(
            "".join(parts.get(piece, piece) for piece in split_escapes(part)) for part in cell.split("\\\\")
        )

    lines = show_texts("tsv", texts).removesuffix("\n").split("\n")
    assert [[read(cell) for cell in line.split("\t")] for line in lines] == [["a", "b"], *texts]


def split_escapes(text: str) -> list[str]:
    import re

    return re.findall(r"\\[tnr]|[^\\]+", text)


@given(st.lists(st.lists(ANY_TEXT.filter(lambda text: not _surrogates(text)), min_size=2, max_size=2), max_size=3))
def test_yaml_is_read_back_as_it_was(texts: list[list[str]]) -> None:
    text = show_texts("yaml", texts)
    assert yaml.safe_load(text) == [{"a": a, "b": b} for a, b in texts]


def _surrogates(text: str) -> bool:
    return any("\ud800" <= char <= "\udfff" for char in text)


def show_texts(format: str, texts: list[list[str]]) -> str:
    screen = make_screen()
    show_records(screen, columns=["a", "b"], rows=[{"a": a, "b": b} for a, b in texts], format=format)
    return screen.out


@pytest.mark.parametrize("format", FORMATS)
@given(text=ANY_TEXT, key=ANY_TEXT, width=st.sampled_from([20, 80, 200]))
def test_no_control_character_reaches_a_terminal(format: str, text: str, key: str, width: int) -> None:
    item = server(
        name=text,
        id=text,
        state=text,
        public_ip=text,
        groups=[text, text],
        rules=[{key: text}],
        tags={key: text},
        region=text,
    )
    screen = make_screen(out=True, err=True, width=width)
    shown([item], format, screen)
    shown([item], "csv" if format in ("wide", "ids") else format, screen, columns=["id", "tags", "groups", "rules"])
    one(format, screen)
    show_one(screen, view(Server, format=format), item, {"more": {key: [text]}})
    show_values(screen, item, ["name", "groups", "tags", "rules"])
    show_records(screen, columns=["id", "b"], rows=[{"id": text, "b": text}], format=format, ids="id")
    screen.error(text, code=text, hint=text, where=text)
    screen.note(text)
    for line in (screen.out + screen.err).split("\n"):
        # Between the cells of TSV there is, of course, a tab.
        assert CONTROLS.search(line.replace("\t", "") if format == "tsv" else line) is None
