"""An EC2 that answers at once, or after a set time: what is measured against it is the client alone.

``python -m tests.benchmarks.server`` serves and prints its port; every answer is made beforehand, or on first use.
One endpoint for all regions: which one is meant stands in the signature.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import ssl
import sys
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs

from tests.benchmarks.answers import KINDS, PAGE, REGIONS, answer, page, regions


@dataclass
class Server:
    """``fleet`` resources of a kind in each region; ``latency`` in seconds before each answer.

    ``calls`` are the requests so far: region, action and page.
    """

    fleet: int
    latency: float = 0.0
    calls: list[tuple[str, str, str]] = field(default_factory=list)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection for as long as it lasts."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                headers = {
                    name.lower(): value.strip()
                    for name, _, value in (line.partition(":") for line in head.split("\r\n")[1:])
                }
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                scope = headers.get("authorization", "").partition("Credential=")[2].split("/")
                region = scope[2] if len(scope) > 2 else "us-east-1"
                params = parse_qs(body.decode())
                self.calls.append((region, params["Action"][0], params.get("NextToken", [""])[0]))
                if self.latency:
                    await asyncio.sleep(self.latency)
                text = answer(body, region, self.fleet)
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: text/xml;charset=UTF-8\r\nServer: AmazonEC2\r\n"
                    b"Content-Length: %d\r\n\r\n" % len(text)
                )
                writer.write(text)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


async def serve(server: Server, context: ssl.SSLContext | None) -> asyncio.Server:
    """Listen on loopback, on a free port."""
    return await asyncio.start_server(server.handle, "127.0.0.1", 0, ssl=context, limit=2**20)


def certificate(folder: Path) -> tuple[Path, Path, Path]:
    """A certificate for 127.0.0.1 with its key, and what to trust: its authority, and all that are trusted anyway, so
    that reading them costs what it costs in earnest."""
    import ipaddress

    from botocore.httpsession import where
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    now = datetime.datetime.now(datetime.timezone.utc)

    def named(name: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])

    def built(subject: str, key: ec.EllipticCurvePrivateKey, *extensions: tuple[x509.ExtensionType, bool]) -> bytes:
        builder = x509.CertificateBuilder(
            named("the benchmark's authority"),
            named(subject),
            key.public_key(),
            x509.random_serial_number(),
            now - datetime.timedelta(days=1),
            now + datetime.timedelta(days=1),
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        made = builder.sign(authority, hashes.SHA256())
        return made.public_bytes(serialization.Encoding.PEM)

    authority = ec.generate_private_key(ec.SECP256R1())
    key = ec.generate_private_key(ec.SECP256R1())
    root = built("the benchmark's authority", authority, (x509.BasicConstraints(ca=True, path_length=0), True))
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    own = built("127.0.0.1", key, (address, False))

    files = folder / "server.pem", folder / "server.key", folder / "trusted.pem"
    files[0].write_bytes(own)
    files[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    files[2].write_bytes(Path(where()).read_bytes() + b"\n" + root)
    return files


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--fleet", type=int, default=60)
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--certificate", nargs=2, metavar=("CERTIFICATE", "KEY"))
    parser.add_argument("--only", default="", help="the one region to have the answers ready of")
    given = parser.parse_args()
    context = None
    if given.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*given.certificate)
    regions()
    for action in KINDS:
        for region in [given.only] if given.only else REGIONS:
            for start in range(0, given.fleet, PAGE):
                page(action, region, given.fleet, start)

    async def run() -> None:
        listening = await serve(Server(given.fleet, given.latency), context)
        print(listening.sockets[0].getsockname()[1], flush=True)  # noqa: T201
        await listening.serve_forever()

    asyncio.run(run())


if __name__ == "__main__":
    sys.exit(main())
