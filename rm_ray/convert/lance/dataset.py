"""Open a version of a Lance dataset, and list its fragments."""

import warnings
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from rm_ray.addresses import lance_of
from rm_ray.convert.config import LinesConfig
from rm_ray.corpus.files import Corpus, InputFile
from rm_ray.corpus.tables.access import s3_options
from rm_ray.errors import InputError, short
from rm_ray.store.folder import absolute

# Bytes that Lance may keep of the metadata of files. A scan of one fragment needs little.
_CACHE_BYTES = 64 << 20
# How rows are scanned. Without the option, Lance gives places in files for the values of blobs.
SCAN = {"blob_handling": "all_binary"}


@dataclass(frozen=True)
class Fragment(InputFile):
    """A Fragment is a fragment of a dataset at one version. Lance never changes its files."""

    number: int = 0
    """Id of the fragment in its dataset."""
    files: tuple[str, ...] = ()
    """Names of its data files, and of the file with its deleted rows if there is one."""
    rows: int = 0
    """Rows that are not deleted."""
    deleted: int = 0
    """Rows that are deleted."""


@dataclass(frozen=True, kw_only=True)
class LanceVersion(Corpus):
    """A LanceVersion is a Lance dataset at one version. Its files are its fragments."""

    address: str
    """Path or URI of the dataset's folder."""
    number: int
    """Number of the version."""
    schema: pa.Schema
    """The columns as a scan gives them."""
    has_blobs: bool
    """True if there are columns of blobs, whose values may be large."""
    fragments: list[Fragment]
    """The fragments, in the dataset's order."""


def find_version(config: LinesConfig) -> LanceVersion:
    """Return the version of the dataset that `input.snapshot` names, or else its newest one.

    Raises:
        InputError: there is no such dataset or version; or pylance is not installed; or the
            dataset stands beside other paths.
    """
    address = _address(config)
    try:
        dataset = open_dataset(address, config.snapshot, config)
    except ImportError:
        raise InputError(
            f"input.path: lance:{address} needs the package pylance: pip install 'rm_ray[lance]'"
        ) from None
    except Exception as error:  # noqa: BLE001 - pylance raises errors of many kinds
        raise InputError(_say_unopened(address, config.snapshot, error)) from None
    try:
        return _version(address, dataset)
    except Exception as error:  # noqa: BLE001 - as above
        raise InputError(f"input.path: cannot read lance:{address}: {short(error)}") from None


def open_dataset(address: str, version: int | None, config: LinesConfig) -> Any:
    """Open a version of a dataset.

    Args:
        address: absolute path or URI of the dataset's folder.
        version: the number of the version; None for the newest.
        config: the configuration of the input.

    Raises:
        ImportError: pylance is not installed.
        Exception: there is no such dataset or version, or it cannot be read.
    """
    import lance

    # Ray forks to start its own programs, which know nothing of Lance
    warnings.filterwarnings("ignore", "lance is not fork-safe")
    return lance.dataset(
        address,
        version=version,
        storage_options=s3_options(address, config.storage),
        metadata_cache_size_bytes=_CACHE_BYTES,
        index_cache_size_bytes=0,
    )


def files_of(fragment: Any) -> tuple[str, ...]:
    """Return the names of a fragment's files. Names are never used twice, so they tell it apart."""
    names = [file.path for file in fragment.data_files()]
    deleted = fragment.deletion_file()
    return (*names, deleted) if deleted else tuple(names)


def _address(config: LinesConfig) -> str:
    if len(config.paths) > 1:
        first = next(path for path in config.paths if lance_of(path))
        raise InputError(
            f"input.path: {first} is a Lance dataset, and a dataset is an input of its own: give "
            "no other path beside it"
        )
    return absolute(lance_of(config.paths[0]) or "")


def _say_unopened(address: str, version: int | None, error: Exception) -> str:
    if version is not None:
        return (
            f"input.snapshot: version {version} of lance:{address} cannot be opened: "
            f"{short(error)}; it may have been removed (cleanup_old_versions)"
        )
    return f"input.path: lance:{address} cannot be opened as a Lance dataset: {short(error)}"


def _version(address: str, dataset: Any) -> LanceVersion:
    schema = dataset.scanner(**SCAN).projected_schema
    fragments = [_fragment(address, dataset.version, one) for one in dataset.get_fragments()]
    return LanceVersion(
        files=list(fragments),
        passed_over="",
        address=address,
        number=dataset.version,
        schema=schema,
        has_blobs=dataset.scanner().projected_schema != schema,
        fragments=fragments,
    )


def _fragment(address: str, version: int, fragment: Any) -> Fragment:
    rows = fragment.count_rows()
    return Fragment(
        path=f"{address}, version {version}, fragment {fragment.fragment_id}",
        # a dataset of an old pylance does not say how large its files are
        size=sum(file.file_size_bytes or 0 for file in fragment.data_files()),
        version="",
        number=fragment.fragment_id,
        files=files_of(fragment),
        rows=rows,
        deleted=fragment.physical_rows - rows,
    )
