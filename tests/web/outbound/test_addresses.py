"""Addresses: which are inside, in every way to write them, and what a setting can allow."""

import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from webhook_app.config.values import networks
from webhook_app.outbound.addresses import refused
from webhook_app.store.connection.clients import Client

INSIDE = """
0.0.0.0 0.1.2.3 10.0.0.0 10.255.255.255 100.64.0.0 100.100.100.100 100.127.255.255 127.0.0.1 127.255.255.254
169.254.0.1 169.254.169.254 172.16.0.0 172.31.255.255 192.0.0.8 192.0.2.1 192.168.0.1 198.18.0.1 198.51.100.1
203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
:: ::1 fc00::1 fd12:3456::1 fe80::1 fe80::1%eth0 fec0::1 ff02::1 100::1 2001:db8::1
::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:0:0 ::ffff:a9fe:a9fe ::ffff:100.64.0.1
64:ff9b::127.0.0.1 64:ff9b::10.0.0.1 64:ff9b::169.254.169.254 64:ff9b:1::192.168.0.1
2002:7f00:1:: 2002:a00:1:: 2002:a9fe:a9fe::1 2002:6440:1::
::127.0.0.1 ::7f00:1
""".split()

OUTSIDE = """
1.1.1.1 8.8.8.8 93.184.215.14 100.63.255.255 100.128.0.0 172.15.255.255 172.32.0.0 192.167.255.255 223.255.255.255
2606:4700:4700::1111 2a00:1450:4001:81b::200e ::ffff:8.8.8.8 64:ff9b::8.8.8.8 2002:808:808::1
""".split()


def teredo(server: Any, client: Client) -> Any:
    """An address of a Teredo client: the client's own IPv4 address is in it with every bit turned round."""
    turned = int(ipaddress.IPv4Address(client)) ^ 0xFFFFFFFF
    value = (0x20010000 << 96) | (int(ipaddress.IPv4Address(server)) << 64) | turned
    return str(ipaddress.IPv6Address(value))


@pytest.mark.parametrize("address", INSIDE)
def test_what_is_inside_is_refused(address: Any) -> None:
    assert refused(address, ())


@pytest.mark.parametrize("address", OUTSIDE)
def test_what_is_outside_is_not(address: Any) -> None:
    assert not refused(address, ())


@pytest.mark.parametrize("client", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"])
def test_an_inside_address_in_a_teredo_tunnel_is_refused(client: str) -> None:
    assert refused(teredo("8.8.8.8", client), ())


def test_an_outside_address_in_a_teredo_tunnel_is_not() -> None:
    assert not refused(teredo("65.54.227.120", "8.8.8.8"), ())


@pytest.mark.parametrize(
    "text", ["", "localhost", "127.1", "2130706433", "0177.0.0.1", "0x7f.0.0.1", "1.2.3", "::g", "1.2.3.4/8"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    assert refused(text, ())


@pytest.mark.parametrize(
    ("allowed", "address"),
    [
        ("127.0.0.0/8", "127.0.0.1"),
        ("127.0.0.0/8", "::ffff:127.0.0.1"),
        ("10.1.0.0/16", "10.1.2.3"),
        ("10.1.0.0/16", "64:ff9b::10.1.2.3"),
        ("10.1.0.0/16", "2002:a01:203::1"),
        ("::1/128", "::1"),
        ("fd00::/8", "fd00::1"),
        ("10.0.0.0/8,127.0.0.0/8", "127.0.0.1"),
        ("0.0.0.0/0", "224.0.0.1"),
    ],
)
def test_a_network_that_is_allowed_is_not_refused(allowed: str, address: str) -> None:
    assert refused(address, ())
    assert not refused(address, networks(allowed))


@pytest.mark.parametrize(
    ("allowed", "address"),
    [
        ("127.0.0.0/8", "10.0.0.1"),
        ("127.0.0.0/8", "::1"),
        ("10.1.0.0/16", "10.2.0.1"),
        ("::1/128", "127.0.0.1"),
        ("::/0", "127.0.0.1"),
        ("::/0", "::ffff:127.0.0.1"),
        ("0.0.0.0/0", "::1"),
        ("8.8.8.8/32", "127.0.0.1"),
    ],
)
def test_another_network_that_is_allowed_does_not_help(allowed: str, address: str) -> None:
    assert refused(address, networks(allowed))


@given(some.ip_addresses(v=4))
def test_mapping_or_translating_an_address_changes_nothing(address: Any) -> None:
    plain = refused(str(address), ())
    number = int(address)
    assert refused(f"::ffff:{address}", ()) == plain
    assert refused(f"64:ff9b::{address}", ()) == plain
    assert refused(f"2002:{number >> 16:x}:{number & 0xFFFF:x}::1", ()) == plain


@given(some.text(max_size=40))
def test_any_text_is_answered(text: Any) -> None:
    assert refused(text, ()) in (True, False)
