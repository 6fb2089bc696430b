#!/usr/bin/env bash
# One would guess: abfs://container@account.dfs.core.windows.net/file is a file of that account,
# whatever else is set. Where the environment leads to another account, it is refused.
# What happens: adlfs goes to the account of AZURE_STORAGE_CONNECTION_STRING and leaves the one in
# the address out without a word, and an account_name beside it too. Where both accounts have a
# container of that name, the other one's file is read, and what is written goes there.
# Versions: adlfs 2026.8.0, Azurite 3.37.0 (npm) with two accounts, Python 3.11. Seen on
# 2026-11-29, with the connection string of the account ours:
#   abfs://corpus@theirs.dfs.core.windows.net/file is read: b'the file of ours'
#   corpus/file with account_name=theirs is read: b'the file of ours'
#   abfs://corpus@theirs.dfs.core.windows.net/new is written: theirs has file, ours has file and new
set -euo pipefail
work=$(mktemp -d)
server=
trap 'if [ -n "$server" ]; then kill "$server" 2> /dev/null; wait "$server" || true; fi
      rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check adlfs==2026.8.0 2> "$work/pip" ||
    { cat "$work/pip" >&2; exit 1; }
npm install --silent --no-audit --no-fund --prefix "$work" azurite@3.37.0 > "$work/npm" 2>&1 ||
    { cat "$work/npm" >&2; exit 1; }
port=$(python3 -c '
import socket
with socket.socket() as one:
    one.bind(("127.0.0.1", 0))
    print(one.getsockname()[1])')
AZURITE_ACCOUNTS="ours:b3Vycw==;theirs:dGhlaXJz" \
    node "$work/node_modules/azurite/dist/src/blob/main.js" --inMemoryPersistence \
    --blobHost 127.0.0.1 --blobPort "$port" --skipApiVersionCheck --disableTelemetry --silent \
    > "$work/log" 2>&1 &
server=$!
cat > "$work/see.py" <<'PY'
import os
import socket
import sys
import time

import fsspec
from azure.storage.blob import BlobServiceClient

port = int(sys.argv[1])
for _ in range(240):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        break
    except OSError:
        time.sleep(0.5)


def connection_string(account, key):
    return (f"DefaultEndpointsProtocol=http;AccountName={account};AccountKey={key};"
            f"BlobEndpoint=http://127.0.0.1:{port}/{account};")


connections = {"ours": connection_string("ours", "b3Vycw=="),
               "theirs": connection_string("theirs", "dGhlaXJz")}
containers = {}
for account, connection in connections.items():
    service = BlobServiceClient.from_connection_string(connection)
    containers[account] = service.create_container("corpus")
    containers[account].upload_blob("file", f"the file of {account}")

os.environ["AZURE_STORAGE_CONNECTION_STRING"] = connections["ours"]
folder = "abfs://corpus@theirs.dfs.core.windows.net"
with fsspec.open(f"{folder}/file") as file:
    print(f"{folder}/file is read:", file.read())
named = fsspec.filesystem("abfs", account_name="theirs")
print("corpus/file with account_name=theirs is read:", named.cat_file("corpus/file"))
with fsspec.open(f"{folder}/new", "wb") as file:
    file.write(b"new")
there = {account: " and ".join(sorted(blob.name for blob in container.list_blobs()))
         for account, container in containers.items()}
print(f"{folder}/new is written: theirs has {there['theirs']}, ours has {there['ours']}")
PY
"$work/venv/bin/python" "$work/see.py" "$port" 2> "$work/said" | tee "$work/seen" ||
    { tail -n 20 "$work/said" "$work/log" >&2; exit 1; }
if ! diff <(sed -n 's/^#   //p' "$0") "$work/seen"; then
    echo "this is not what the comment says" >&2
    exit 1
fi
