"""The files in `deploy/` are accepted by the programs they are for, where these are installed."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.support.polling import scaled_limit
from tests.support.ports import free_ports
from tests.support.product import TREE
from tests.support.web_client import WebClient
from webhook_app.store.connection.clients import Client
from workers.cli.main import main

DEPLOY = TREE / "deploy"
PROCESSES = ("web", "worker", "call", "deliver", "clock")
LIMIT_S = scaled_limit(60)


def program(name: str) -> str:
    """The program's path; skips the test if it is not installed."""
    path = shutil.which(name, path="/usr/bin:/usr/sbin:/usr/local/bin:/bin:/sbin")
    if path is None:
        pytest.skip(f"{name} is not installed: its files were not checked")
    return path


def run(*words: str, cwd: Path = DEPLOY) -> str:
    """Run a program that must succeed; returns its output."""
    completed = subprocess.run(words, cwd=cwd, capture_output=True, text=True, timeout=LIMIT_S)
    output = completed.stdout + completed.stderr
    assert completed.returncode == 0, output
    return output


def read_yaml(path: Path) -> Any:
    return YAML(typ="safe").load(path.read_text())


def metrics_in(text: str) -> set[str]:
    """The metrics that a query uses."""
    return {re.sub(r"_(bucket|count|sum)$", "", name) for name in re.findall(r"\btallylight_\w+", text)}


def alerts() -> list[dict[str, Any]]:
    groups = read_yaml(DEPLOY / "prometheus" / "alerts.yml")["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    all_panels: list[dict[str, Any]] = json.loads((DEPLOY / "grafana" / "tallylight.json").read_text())["panels"]
    return [panel for panel in all_panels if panel["type"] != "row"]


def test_alerts_and_dashboard_use_only_metrics_that_exist(store_url: str, client: Client, tmp_path: Path) -> None:
    exposition = WebClient(store_url, tmp_path).http.get("/metrics").get_data(as_text=True)
    exported = set(re.findall(r"^# TYPE (tallylight_\w+) ", exposition, re.M))
    alerting = {name for rule in alerts() for name in metrics_in(rule["expr"])}
    shown = {name for panel in panels() for target in panel["targets"] for name in metrics_in(target["expr"])}
    assert alerting | shown <= exported, (alerting | shown) - exported


def test_every_alert_says_what_it_means_and_what_to_do() -> None:
    for rule in alerts():
        assert rule["labels"]["severity"] in ("warning", "critical"), rule["alert"]
        assert rule["annotations"]["summary"] and rule["annotations"]["action"], rule["alert"]


def test_the_panels_of_the_dashboard_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken and at["x"] + at["w"] <= 24, panel["title"]
        taken |= cells
    assert len({panel["id"] for panel in panels()}) == len(panels())


def test_prometheus_accepts_the_alerts_and_they_fire_as_expected() -> None:
    promtool = program("promtool")
    run(promtool, "check", "config", "prometheus.yml", cwd=DEPLOY / "prometheus")
    assert "SUCCESS" in run(promtool, "test", "rules", "alerts_test.yml", cwd=DEPLOY / "prometheus")


def test_prometheus_accepts_every_query_of_the_dashboard(tmp_path: Path) -> None:
    queries = [target["expr"].replace("$__rate_interval", "1m") for panel in panels() for target in panel["targets"]]
    rules = [{"record": f"q:{number}", "expr": query} for number, query in enumerate(queries)]
    (tmp_path / "queries.yml").write_text(json.dumps({"groups": [{"name": "queries", "rules": rules}]}))
    assert f"{len(queries)} rules found" in run(program("promtool"), "check", "rules", "queries.yml", cwd=tmp_path)


def test_caddy_accepts_its_configuration() -> None:
    assert "Valid configuration" in run(program("caddy"), "validate", "--config", "Caddyfile", "--adapter", "caddyfile")


def test_nginx_accepts_its_configuration(tmp_path: Path) -> None:
    nginx = program("nginx")
    make = "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=tally.example.org -days 2 -keyout privkey.pem"
    subprocess.run([*make.split(), "-out", "fullchain.pem"], cwd=tmp_path, check=True, capture_output=True)
    site = (DEPLOY / "nginx.conf").read_text()
    assert "/etc/letsencrypt/live/tally.example.org" in site
    plain, tls = free_ports(2)
    for shipped, local in (
        ("/etc/letsencrypt/live/tally.example.org", str(tmp_path)),
        ("listen 80;", f"listen 127.0.0.1:{plain};"),
        ("listen 443 ssl http2;", f"listen 127.0.0.1:{tls} ssl http2;"),
        ("listen [::]:80;", ""),
        ("listen [::]:443 ssl http2;", ""),
    ):
        assert shipped in site
        site = site.replace(shipped, local)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = " ".join(f"{kind}_temp_path {tmp_path}/{kind};" for kind in kinds)
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/nginx.pid; error_log stderr; events {{}}\nhttp {{ access_log off; {temporary}\n{site}\n}}\n"
    )
    run(nginx, "-t", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf"), cwd=tmp_path)


def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    analyze = program("systemd-analyze")
    for unit in (DEPLOY / "systemd").iterdir():
        text = unit.read_text().replace("/opt/tallylight/.venv/bin/tally", "/bin/true")
        (tmp_path / unit.name).write_text(text)
    template = (tmp_path / "tallylight@.service").read_text()
    for name in PROCESSES:
        (tmp_path / f"tallylight@{name}.service").write_text(template)
    units = ["tallylight.target", "tallylight-up.service", *(f"tallylight@{name}.service" for name in PROCESSES)]
    output = run(analyze, "verify", *(str(tmp_path / unit) for unit in units), cwd=tmp_path)
    assert "Unknown" not in output, output


def test_the_target_starts_every_process() -> None:
    target = (DEPLOY / "systemd" / "tallylight.target").read_text()
    assert set(re.findall(r"tallylight@(\w+)\.service", target)) == set(PROCESSES)


def test_units_containers_and_procfile_run_existing_commands() -> None:
    services = read_yaml(DEPLOY / "containers" / "compose.yaml")["services"]
    assert {service["command"] for name, service in services.items() if name != "store"} == set(PROCESSES)
    procfile = (TREE / "Procfile").read_text()
    assert dict(re.findall(r"^(\w+): tally (\w+)$", procfile, re.M)) == {name: name for name in PROCESSES}
    assert {*PROCESSES, "up"} <= set(main.commands)


def test_the_store_of_the_containers_is_durable() -> None:
    command = read_yaml(DEPLOY / "containers" / "compose.yaml")["services"]["store"]["command"]
    options = dict(zip(command[1::2], command[2::2], strict=True))
    assert options["--appendonly"] == "yes" and options["--appendfsync"] == "always"
    assert options["--maxmemory-policy"] == "noeviction"


def test_the_image_contains_only_what_is_installed() -> None:
    dockerfile = (DEPLOY / "containers" / "Dockerfile").read_text()
    copied = set(_copied(dockerfile))
    not_ignored = {
        line.removeprefix("!")
        for line in (DEPLOY / "containers" / "Dockerfile.dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    assert copied == not_ignored
    assert all((TREE / name).exists() for name in copied)


def _copied(dockerfile: str) -> Iterator[str]:
    for line in re.findall(r"^COPY (?!--from)(.+)$", dockerfile, re.M):
        words: Sequence[str] = line.split()
        yield from words[:-1]
