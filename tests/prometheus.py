"""A Prometheus that scrapes one endpoint, and answers queries."""

import contextlib
import json
import os
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DASHBOARD = ROOT / "deploy" / "dashboard.json"
CONFIG = """
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: ray
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


def tool(name):
    """The path of a program of Prometheus. Without one a test is skipped, and fails in CI."""
    found = shutil.which(name)
    if not found and not os.environ.get("CI"):
        pytest.skip(f"needs {name}, of Debian's package prometheus")
    assert found, f"CI needs {name}, of Debian's package prometheus"
    return found


def queries():
    """The queries of the dashboard's panels by title, for every run."""
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return {
        panel["title"]: [target["expr"].replace("$run", ".*") for target in panel["targets"]]
        for panel in panels
        if "targets" in panel
    }


@contextlib.contextmanager
def prometheus(folder, scraped, port):
    """Scrape a port of this machine; give a function that asks a query: [(labels, value)]."""
    config = folder / "prometheus.yml"
    config.write_text(CONFIG.format(port=scraped))
    words = [
        tool("prometheus"), f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}",
        f"--storage.tsdb.path={folder / 'data'}",
    ]  # fmt: skip
    with (folder / "prometheus.log").open("w") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log)
    try:
        yield lambda query: ask(port, query)
    finally:
        process.terminate()
        process.wait(30)


def ask(port, query):
    """The answer to an instant query, once the server is there."""
    address = f"http://127.0.0.1:{port}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    deadline = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(address) as answer:
                found = json.load(answer)["data"]["result"]
                return [(one["metric"], float(one["value"][1])) for one in found]
        except OSError as error:
            if isinstance(error, urllib.error.HTTPError) and error.code == 400:
                raise AssertionError(f"{query}: {error.read().decode()}") from None
            assert time.monotonic() < deadline, "Prometheus does not answer"
            time.sleep(0.2)
