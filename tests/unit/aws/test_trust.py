"""One TLS context for all regions, whatever botocore looks like."""

from __future__ import annotations

import ssl
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import certifi
import pytest
from botocore.httpsession import create_urllib3_context

from ectwo_cli.aws.fast.trust import ReadOnce, Trust
from ectwo_cli.aws.session import Account


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Account:
    for name, value in {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "HOME": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_CA_BUNDLE", "AWS_ENDPOINT_URL", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    return Account(None, cache_dir=tmp_path)


def context(client: Any) -> Any:
    return client._endpoint.http_session._manager.connection_pool_kw["ssl_context"]


def test_regions_share_a_context_that_verifies(account: Account) -> None:
    contexts = {id(context(account.make(region, "ec2"))) for region in ("us-east-1", "eu-west-1", "sa-east-1")}
    (shared,) = {context(account.make(region, "ec2")) for region in ("us-east-1", "eu-west-1")}

    assert len(contexts) == 1
    assert isinstance(shared, ReadOnce)
    assert shared.verify_mode is ssl.CERT_REQUIRED
    # The least version of TLS is botocore's choice, which some systems' OpenSSL decides.
    usual = create_urllib3_context()
    assert (shared.minimum_version, shared.options) == (usual.minimum_version, usual.options)


def test_the_certificates_are_read_once(account: Account) -> None:
    shared = context(account.make("us-east-1", "ec2"))
    shared.load_verify_locations(certifi.where())
    many = shared.cert_store_stats()["x509_ca"]

    shared.load_verify_locations(certifi.where())
    shared.load_verify_locations(cafile=certifi.where())

    assert many > 50
    assert shared.cert_store_stats()["x509_ca"] == many
    assert shared._read == {(certifi.where(), None, None)}


def test_a_bundle_that_is_missing_is_an_error_each_time(account: Account, tmp_path: Path) -> None:
    shared = context(account.make("us-east-1", "ec2"))
    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            shared.load_verify_locations(str(tmp_path / "none.pem"))


def test_other_bundles_have_other_contexts() -> None:
    trust = Trust()
    clients = [_client(verify) for verify in (True, True, "/one.pem", "/two.pem", "/one.pem")]
    for each in clients:
        trust.share_with(each)

    first, again, one, two, one_again = (context(each) for each in clients)
    assert first is again
    assert one is one_again
    assert len({id(each) for each in (first, one, two)}) == 3


@pytest.mark.parametrize(
    "client",
    [
        SimpleNamespace(),
        SimpleNamespace(_endpoint=None),
        SimpleNamespace(_endpoint=SimpleNamespace(http_session=SimpleNamespace())),
    ],
)
def test_a_client_of_another_make_is_left_alone(client: Any) -> None:
    before = repr(client)

    Trust().share_with(client)

    assert repr(client) == before


def _client(verify: Any) -> Any:
    from botocore.httpsession import URLLib3Session

    return SimpleNamespace(_endpoint=SimpleNamespace(http_session=URLLib3Session(verify=verify)))
