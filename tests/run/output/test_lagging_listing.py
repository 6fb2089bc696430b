"""A store whose listing is a while old: written objects are there by name, and are listed later.

Removed ones are still listed. Nothing may be lost or judged twice, and no round may end too early.
"""

import io
import json
import random
import subprocess
import sys
import threading
from collections import Counter
from contextlib import closing
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import ray

from rm_ray.config import OutputConfig, StorageConfig
from rm_ray.corpus.plan import shards_of
from rm_ray.corpus.shards import Piece
from rm_ray.run.output.folder import RunFolder
from rm_ray.run.output.segments import planned_files
from rm_ray.run.rounds import done_so_far
from rm_ray.score.__main__ import main
from rm_ray.scored.run import open_scored
from rm_ray.store.filesystem import open_filesystem
from rm_ray.store.folder import Folder
from tests import fault_engine
from tests.conftest import ROOT, tiny_judge
from tests.jobs import environment, judged_here, options, prose

BUCKET = "lagging"
# Documents of a file, and of a shard.
ROWS, SHARD_ROWS = 16, 4
SMALL = {"engine_name": fault_engine.NAME, "shard_rows": SHARD_ROWS, "pool_max_actors": 1}
# Of what a listing may be a while old: what is written once each.
SHOWN = ("/rewards/part-", "/staged/part-")


class LaggingStore:
    """A proxy before an S3 server, which passes on everything but listings.

    Listings show the changes that went through the proxy: of each run, up to the one that wrote its
    part or piece number `shows`; all of them where it is None.
    """

    def __init__(self, target):
        self._target, self.shows = target.removeprefix("http://"), None
        self.changes = []  # key, and its size and ETag; None where it was removed
        self.refused = []  # keys of creations that found an object there
        self._lock = threading.Lock()
        store = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self):
                store.serve(self)

            do_GET = do_HEAD = do_PUT = do_DELETE = do_POST = _serve

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def serve(self, request):
        url = urlsplit(request.path)
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        asked = parse_qs(url.query, keep_blank_values=True)
        if request.command == "GET" and "list-type" in asked:
            answer = self._list({name: value for name, (value,) in asked.items()})
            return _answer(request, 200, {"Content-Type": "application/xml"}, answer)
        with self._lock:
            status, headers, answer = self._pass_on(request, body)
            key = unquote(url.path).partition(f"/{BUCKET}/")[2]
            if request.command == "PUT" and status == 412:
                self.refused.append(key)
            elif request.command == "PUT" and status == 200 and key:
                self.changes.append((key, (len(body), headers["ETag"])))
            elif request.command == "DELETE" and status == 204 and key:
                self.changes.append((key, None))
        return _answer(request, status, headers, answer)

    def written(self, kind):
        """How often each object was written whose key has this in it."""
        names = [key for key, there in self.changes if there and kind in key]
        return {name: names.count(name) for name in names}

    def _pass_on(self, request, body):
        connection = HTTPConnection(self._target)
        with closing(connection):
            connection.request(request.command, request.path, body, dict(request.headers))
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()

    def _shown(self):
        objects, parts = {}, Counter()
        for key, there in list(self.changes):
            run = key.partition("/")[0]
            parts[run] += there is not None and any(kind in key for kind in SHOWN)
            if self.shows is None or parts[run] <= self.shows:
                objects[key] = there
        return {key: there for key, there in sorted(objects.items()) if there}

    def _list(self, asked):
        prefix, delimiter = asked.get("prefix", ""), asked.get("delimiter", "")
        files, folders = [], set()
        for key, (size, etag) in self._shown().items():
            if not key.startswith(prefix):
                continue
            name, cut, _ = key.removeprefix(prefix).partition(delimiter or "\0")
            if cut:
                folders.add(f"{prefix}{name}{cut}")
                continue
            files.append(
                f"<Contents><Key>{escape(key)}</Key><Size>{size}</Size><ETag>{escape(etag)}</ETag>"
                "<LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
            )
        files += [
            f"<CommonPrefixes><Prefix>{escape(folder)}</Prefix></CommonPrefixes>"
            for folder in sorted(folders)
        ]
        return (
            f"<ListBucketResult><Name>{BUCKET}</Name><Prefix>{escape(prefix)}</Prefix>"
            f"<IsTruncated>false</IsTruncated>{''.join(files)}</ListBucketResult>"
        ).encode()


def _answer(request, status, headers, body):
    request.send_response(status)
    for name, value in headers.items():
        if name.lower() not in ("transfer-encoding", "connection", "content-length", "date"):
            request.send_header(name, value)
    length = headers["Content-Length"] if request.command == "HEAD" else str(len(body))
    request.send_header("Content-Length", length or "0")
    request.end_headers()
    if request.command != "HEAD":
        request.wfile.write(body)


@pytest.fixture(scope="module")
def store(ray_cluster, s3_endpoint, s3_environment):
    proxy = LaggingStore(s3_endpoint)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in s3_environment.items():
            patch.setenv(name, value)
        # the cluster's processes were started without credentials
        open_filesystem("s3://", StorageConfig()).mkdir(BUCKET, acl="public-read-write")
        yield proxy
    proxy.close()


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Two files: their folder, and the texts in order."""
    folder = tmp_path_factory.mktemp("corpus")
    return folder, [text for name in "ab" for text in write_file(folder, name)]


@pytest.fixture(scope="module")
def judged(store, corpus, ray_cluster):
    """How often each document was judged by a new run, whose listing shows three parts."""
    store.shows = 3
    assert main(words(store, corpus[0], "first")) == 0
    return times_judged(corpus[1], ray_cluster)


@pytest.fixture
def run(store, judged, request):
    """The name of a copy of that run."""
    store.shows = None
    copy = request.node.name
    for key in list(store.written("first/")):
        above, _, name = key.removeprefix("first/").rpartition("/")
        data = folder(store, f"first/{above}").read(name)
        if data is not None:
            folder(store, f"{copy}/{above}").overwrite(name, data)
    store.shows, store.refused = 3, []
    return copy


def write_file(where, name):
    """A file of the corpus: its texts."""
    rng = random.Random(name)
    texts = [prose(rng, 100) for _ in range(ROWS)]
    table = pa.table({"id": [f"{name}-{row}" for row in range(ROWS)], "text": texts})
    pq.write_table(table, where / f"{name}.parquet", row_group_size=SHARD_ROWS)
    return texts


def words(store, corpus, output, *more):
    """Of the command line. The bucket is open to all."""
    paths = {"input_path": corpus, "output_path": f"s3://{BUCKET}/{output}"}
    storage = ("--output.storage.endpoint_url", store.url, "--output.storage.anonymous", "true")
    return [*options(**paths, **SMALL), *storage, *more]


def folder(store, name):
    """As the job sees it."""
    return Folder(f"s3://{BUCKET}/{name}", StorageConfig(endpoint_url=store.url, anonymous=True))


def rows_of(run):
    """Every output row that is really there, in the corpus's order."""
    parts = Folder(f"s3://{BUCKET}/{run}/rewards")
    tables = [pq.read_table(io.BytesIO(parts.read(name))) for name in parts.names()]
    rows = [row for table in tables for row in table.to_pylist()]
    return sorted(rows, key=lambda row: (row["source_file"], row["row"]))


def check_rewards(run, texts, monkeypatch):
    """Every row is there once, with the reward that its text has."""
    monkeypatch.delenv(fault_engine.ENVIRONMENT, raising=False)  # of an engine of this process
    rewards = [row["reward"] for row in rows_of(run)]
    assert rewards == pytest.approx(judged_here(texts, fault_engine.FaultEngine(None)))


def times_judged(texts, fault_folder):
    """How often each text was judged."""
    tokenizer, judge = tiny_judge(context_tokens=256)
    judged = fault_engine.judged(fault_folder)
    tokens = tokenizer.tokenize({"text": pa.array(texts)}).ids
    return [max(judged[fault_engine.digest(one)] for one in judge.prompts(ids)) for ids in tokens]


def test_a_new_run_judges_everything_once_and_counts_what_is_there(
    store, corpus, judged, monkeypatch
):
    store.shows = 3
    assert len(folder(store, "first/rewards").names()) == 3
    assert judged == [1] * len(corpus[1])
    assert list(store.written("first/rewards/").values()) == [1] * 8
    assert not [key for key in store.refused if "part-" in key]
    stored = json.loads(folder(store, "first").read("_SUCCESS"))
    assert (stored["shards"], stored["documents"], stored["rows"]) == (8, 32, 32)
    assert stored["statuses"] == {"ok": 32}
    check_rewards("first", corpus[1], monkeypatch)
    scored = open_scored(f"s3://{BUCKET}/first", folder(store, "first").storage)
    assert (scored.totals, len(scored.shards), scored.missing) == (stored, 8, 0)


def test_a_run_that_goes_on_in_another_process_judges_only_what_is_missing(
    store, corpus, run, fault_folder, monkeypatch
):
    path, texts = corpus
    lost = list(store.written(f"{run}/rewards/"))[6]
    for name in ("_SUCCESS", lost.removeprefix(f"{run}/")):
        folder(store, run).remove(name)
    done = subprocess.run(
        [sys.executable, "jobs/score.py", *words(store, path, run)], cwd=ROOT,
        env=environment(RAY_ADDRESS=ray.get_runtime_context().gcs_address, PYTHONPATH=str(ROOT)),
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert not [key for key in store.refused if "part-" in key]
    written = store.written(f"{run}/rewards/")
    assert {key: times for key, times in written.items() if times > 1} == {lost: 2}
    assert sorted(times_judged(texts, fault_folder)) == [0] * 28 + [1] * SHARD_ROWS
    assert folder(store, run).read("_SUCCESS")
    check_rewards(run, texts, monkeypatch)


def test_parts_of_a_changed_file_go_though_they_are_not_listed_and_stay_listed(store, run):
    """Or old rewards would stand for new rows, and nobody would judge them."""
    opened = run_folder(store, run)
    changed, kept = planned_files(opened.segments.read())
    opened.forget([changed])
    listed = set(opened.parts.names())
    assert opened.committed() == listed - {shard.part for shard in shards_of([changed])}
    store.shows = None
    assert set(opened.parts.names()) == {shard.part for shard in shards_of([kept])}


def test_pieces_that_are_not_listed_count_as_staged(store, run):
    """Or the round that has made them would be the last one, or be done again."""
    opened = run_folder(store, run)
    units = [unit for file in planned_files(opened.segments.read()) for unit in file.to_do()]
    shard = units[-1].shards[-1]
    pieces = [Piece(shard.file, shard.start, shard.start + 1), Piece(shard.file, 1, shard.stop)]
    opened.staged.create(pieces[0].part, b"piece")
    assert opened.staged.names() == []
    tried = {piece.part for piece in pieces}
    committed, staged = done_so_far(units, opened, tried, first=False)
    assert staged == {pieces[0].part}
    assert committed == {shard.part for unit in units for shard in unit.shards}


def test_segments_that_are_not_listed_are_part_of_the_plan(store, run):
    """Or what they plan would be planned again, and a night would have nothing new."""
    opened = run_folder(store, run)
    opened.segments.add([], {"night": 2})
    assert opened.segments.folder.names() == ["segment-000000.jsonl.gz"]
    assert [segment.notes.get("night") for segment in opened.segments.read()] == [None, 2]
    opened.segments.add([], {"night": 3})
    assert len(opened.segments.read()) == 3


def test_listings_that_lag_are_found_out_and_then_nothing_is_left_to_them(store, run, monkeypatch):
    """Where listings are of this moment, a run of many shards asks for none of them by name."""
    monkeypatch.setattr("rm_ray.run.output.folder.MOST_ASKED", 0)
    opened = run_folder(store, run)
    shards = list(shards_of(planned_files(opened.segments.read())))
    assert len(opened.committed(shards)) < 8
    opened.make_writable()
    assert opened.parts.lags
    assert len(opened.committed(shards)) == 8
    store.shows = None
    opened.make_writable()
    assert not opened.parts.lags


def test_a_complete_run_is_read_whole_whatever_the_listing_lacks(store, run, monkeypatch):
    monkeypatch.setattr("rm_ray.run.output.folder.MOST_ASKED", 0)
    scored = open_scored(f"s3://{BUCKET}/{run}", folder(store, run).storage)
    assert (len(scored.shards), scored.missing) == (8, 0)


def test_a_segment_in_the_middle_is_known_though_it_is_not_listed(store, run, monkeypatch):
    opened = run_folder(store, run)
    for night in (1, 2):
        opened.segments.add([], {"night": night})
    names = opened.segments.names()
    monkeypatch.setattr(Folder, "names", lambda _: [names[0], names[2]])
    assert opened.segments.names() == names


def run_folder(store, run):
    where = folder(store, run)
    return RunFolder(OutputConfig(path=where.uri, storage=where.storage), "rewards")
