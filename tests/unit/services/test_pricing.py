"""On-demand prices: read, kept, and never needed."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from ectwo_cli.aws.session import Account, Client, Route
from ectwo_cli.services import pricing
from ectwo_cli.services.pricing import OnDemand, read_product


def product(region: str, price: str, **attributes: str) -> dict[str, Any]:
    return {
        "product": {"attributes": {"regionCode": region, "instanceType": "m6i.large", **attributes}},
        "terms": {"OnDemand": {"a": {"priceDimensions": {"b": {"unit": "Hrs", "pricePerUnit": {"USD": price}}}}}},
    }


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (product("us-east-1", "0.0960000000"), ("us-east-1", 0.096)),
        (product("us-east-1", "0.0000000000"), None),
        (product("", "0.096"), None),
        (product("us-east-1", "0.096", licenseModel="Bring your own license"), None),
        ({"product": {"attributes": {"regionCode": "us-east-1"}}, "terms": {}}, None),
        ({}, None),
    ],
)
def test_a_product_is_read(given: dict[str, Any], expected: Any) -> None:
    assert read_product(given) == expected


class Pricing:
    """The Pricing API as far as it is asked: ``answers`` by type, or the error that it gives."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **answers: Any) -> None:
        self.answers = answers
        self.calls: list[tuple[str, dict[str, str]]] = []
        monkeypatch.setattr(Client, "call_briefly", lambda client, operation, **params: self.answer(client, params))
        monkeypatch.setattr(Client, "goes_along_with", lambda client, other: True)

    def answer(self, client: Client, params: dict[str, Any]) -> Any:
        filters = {each["Field"]: each["Value"] for each in params["Filters"]}
        self.calls.append((f"{client.service} {client.region}", filters))
        found = self.answers[filters["instanceType"].replace(".", "_")]
        if isinstance(found, Exception):
            raise found
        return {"PriceList": [json.dumps(each) for each in found]}


def client(folder: Path | None = None) -> Client:
    return Client(Account(None, Route(endpoint="http://127.0.0.1:1"), cache_dir=folder), "eu-west-1")


def test_one_call_gives_a_type_in_all_regions(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Pricing(monkeypatch, m6i_large=[product("us-east-1", "0.096"), product("eu-west-1", "0.107")])
    known = OnDemand(client())
    known.learn([("m6i.large", "linux", "us-east-1"), ("m6i.large", "linux", "eu-west-1")])
    known.learn([("m6i.large", "linux", "us-east-1")])
    assert known.price("m6i.large", "linux", "us-east-1") == 0.096
    assert known.price("m6i.large", "linux", "eu-west-1") == 0.107
    assert known.price("m6i.large", "linux", "sa-east-1") is None
    assert known.price("m6i.large", "windows", "us-east-1") is None
    wanted = {
        "instanceType": "m6i.large",
        "operatingSystem": "Linux",
        "tenancy": "Shared",
        "preInstalledSw": "NA",
        "capacitystatus": "Used",
    }
    assert told.calls == [("pricing us-east-1", wanted)]


def test_china_has_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Pricing(monkeypatch, m6i_large=[])
    OnDemand(client()).learn([("m6i.large", "windows", "cn-north-1")])
    ((where, wanted),) = told.calls
    assert (where, wanted["operatingSystem"]) == ("pricing cn-northwest-1", "Windows")


def test_they_are_kept_for_a_week(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    told = Pricing(monkeypatch, m6i_large=[product("eu-west-1", "0.107")])
    for _ in range(2):
        known = OnDemand(client(tmp_path))
        known.learn([("m6i.large", "linux", "eu-west-1")])
        assert known.price("m6i.large", "linux", "eu-west-1") == 0.107
    assert len(told.calls) == 1
    (kept,) = tmp_path.rglob("*.json")
    old = time.time() - pricing.LASTS - 1
    os.utime(kept, (old, old))
    OnDemand(client(tmp_path)).learn([("m6i.large", "linux", "eu-west-1")])
    assert len(told.calls) == 2


@pytest.mark.parametrize("text", ["", "[]", "{", '{"eu-west-1": "x"}', "null"])
def test_a_broken_cache_is_no_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str) -> None:
    Pricing(monkeypatch, m6i_large=[product("eu-west-1", "0.107")])
    OnDemand(client(tmp_path)).learn([("m6i.large", "linux", "eu-west-1")])
    (kept,) = tmp_path.rglob("*.json")
    kept.write_text(text)
    known = OnDemand(client(tmp_path))
    known.learn([("m6i.large", "linux", "eu-west-1")])
    assert known.price("m6i.large", "linux", "eu-west-1") == 0.107


def test_a_refusal_ends_the_asking(monkeypatch: pytest.MonkeyPatch) -> None:
    denied = RuntimeError("no")
    told = Pricing(monkeypatch, a_large=denied, b_large=denied, c_large=denied)
    known = OnDemand(client())
    known.learn([(f"{letter}.large", "linux", "eu-west-1") for letter in "abc"])
    assert known.trouble is denied
    assert len(told.calls) == 1
    assert known.price("a.large", "linux", "eu-west-1") is None


def test_of_many_types_the_first_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"t{number}.large" for number in range(5)]
    told = Pricing(monkeypatch, **{name.replace(".", "_"): [product("eu-west-1", "0.1")] for name in names})
    known = OnDemand(client(), most=3)
    known.learn([(name, "linux", "eu-west-1") for name in names[:2]])
    known.learn([(name, "linux", "eu-west-1") for name in names])
    assert len(told.calls) == 3
    assert known.left_out == 2
    assert [known.price(name, "linux", "eu-west-1") for name in names] == [0.1, 0.1, 0.1, None, None]


def test_another_server_than_amazons_is_not_mixed_with_amazons_prices() -> None:
    # Nothing is patched here: a request would go to AWS.
    account = Account(None, Route(ec2_endpoint="http://127.0.0.1:1"), region="eu-west-1")
    known = OnDemand(Client(account, "eu-west-1"))
    known.learn([("m6i.large", "linux", "eu-west-1")])
    assert known.trouble is None
    assert known.price("m6i.large", "linux", "eu-west-1") is None
