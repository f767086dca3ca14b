"""Security groups and key pairs in the sandbox do as in EC2."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.ec2 import Ec2
from tests.sandbox.test_server import refused

SSH = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22}


def group(ec2: Ec2, name: str) -> dict[str, Any]:
    found = ec2.boto().describe_security_groups(
        Filters=[{"Name": "group-name", "Values": [name]}, {"Name": "vpc-id", "Values": [default_vpc(ec2)]}]
    )
    (one,) = found["SecurityGroups"]
    row: dict[str, Any] = one
    return row


def default_vpc(ec2: Ec2) -> str:
    (one,) = ec2.boto().describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
    return str(one["VpcId"])


def test_rules_are_told_in_both_forms(ec2: Ec2) -> None:
    web = group(ec2, "web")
    bastion = group(ec2, "bastion")["GroupId"]
    pair = {"GroupId": bastion, "UserId": "123456789012", "Description": "SSH through the bastion"}
    empty: dict[str, Any] = {"UserIdGroupPairs": [], "IpRanges": [], "Ipv6Ranges": [], "PrefixListIds": []}
    assert [one for one in web["IpPermissions"] if one["FromPort"] == 22] == [
        {**SSH, **empty, "UserIdGroupPairs": [pair]}
    ]
    everywhere = [{"CidrIp": "0.0.0.0/0", "Description": "HTTPS"}]
    assert [one for one in web["IpPermissions"] if one["FromPort"] == 443] == [
        {
            **empty,
            "IpProtocol": "tcp",
            "FromPort": 443,
            "ToPort": 443,
            "IpRanges": everywhere,
            "Ipv6Ranges": [{"CidrIpv6": "::/0", "Description": "HTTPS"}],
        }
    ]
    rules = ec2.boto().describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [web["GroupId"]]}])
    said = [
        (one["IsEgress"], one["FromPort"], one.get("CidrIpv4") or one.get("CidrIpv6")
         or one["ReferencedGroupInfo"]["GroupId"])
        for one in rules["SecurityGroupRules"]
    ]  # fmt: skip
    assert said == [
        (True, -1, "0.0.0.0/0"),
        (False, 80, "0.0.0.0/0"),
        (False, 443, "0.0.0.0/0"),
        (False, 443, "::/0"),
        (False, 22, bastion),
    ]


def test_all_rules_of_a_request_or_none(ec2: Ec2) -> None:
    client = ec2.boto()
    unused = group(ec2, "unused")["GroupId"]
    new = {**SSH, "IpRanges": [{"CidrIp": "10.0.0.1/8"}]}
    made = client.authorize_security_group_ingress(GroupId=unused, IpPermissions=[new])["SecurityGroupRules"]
    assert [one["CidrIpv4"] for one in made] == ["10.0.0.0/8"]
    other = {**SSH, "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    code, message = refused(client.authorize_security_group_ingress, GroupId=unused, IpPermissions=[other, new])
    assert (code, message) == (
        "InvalidPermission.Duplicate",
        'the specified rule "peer: 10.0.0.0/8, TCP, from port: 22, to port: 22, ALLOW" already exists',
    )
    assert [one["FromPort"] for one in group(ec2, "unused")["IpPermissions"]] == [22]
    gone = client.revoke_security_group_ingress(GroupId=unused, IpPermissions=[new, other])
    assert [one["FromPort"] for one in gone["UnknownIpPermissions"]] == [80]
    assert group(ec2, "unused")["IpPermissions"] == []


@pytest.mark.parametrize(
    ("permission", "code"),
    [
        ({**SSH, "IpRanges": [{"CidrIp": "10.0.0.0"}]}, "InvalidParameterValue"),
        ({**SSH, "IpRanges": [{"CidrIp": "::/0"}]}, "InvalidParameterValue"),
        ({**SSH, "FromPort": 23, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}, "InvalidParameterValue"),
        ({"IpProtocol": "tcp", "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}, "InvalidParameterValue"),
        ({**SSH, "UserIdGroupPairs": [{"GroupId": "sg-0123456789abcdef0"}]}, "InvalidGroup.NotFound"),
        ({**SSH, "PrefixListIds": [{"PrefixListId": "pl-0123456789abcdef0"}]}, "InvalidPrefixListID.NotFound"),
        ({**SSH, "IpRanges": [{"CidrIp": "10.0.0.0/8", "Description": "é"}]}, "InvalidParameterValue"),
        (SSH, "MissingParameter"),
    ],
)
def test_rules_that_are_refused(ec2: Ec2, permission: dict[str, Any], code: str) -> None:
    unused = group(ec2, "unused")["GroupId"]
    assert refused(
        ec2.boto().authorize_security_group_ingress, GroupId=unused, IpPermissions=[permission]
    )[0] == code  # fmt: skip


def test_rules_by_id(ec2: Ec2) -> None:
    client = ec2.boto()
    bastion = group(ec2, "bastion")["GroupId"]
    rules = client.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [bastion]}])
    rule = next(one for one in rules["SecurityGroupRules"] if one.get("CidrIpv4") and not one["IsEgress"])
    wish = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIpv4": "203.0.113.0/24", "Description": "office"}
    client.modify_security_group_rules(
        GroupId=bastion,
        SecurityGroupRules=[{"SecurityGroupRuleId": rule["SecurityGroupRuleId"], "SecurityGroupRule": wish}],
    )
    (changed,) = client.describe_security_group_rules(SecurityGroupRuleIds=[rule["SecurityGroupRuleId"]])[
        "SecurityGroupRules"
    ]
    assert (changed["CidrIpv4"], changed["Description"]) == ("203.0.113.0/24", "office")
    client.revoke_security_group_ingress(GroupId=bastion, SecurityGroupRuleIds=[rule["SecurityGroupRuleId"]])
    assert refused(
        client.revoke_security_group_ingress, GroupId=bastion, SecurityGroupRuleIds=[rule["SecurityGroupRuleId"]]
    )[0] == "InvalidSecurityGroupRuleId.NotFound"  # fmt: skip


def test_what_is_in_use_is_not_deleted(ec2: Ec2) -> None:
    client = ec2.boto()
    for name in ("web", "left"):
        one = group(ec2, name)["GroupId"]
        assert refused(client.delete_security_group, GroupId=one) == (
            "DependencyViolation",
            f"resource {one} has a dependent object",
        )
    assert refused(client.delete_security_group, GroupId=group(ec2, "default")["GroupId"])[0] == "CannotDelete"
    unused = group(ec2, "unused")["GroupId"]
    client.delete_security_group(GroupId=unused)
    assert refused(client.describe_security_groups, GroupIds=[unused])[0] == "InvalidGroup.NotFound"


def test_names_belong_to_a_vpc(ec2: Ec2) -> None:
    client = ec2.boto()
    webs = client.describe_security_groups(Filters=[{"Name": "group-name", "Values": ["web"]}])["SecurityGroups"]
    assert len({one["VpcId"] for one in webs}) == 2
    assert refused(client.create_security_group, GroupName="web", Description="again")[0] == "InvalidGroup.Duplicate"
    made = client.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    client.create_security_group(GroupName="web", Description="another", VpcId=made)
    found = client.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [made]}])["SecurityGroups"]
    assert sorted(one["GroupName"] for one in found) == ["default", "web"]


def openssh(*arguments: str, stdin: str = "") -> str:
    done = subprocess.run(["ssh-keygen", *arguments], input=stdin, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
def test_a_key_that_is_made(ec2: Ec2, tmp_path: Path, kind: str) -> None:
    client = ec2.boto()
    made = client.create_key_pair(KeyName="made", KeyType=kind)
    file = tmp_path / "key"
    file.write_text(made["KeyMaterial"] + "\n")
    file.chmod(0o600)
    public = openssh("-y", "-f", str(file)).split()[1]
    (found,) = client.describe_key_pairs(KeyNames=["made"], IncludePublicKey=True)["KeyPairs"]
    assert found["PublicKey"].split()[1] == public
    assert found["KeyFingerprint"] == made["KeyFingerprint"]
    if kind == "ed25519":
        shown = openssh("-l", "-f", str(file)).split()[1]
        assert shown == "SHA256:" + found["KeyFingerprint"].rstrip("=")
    else:
        assert len(found["KeyFingerprint"]) == 59
    assert refused(client.create_key_pair, KeyName="made")[0] == "InvalidKeyPair.Duplicate"
    client.delete_key_pair(KeyName="made")
    client.delete_key_pair(KeyName="made")
    assert refused(client.describe_key_pairs, KeyNames=["made"])[0] == "InvalidKeyPair.NotFound"


def test_a_key_that_is_imported(ec2: Ec2, tmp_path: Path) -> None:
    client = ec2.boto()
    openssh("-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", str(tmp_path / "key"))
    public = (tmp_path / "key.pub").read_text()
    made = client.import_key_pair(KeyName="imported", PublicKeyMaterial=public.encode())
    shown = openssh("-l", "-E", "md5", "-f", str(tmp_path / "key.pub")).split()[1]
    # ssh-keygen digests its own form of the key, EC2 the DER form: as long, and not the same.
    assert (len(made["KeyFingerprint"]), made["KeyFingerprint"] == shown.removeprefix("MD5:")) == (47, False)
    for bad in (b"nonsense", b"ssh-rsa AAAA", base64.b64encode(b"x")):
        assert refused(client.import_key_pair, KeyName="bad", PublicKeyMaterial=bad)[0] == "InvalidKey.Format"


def test_a_key_for_putty(ec2: Ec2) -> None:
    material = ec2.boto().create_key_pair(KeyName="putty", KeyFormat="ppk", KeyType="ed25519")["KeyMaterial"]
    lines = material.splitlines()
    assert lines[:4] == [
        "PuTTY-User-Key-File-2: ssh-ed25519",
        "Encryption: none",
        "Comment: putty",
        "Public-Lines: 2",
    ]
    assert lines[-1].startswith("Private-MAC: ")
