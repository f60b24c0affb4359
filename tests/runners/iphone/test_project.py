"""The description of the app's Xcode project: what can be checked of it without a Mac."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

APP = Path(__file__).parents[3] / "runners" / "iphone" / "app"


@pytest.fixture
def target() -> dict[str, Any]:
    project = yaml.safe_load((APP / "project.yml").read_text())
    found: dict[str, Any] = project["targets"]["phibench"]
    return found


def test_every_path_exists(target: dict[str, Any]) -> None:
    assert target["sources"]
    for path in target["sources"]:
        assert any((APP / path).glob("*.swift"))


def test_the_product_is_one_of_the_package(target: dict[str, Any]) -> None:
    products = re.findall(r'\.library\(\s*name: "(\w+)"', (APP / "Package.swift").read_text())
    assert [d["product"] for d in target["dependencies"]] == products


def test_the_build_asks_for_both_memory_entitlements(target: dict[str, Any]) -> None:
    assert target["entitlements"]["properties"] == {
        "com.apple.developer.kernel.increased-memory-limit": True,
        "com.apple.developer.kernel.extended-virtual-addressing": True,
    }


def test_the_app_may_reach_the_local_network_and_says_why(target: dict[str, Any]) -> None:
    properties = target["info"]["properties"]
    assert len(properties["NSLocalNetworkUsageDescription"]) > 20
    assert properties["NSAppTransportSecurity"] == {"NSAllowsLocalNetworking": True}
    assert properties["UIFileSharingEnabled"] is True


def test_the_scheme_of_the_pairing_link_is_the_apps(target: dict[str, Any]) -> None:
    schemes = target["info"]["properties"]["CFBundleURLTypes"][0]["CFBundleURLSchemes"]
    link = (APP / "Sources" / "BenchProtocol" / "PairingLink.swift").read_text()
    assert f'parts.scheme?.lowercased() == "{schemes[0]}"' in link


def test_a_stub_says_what_it_was_read_from() -> None:
    """First line: upstream, version or commit, date; and no stub is a target of the package."""
    stubs = [path for path in (APP / "Stubs").rglob("*") if path.is_file()]
    assert len(stubs) > 4
    for path in stubs:
        first = path.read_text().splitlines()[0]
        assert re.search(r"\d{4}-\d{2}-\d{2}", first), path.name
        assert re.search(r"Apple|mlc-ai", first), path.name
    assert "Stubs" not in (APP / "Package.swift").read_text()
