"""The public address of this machine, as a service on the internet sees it."""

from __future__ import annotations

import ipaddress

from ectwo_cli.errors import EctwoError, UsageError

DEFAULT_SERVICE = "https://checkip.amazonaws.com"
TIMEOUT = 5.0
LONGEST = 200


def public_address(service: str, *, timeout: float = TIMEOUT) -> str:
    """The address that ``service``, a URL, answers with, as plain text. ``timeout`` is in seconds.

    Raises UsageError for what is no URL, EctwoError when it does not answer, or not with an address.
    """
    import urllib.error
    import urllib.request

    if not service.startswith(("https://", "http://")):
        raise UsageError(f"bad address_service {service!r}", hint="it begins with https:// or http://")
    hint = "say it yourself: --from 203.0.113.7; another service is set by ECTWO_ADDRESS_SERVICE"
    asked = urllib.request.Request(service, headers={"User-Agent": "ectwo", "Accept": "text/plain"})
    try:
        with urllib.request.urlopen(asked, timeout=timeout) as answer:
            text = str(answer.read(LONGEST), "ascii", "replace").strip()
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise EctwoError(
            f"can't find out your public address: {service} does not answer ({reason})", hint=hint
        ) from None
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        raise EctwoError(f"can't find out your public address: {service} answers {text[:60]!r}", hint=hint) from None
    if found.is_loopback or found.is_unspecified or found.is_multicast or found.is_link_local:
        raise EctwoError(f"can't find out your public address: {service} answers {text}", hint=hint)
    return text
