"""Whether an image can start on an instance type: one rule each, all pure. Also used to pick a type, or near ones.

A rule takes EC2's elements of the image and of the type and says what does not fit, or None. What either does not
tell is taken to fit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ectwo_cli.model import Raw


def architecture(image: Raw, kind: Raw) -> str | None:
    """The processor: arm64 does not run x86_64."""
    have = kind.get("ProcessorInfo", {}).get("SupportedArchitectures")
    need = image.get("Architecture")
    if not have or not need or need in have:
        return None
    return f"is {' and '.join(have)}, and the image is {need}"


def virtualization(image: Raw, kind: Raw) -> str | None:
    """Full (hvm) or paravirtual."""
    have = kind.get("SupportedVirtualizationTypes")
    need = image.get("VirtualizationType")
    if not have or not need or need in have:
        return None
    return f"runs {' and '.join(have)} images, and the image is {need}"


def boot_mode(image: Raw, kind: Raw) -> str | None:
    """How it boots; ``uefi-preferred`` does with either."""
    have = kind.get("SupportedBootModes")
    need = image.get("BootMode")
    if not have or need not in ("uefi", "legacy-bios") or need in have:
        return None
    return f"boots by {' or '.join(have)}, and the image needs {need}"


def ena(image: Raw, kind: Raw) -> str | None:
    """The network adapter that current types have."""
    required = kind.get("NetworkInfo", {}).get("EnaSupport") == "required"
    if not required or image.get("EnaSupport") is not False:
        return None
    return "needs a driver for the Elastic Network Adapter (ENA), which the image is not registered with"


def root_device(image: Raw, kind: Raw) -> str | None:
    """Root on EBS or on the instance's own disks."""
    have = kind.get("SupportedRootDeviceTypes")
    need = image.get("RootDeviceType")
    if not have or not need or need in have:
        return None
    return f"starts from {' and '.join(have)}, and the image's root is {need}"


def tpm(image: Raw, kind: Raw) -> str | None:
    """A trusted platform module, for images that ask for one."""
    if not image.get("TpmSupport") or kind.get("NitroTpmSupport", "supported") == "supported":
        return None
    return "has no NitroTPM, which the image needs"


RULES: Sequence[Callable[[Raw, Raw], str | None]] = (architecture, virtualization, boot_mode, ena, root_device, tpm)


def misfits(image: Raw, kind: Raw) -> list[str]:
    """Everything in which the type does not fit the image."""
    return [said for rule in RULES if (said := rule(image, kind)) is not None]
