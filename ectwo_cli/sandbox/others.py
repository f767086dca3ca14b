"""The services beside EC2 that ectwo asks: STS, SSM parameters, Pricing, KMS, IAM, quotas, Auto Scaling, Connect.

Each operation is a function of a region and the request's parameters. Those of the JSON protocol answer a dict; those
of the query protocol (STS, IAM, Auto Scaling) answer a dict that is written as XML by the API model of the service.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from functools import cache
from typing import Any

from ectwo_cli.sandbox import catalog, keys, prices
from ectwo_cli.sandbox.ec2 import states, types
from ectwo_cli.sandbox.filters import page
from ectwo_cli.sandbox.refusals import Refusal
from ectwo_cli.sandbox.world import Region

Answer = Callable[[Region, Mapping[str, Any]], dict[str, Any]]


# STS


def get_caller_identity(here: Region, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Who the sandbox's credentials are."""
    return {
        "UserId": "AIDASANDBOXSANDBOX00",
        "Account": here.account,
        "Arn": f"arn:aws:iam::{here.account}:user/sandbox",
    }


def encode_denial(action: str, resource: str) -> str:
    """The encoded message of an UnauthorizedOperation, which only DecodeAuthorizationMessage can read."""
    plain = {
        "allowed": False,
        "explicitDeny": True,
        "matchedStatements": {"items": [{"statementId": "NotInTheSandbox", "effect": "DENY"}]},
        "failures": {"items": []},
        "context": {
            "principal": {"id": "AIDASANDBOXSANDBOX00", "name": "sandbox"},
            "action": action,
            "resource": resource,
            "conditions": {"items": []},
        },
    }
    return base64.urlsafe_b64encode(zlib.compress(json.dumps(plain).encode())).decode()


def decode_authorization_message(here: Region, asked: Mapping[str, Any]) -> dict[str, Any]:
    """What such a message says."""
    try:
        text = zlib.decompress(base64.urlsafe_b64decode(str(asked.get("EncodedMessage", "")).encode())).decode()
    except (ValueError, zlib.error):
        raise Refusal("InvalidAuthorizationMessageException", "The message is not one that can be decoded.") from None
    return {"DecodedMessage": text}


def assume_role(here: Region, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Credentials for a role of an account: its ID is in the access key, as for all of the sandbox's keys."""
    arn = str(asked.get("RoleArn", ""))
    account = arn.split(":")[4] if arn.count(":") >= 5 else here.account
    session = str(asked.get("RoleSessionName", "session"))
    role = arn.rpartition("/")[2]
    return {
        "Credentials": {
            "AccessKeyId": f"SANDBOX-{account}",
            "SecretAccessKey": "sandbox",
            "SessionToken": "sandbox",
            "Expiration": datetime.fromtimestamp(here.now() + 3600, timezone.utc),
        },
        "AssumedRoleUser": {
            "AssumedRoleId": f"AROASANDBOXSANDBOX00:{session}",
            "Arn": f"arn:aws:sts::{account}:assumed-role/{role}/{session}",
        },
    }


# SSM


def _parameter(here: Region, name: str) -> dict[str, Any] | None:
    value = catalog.parameters(here.name).get(name)
    if value is None:
        return None
    return {
        "Name": name,
        "Type": "String",
        "Value": value,
        "Version": 1,
        "LastModifiedDate": 1761264000.0,
        "ARN": f"arn:aws:ssm:{here.name}::parameter{name}",
        "DataType": "aws:ec2:image" if "ami" in name else "text",
    }


def get_parameter(here: Region, asked: Mapping[str, Any]) -> dict[str, Any]:
    """One public parameter."""
    found = _parameter(here, str(asked.get("Name", "")))
    if found is None:
        raise Refusal("ParameterNotFound", "")
    return {"Parameter": found}


def get_parameters(here: Region, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Up to ten public parameters."""
    names = list(asked.get("Names", ()))
    if not 1 <= len(names) <= 10:
        raise Refusal("ValidationException", "Member must have length less than or equal to 10")
    found = {name: _parameter(here, name) for name in names}
    return {
        "Parameters": [one for one in found.values() if one],
        "InvalidParameters": [name for name, one in found.items() if one is None],
    }


def get_parameters_by_path(here: Region, asked: Mapping[str, Any]) -> dict[str, Any]:
    """The public parameters below a path, 10 a page."""
    path = str(asked.get("Path", "")).rstrip("/") + "/"
    below = [
        name
        for name in sorted(catalog.parameters(here.name))
        if name.startswith(path) and (asked.get("Recursive") or "/" not in name[len(path) :])
    ]
    chosen, token = page(
        below, {"MaxResults": asked.get("MaxResults", 10), "NextToken": asked.get("NextToken")}, least=1, most=10
    )
    answer: dict[str, Any] = {"Parameters": [_parameter(here, name) for name in chosen]}
    if token:
        answer["NextToken"] = token
    return answer


# Pricing

_SYSTEMS = {"Linux": "Linux/UNIX", "Windows": "Windows", "RHEL": "Red Hat Enterprise Linux", "SUSE": "SUSE Linux"}


def get_products(here: Region, asked: Mapping[str, Any]) -> dict[str, Any]:
    """On-demand prices of shared Linux, RHEL, SUSE and Windows instances without software, 100 a page."""
    if asked.get("ServiceCode") != "AmazonEC2":
        raise Refusal("NotFoundException", "The service code is not one of the sandbox's.")
    wanted = {str(one["Field"]): str(one["Value"]) for one in asked.get("Filters", ())}
    rows = []
    for region, location in prices.LOCATIONS.items():
        if wanted.get("regionCode", region) != region or wanted.get("location", location) != location:
            continue
        for name in types.offered(region):
            if wanted.get("instanceType", name) != name:
                continue
            for system in _SYSTEMS:
                attributes = _attributes(name, region, location, system)
                if all(attributes.get(field) == value for field, value in wanted.items()):
                    rows.append((name, region, system, attributes))
    limit = {"MaxResults": int(asked.get("MaxResults", 100)), "NextToken": asked.get("NextToken")}
    chosen, token = page(rows, limit, least=1, most=100)
    answer: dict[str, Any] = {"FormatVersion": "aws_v1", "PriceList": [json.dumps(_product(*row)) for row in chosen]}
    if token:
        answer["NextToken"] = token
    return answer


def _attributes(name: str, region: str, location: str, system: str) -> dict[str, str]:
    kind = types.details(name) or {}
    return {
        "servicecode": "AmazonEC2",
        "servicename": "Amazon Elastic Compute Cloud",
        "location": location,
        "locationType": "AWS Region",
        "regionCode": region,
        "instanceType": name,
        "operatingSystem": system,
        "tenancy": "Shared",
        "preInstalledSw": "NA",
        "capacitystatus": "Used",
        "licenseModel": "No License required",
        "marketoption": "OnDemand",
        "currentGeneration": "Yes" if kind.get("CurrentGeneration") else "No",
        "vcpu": str(kind["VCpuInfo"]["DefaultVCpus"]),
        "memory": f"{kind['MemoryInfo']['SizeInMiB'] / 1024:g} GiB",
        "operation": "RunInstances:0002" if system == "Windows" else "RunInstances",
    }


def _product(name: str, region: str, system: str, attributes: dict[str, str]) -> dict[str, Any]:
    sku = "SANDBOX" + format(zlib.crc32(f"{name}/{region}/{system}".encode()), "08X")
    price = prices.on_demand(types.details(name) or {}, region, _SYSTEMS[system])
    return {
        "product": {"productFamily": "Compute Instance", "attributes": attributes, "sku": sku},
        "serviceCode": "AmazonEC2",
        "terms": {
            "OnDemand": {
                f"{sku}.JRTCKXETXF": {
                    "priceDimensions": {
                        f"{sku}.JRTCKXETXF.6YS6EN2CT7": {
                            "unit": "Hrs",
                            "endRange": "Inf",
                            "description": f"${price} per On Demand {system} {name} Instance Hour",
                            "rateCode": f"{sku}.JRTCKXETXF.6YS6EN2CT7",
                            "beginRange": "0",
                            "pricePerUnit": {"USD": f"{price:.10f}"},
                        }
                    },
                    "sku": sku,
                    "effectiveDate": "2026-01-01T00:00:00Z",
                    "offerTermCode": "JRTCKXETXF",
                    "termAttributes": {},
                }
            }
        },
        "version": "20260101000000",
        "publicationDate": "2026-01-01T00:00:00Z",
    }


# KMS


def describe_key(here: Region, asked: Mapping[str, Any]) -> dict[str, Any]:
    """A key by ID, ARN, alias or alias ARN."""
    wanted = str(asked.get("KeyId", ""))
    found = keys.find(here, wanted)
    if found is None:
        shown = wanted if wanted.startswith("arn:") else f"arn:aws:kms:{here.name}:{here.account}:key/{wanted}"
        raise Refusal("NotFoundException", f"Key '{shown}' does not exist")
    algorithm = "SYMMETRIC_DEFAULT" if found.spec == "SYMMETRIC_DEFAULT" else "RSAES_OAEP_SHA_256"
    return {
        "KeyMetadata": {
            "AWSAccountId": here.account,
            "KeyId": found.id,
            "Arn": found.arn,
            "CreationDate": 1735689600.0,
            "Enabled": found.state == "Enabled",
            "Description": "",
            "KeyUsage": "ENCRYPT_DECRYPT",
            "KeyState": found.state,
            "Origin": "AWS_KMS",
            "KeyManager": found.manager,
            "CustomerMasterKeySpec": found.spec,
            "KeySpec": found.spec,
            "EncryptionAlgorithms": [algorithm],
            "MultiRegion": False,
        }
    }


def list_aliases(here: Region, asked: Mapping[str, Any]) -> dict[str, Any]:
    """The aliases of the region's keys."""
    return {
        "Aliases": [
            {
                "AliasName": key.alias,
                "AliasArn": f"arn:aws:kms:{here.name}:{here.account}:{key.alias}",
                "TargetKeyId": key.id,
            }
            for key in keys.keys_of(here)
        ],
        "Truncated": False,
    }


# IAM


@cache
def profiles(account: str) -> dict[str, dict[str, Any]]:
    """The instance profiles of an account, by name."""
    made = datetime(2025, 3, 1, 9, 30, tzinfo=timezone.utc)
    found = {}
    for name in ("web-server", "database-backup", "build-agent"):
        digest = format(zlib.crc32(name.encode()), "08X")
        role = {
            "Path": "/",
            "RoleName": name,
            "RoleId": f"AROASANDBOX{digest}",
            "Arn": f"arn:aws:iam::{account}:role/{name}",
            "CreateDate": made,
        }
        found[name] = {
            "Path": "/",
            "InstanceProfileName": name,
            "InstanceProfileId": f"AIPASANDBOX{digest}",
            "Arn": f"arn:aws:iam::{account}:instance-profile/{name}",
            "CreateDate": made,
            "Roles": [role],
        }
    return found


def get_instance_profile(here: Region, asked: Mapping[str, Any]) -> dict[str, Any]:
    """One instance profile."""
    name = str(asked.get("InstanceProfileName", ""))
    if name not in profiles(here.account):
        raise Refusal("NoSuchEntity", f"Instance Profile {name} cannot be found.", 404)
    return {"InstanceProfile": profiles(here.account)[name]}


def list_instance_profiles(here: Region, asked: Mapping[str, Any]) -> dict[str, Any]:
    """All instance profiles."""
    return {"InstanceProfiles": list(profiles(here.account).values()), "IsTruncated": False}


# Service Quotas

_QUOTAS = {
    "L-1216C47A": "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances",
    "L-34B43A08": "All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests",
    "L-0263D0A3": "EC2-VPC Elastic IPs",
}


def get_service_quota(here: Region, asked: Mapping[str, Any]) -> dict[str, Any]:
    """One quota of EC2."""
    code = str(asked.get("QuotaCode", ""))
    if asked.get("ServiceCode") != "ec2" or code not in _QUOTAS:
        raise Refusal("NoSuchResourceException", "The request failed because the specified quota does not exist.")
    return {"Quota": _quota(here, code)}


def list_service_quotas(here: Region, asked: Mapping[str, Any]) -> dict[str, Any]:
    """The quotas of EC2 that the sandbox has."""
    return {"Quotas": [_quota(here, code) for code in _QUOTAS] if asked.get("ServiceCode") == "ec2" else []}


def _quota(here: Region, code: str) -> dict[str, Any]:
    value = here.settings.address_limit if code == "L-0263D0A3" else here.settings.vcpu_quota
    return {
        "ServiceCode": "ec2",
        "ServiceName": "Amazon Elastic Compute Cloud (Amazon EC2)",
        "QuotaArn": f"arn:aws:servicequotas:{here.name}:{here.account}:ec2/{code}",
        "QuotaCode": code,
        "QuotaName": _QUOTAS[code],
        "Value": float(value),
        "Unit": "None",
        "Adjustable": True,
        "GlobalQuota": False,
    }


# Auto Scaling: the groups are told by the tags of their instances.


def _scaled(here: Region) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for instance in here.instances.values():
        name = here.tags.get(instance.id, {}).get("aws:autoscaling:groupName")
        if name and states.state(instance) not in ("terminated", "shutting-down"):
            groups.setdefault(name, []).append(instance.id)
    return groups


def _member(here: Region, group: str, instance_id: str) -> dict[str, Any]:
    data = here.instances[instance_id].data
    return {
        "InstanceId": instance_id,
        "InstanceType": data["InstanceType"],
        "AutoScalingGroupName": group,
        "AvailabilityZone": data["Placement"]["AvailabilityZone"],
        "LifecycleState": "InService",
        "HealthStatus": "Healthy",
        "ProtectedFromScaleIn": False,
        "LaunchConfigurationName": f"{group}-launch",
    }


def describe_auto_scaling_groups(here: Region, asked: Mapping[str, Any]) -> dict[str, Any]:
    """The Auto Scaling groups that have instances."""
    names = asked.get("AutoScalingGroupNames")
    rows = []
    for name, members in _scaled(here).items():
        if names and name not in names:
            continue
        rows.append(
            {
                "AutoScalingGroupName": name,
                "AutoScalingGroupARN": f"arn:aws:autoscaling:{here.name}:{here.account}:autoScalingGroup:{name}",
                "LaunchConfigurationName": f"{name}-launch",
                "MinSize": 1,
                "MaxSize": 2 * len(members),
                "DesiredCapacity": len(members),
                "DefaultCooldown": 300,
                "AvailabilityZones": sorted(
                    {here.instances[one].data["Placement"]["AvailabilityZone"] for one in members}
                ),
                "HealthCheckType": "EC2",
                "CreatedTime": here.moment(1735689600),
                "Instances": [_member(here, name, one) for one in members],
            }
        )
    return {"AutoScalingGroups": rows}


def describe_auto_scaling_instances(here: Region, asked: Mapping[str, Any]) -> dict[str, Any]:
    """The instances that belong to Auto Scaling groups."""
    wanted = asked.get("InstanceIds")
    return {
        "AutoScalingInstances": [
            _member(here, name, one)
            for name, members in _scaled(here).items()
            for one in members
            if not wanted or one in wanted
        ]
    }


def describe_launch_configurations(here: Region, asked: Mapping[str, Any]) -> dict[str, Any]:
    """The launch configurations of those groups: each launches what its first instance was launched from."""
    rows = []
    for name, members in _scaled(here).items():
        data = here.instances[members[0]].data
        rows.append(
            {
                "LaunchConfigurationName": f"{name}-launch",
                "LaunchConfigurationARN": f"arn:aws:autoscaling:{here.name}:{here.account}:launchConfiguration:{name}",
                "ImageId": data["ImageId"],
                "KeyName": data.get("KeyName", ""),
                "InstanceType": data["InstanceType"],
                "CreatedTime": here.moment(1735689600),
            }
        )
    names = asked.get("LaunchConfigurationNames")
    return {"LaunchConfigurations": [row for row in rows if not names or row["LaunchConfigurationName"] in names]}


# EC2 Instance Connect


def send_ssh_public_key(here: Region, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Push a key to a running instance; which one was pushed is kept, so that a test can look."""
    instance = here.instances.get(str(asked.get("InstanceId", "")))
    if instance is None:
        raise Refusal("EC2InstanceNotFoundException", f"{asked.get('InstanceId')} not found")
    if states.state(instance) != "running":
        raise Refusal("EC2InstanceStateInvalidException", f"Instance {instance.id} is not in running state")
    instance.extra["pushed_key"] = dict(asked)
    return {"RequestId": "00000000-0000-0000-0000-000000000000", "Success": True}


SERVICES: dict[str, dict[str, Answer]] = {
    "sts": {
        "GetCallerIdentity": get_caller_identity,
        "DecodeAuthorizationMessage": decode_authorization_message,
        "AssumeRole": assume_role,
    },
    "ssm": {
        "GetParameter": get_parameter,
        "GetParameters": get_parameters,
        "GetParametersByPath": get_parameters_by_path,
    },
    "pricing": {"GetProducts": get_products},
    "kms": {"DescribeKey": describe_key, "ListAliases": list_aliases},
    "iam": {"GetInstanceProfile": get_instance_profile, "ListInstanceProfiles": list_instance_profiles},
    "servicequotas": {"GetServiceQuota": get_service_quota, "ListServiceQuotas": list_service_quotas},
    "autoscaling": {
        "DescribeAutoScalingGroups": describe_auto_scaling_groups,
        "DescribeAutoScalingInstances": describe_auto_scaling_instances,
        "DescribeLaunchConfigurations": describe_launch_configurations,
    },
    "ec2-instance-connect": {"SendSSHPublicKey": send_ssh_public_key},
}
"""What is answered, by the name that requests are signed for."""

MODELS = {"servicequotas": "service-quotas"}
"""botocore's names of services that are signed under another."""

QUERY = ("sts", "iam", "autoscaling")
"""Those that speak the query protocol."""
