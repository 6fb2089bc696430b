"""Measure the store of this process's environment, and print its behaviour as JSON.

python -m benchmarks.stores.measure s3|gs|az BUCKET
"""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from benchmarks.stores.clients import S3, Answer, Client, client_of
from benchmarks.stores.says import says, takes_as_empty
from rm_ray.errors import short
from rm_ray.store.filesystem import open_filesystem, version_of
from rm_ray.store.folder import Folder

WRITERS, ROUNDS = 8, 10
# Seconds that a listing may take to show a write.
LATE_S = 5.0
# Seconds that a store may take to make its first bucket.
READY_S = 40.0


def measure(protocol: str, bucket: str) -> dict[str, str]:
    """Measure each behaviour of the store, by name."""
    client = client_of(protocol, bucket)
    wait_until_ready(client)
    uri = f"{protocol}://{bucket}"
    found: dict[str, Callable[[], str]] = {
        "put": lambda: over_existing(client, lambda key: client.put_new(key, b"second")),
        "marker": lambda: marker(client),
        "marker_rm_ray": lambda: marker_rm_ray(client, uri),
        "gone": lambda: gone(client),
        "gone_rm_ray": lambda: gone_rm_ray(client, uri),
        "late": lambda: late(client, uri),
        "version": lambda: versions(client),
        "version_rm_ray": lambda: versions_rm_ray(client, uri),
        "batch": lambda: batch(client),
        "says": lambda: says(f"{uri}/run"),
    }
    if isinstance(client, S3):
        found["completion"] = lambda: over_existing(
            client, lambda key: client.complete(client.begin(key, b"second"))
        )
        found["completion_race"] = lambda: race(lambda key, number: completion(client, key, number))
    # last, because a store that refuses without reading may close connections of later requests
    found["put_race"] = lambda: race(lambda key, number: creation(client, key, number))
    return {name: asked(look) for name, look in found.items()}


def asked(look: Callable[[], str]) -> str:
    """Return the result of a look, or the error that ended it."""
    try:
        return look()
    except Exception as error:  # noqa: BLE001 - a failure of the store is a result too
        return f"fails: {short(error)[:160]}"


def wait_until_ready(client: Client) -> None:
    """Make the bucket. A store that listens already may not be ready for it at once."""
    deadline = time.monotonic() + READY_S
    while True:
        try:
            client.make_bucket()
            client.put("ready", b"ready")
            return
        except Exception:  # raised at the end
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def over_existing(client: Client, write: Callable[[str], Answer]) -> str:
    """Write over an object, on the condition that no object has the name."""
    key = f"existing/{time.time_ns()}"
    client.put(key, b"first")
    answer = write(key)
    return f"{answer.said}, {'kept' if client.get(key) == b'first' else 'overwritten'}"


def race(writer: Callable[[str, int], Callable[[], Answer]]) -> str:
    """Let several writers create one object; return how many were told that they created it."""
    winners: list[int] = []
    others: set[str] = set()
    for _ in range(ROUNDS):
        key = f"race/{time.time_ns()}"
        answers = at_once([writer(key, number) for number in range(WRITERS)])
        winners.append(sum(answer.done for answer in answers))
        others |= {answer.said for answer in answers if not answer.done}
    least, most = min(winners), max(winners)
    number = str(least) if least == most else f"{least} to {most}"
    return f"{number} (others: {', '.join(sorted(others))})" if others else number


def at_once(writers: Sequence[Callable[[], Answer]]) -> list[Answer]:
    start = threading.Barrier(len(writers))

    def write(one: Callable[[], Answer]) -> Answer:
        start.wait()
        return one()

    with ThreadPoolExecutor(len(writers)) as pool:
        return list(pool.map(write, writers))


def creation(client: Client, key: str, number: int) -> Callable[[], Answer]:
    return lambda: client.put_new(key, b"%d" % number)


def completion(client: S3, key: str, number: int) -> Callable[[], Answer]:
    upload = client.begin(key, b"%d" % number)
    return lambda: client.complete(upload)


def marker(client: Client) -> str:
    """Return how a zero-byte key with a final slash is listed, from above and from inside."""
    client.put("marker/empty/", b"")
    above = " and ".join(f"`{name}`" for name in sorted(client.below("marker"))) or "nothing"
    inside = [name or "the key itself" for name in sorted(client.below("marker/empty"))]
    return f"{above}; inside: {' and '.join(inside) or 'nothing'}"


def marker_rm_ray(client: Client, uri: str) -> str:
    """Return how rm_ray treats a folder with only a zero-byte key."""
    client.put("marker_rm_ray/empty/", b"")
    return takes_as_empty(f"{uri}/marker_rm_ray/empty")


def gone(client: Client) -> str:
    """Return "still listed" if a folder is listed after its last object was removed."""
    client.put("gone/folder/one", b"one")
    client.put("gone/stays", b"stays")
    client.remove("gone/folder/one")
    return "still listed" if "folder/" in client.below("gone") else "not listed"


def gone_rm_ray(client: Client, uri: str) -> str:
    """Return how rm_ray treats an emptied folder."""
    client.put("gone_rm_ray/folder/one", b"one")
    client.remove("gone_rm_ray/folder/one")
    return takes_as_empty(f"{uri}/gone_rm_ray/folder")


def late(client: Client, uri: str) -> str:
    """Return when a second process sees a new object in a folder that it has listed before."""
    client.put("late/first", b"first")
    second = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.stores.second", f"{uri}/late"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert second.stdin and second.stdout
    try:
        ways = json.loads(second.stdout.readline() or "{}")
        client.put("late/second", b"second")
        wrote, seen = time.monotonic(), dict.fromkeys(ways, f"not in {LATE_S:.0f} s")
        late_s = 0.0
        while late_s < LATE_S and not all(map(str.endswith, seen.values(), ["once"] * 3)):
            second.stdin.write("\n")
            second.stdin.flush()
            lists = json.loads(second.stdout.readline())
            for way, names in lists.items():
                if "second" in names and seen[way].startswith("not"):
                    seen[way] = "at once" if not late_s else f"after {late_s:.1f} s"
            late_s = time.monotonic() - wrote
            time.sleep(0.2)
        return f"{seen['plain']} / {seen['rm_ray']} / {seen['defaults']}"
    finally:
        second.stdin.close()
        second.kill()
        second.wait()


def versions(client: Client) -> str:
    """Return the properties that differ after an object was overwritten by one of the same size."""
    said = []
    for data in (b"first", b"other"):
        client.put("version/one", data)
        said.append(client.facts("version/one"))
    changed = [name for name in said[0] if said[0][name] != said[1].get(name)]
    same = [name for name in said[0] if name not in changed]
    return ", ".join(changed) + (f" (unchanged: {', '.join(same)})" if same else "")


def versions_rm_ray(client: Client, uri: str) -> str:
    """Return if rm_ray tells two versions apart, and sees the same version in a listing and a
    file.
    """
    fs = open_filesystem(uri, Folder(uri).storage)
    path = f"{client.bucket}/version_rm_ray/one"
    listed, asked_for = [], []
    for data in (b"first", b"other"):
        client.put("version_rm_ray/one", data)
        listed += [version_of(uri, one) for one in fs.ls(path.rpartition("/")[0], detail=True)]
        asked_for.append(version_of(uri, fs.info(path)))
    told = "told apart" if listed[0] != listed[1] else "not told apart"
    return told if listed == asked_for else f"{told}; a listing and the file itself differ"


def batch(client: Client) -> str:
    """Return "removed" if one request removes several objects."""
    keys = [f"batch/{name}" for name in ("one", "two", "a b+c&ä")]
    for key in keys:
        client.put(key, b"x")
    client.remove_all(keys)
    left = client.below("batch") - {""}  # some stores list a folder that was emptied
    return f"{len(left)} of {len(keys)} left" if left else "removed"


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], sys.argv[2])))
