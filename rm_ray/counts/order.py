"""One order of all documents, best first: by reward, then by a hash, then by file and row.

Exact and the same on every machine: keys are the bits of the numbers, ties are broken by a seeded
hash of where the document is, and by that itself should two hashes be equal.

A key has 32 bits, as float32 numbers have. Of numbers of 64 bits the lower half, the finer key,
takes the place of the upper half of the hash.
"""

import hashlib
import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]
# Numbers of one of KINDS, which documents are ordered by.
Numbers = npt.NDArray[np.float32 | np.float64 | np.int64 | np.uint64]

# Of a key, and of a hash.
KEY_BITS, HASH_BITS = 32, 64
KINDS = ("float32", "float64", "int64", "uint64")
_SIGN = np.uint64(1 << 63)
_LOWER = (1 << 32) - 1


def keys_of(numbers: Numbers) -> tuple[Ints, Hashes | None]:
    """The keys of numbers of any of KINDS, and their finer keys; None where they have no more bits.

    The better a number, the smaller its key, and of two with one key its finer key. NaN has no
    place here, and -0 equals 0.
    """
    if numbers.dtype == np.float32:
        return best_first(numbers.astype(np.float32)), None
    worst_first = ~_ascending(numbers)
    return (worst_first >> np.uint64(32)).astype(np.int64), worst_first & np.uint64(_LOWER)


def number_at(kind: str, key: int, finer: int = 0) -> float | int:
    """The number of that kind whose key, and finer key, these are."""
    if kind == "float32":
        return reward_of(key)
    ascending = np.array([~(key << 32 | finer) & ((1 << 64) - 1)], np.uint64)
    if kind == "uint64":
        return int(ascending[0])
    if kind == "int64":
        return int((ascending ^ _SIGN).view(np.int64)[0])
    bits = np.where(ascending & _SIGN, ascending ^ _SIGN, ~ascending)
    return float(bits.view(np.float64)[0])


def least_at(kind: str, threshold: float | int) -> float | int:
    """The least number of a kind that is as good as one that was typed.

    A float32 is compared with the typed number as float32 has it, as DuckDB and NumPy do.
    """
    if kind == "float32":
        with np.errstate(over="ignore"):  # beyond the largest float32 is infinity
            return float(np.float32(threshold))
    if kind == "float64":
        return float(threshold)
    limits = np.iinfo(kind)
    return min(max(math.ceil(threshold), int(limits.min)), int(limits.max) + 1)


def hash_after(finer: Hashes | None, hashes: Hashes) -> Hashes:
    """Hashes that order documents of one key: the finer keys first, where there are any."""
    if finer is None:
        return hashes
    return (finer << np.uint64(32)) | (hashes >> np.uint64(32))


def _ascending(numbers: Numbers) -> Hashes:
    """64 bits that are ordered as the numbers are."""
    if numbers.dtype == np.uint64:
        return numbers.astype(np.uint64)
    if numbers.dtype == np.int64:
        return numbers.astype(np.int64).view(np.uint64) ^ _SIGN
    bits = (numbers + 0.0).astype(np.float64).view(np.uint64)
    return np.where(bits & _SIGN, ~bits, bits | _SIGN)


def best_first(rewards: Floats) -> Ints:
    """Keys in [0, 2^32), the smaller the better; the float's bits, so that none are lost.

    -0 equals 0. NaN has no place here.
    """
    bits = (rewards + np.float32(0)).view(np.uint32)
    ascending = np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31))
    return (~ascending).astype(np.int64)


def rewards_of(keys: Ints) -> Floats:
    """The numbers whose keys these are."""
    ascending = ~keys.astype(np.uint32)
    return (
        np.where(ascending >> 31, ascending & 0x7FFFFFFF, ~ascending)
        .astype(np.uint32)
        .view(np.float32)
    )


def reward_of(key: int) -> float:
    """The number whose key this is."""
    return float(rewards_of(np.array([key]))[0])


def hash_rows(salt: str | int, file: str, rows: Ints | Hashes) -> Hashes:
    """64 well-mixed bits for each row number: SplitMix64's finalizer (Steele, Lea, Flood 2014) of
    the row and the SHA-256 of salt and file. Choices that are to be independent differ in salt.
    """
    key = hashlib.sha256(f"{salt}\n{file}".encode()).digest()[:8]
    x = rows.astype(np.uint64) + np.uint64(int.from_bytes(key, "little"))
    x = x * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def gumbel(rewards: Numbers, temperature: float, hashes: Hashes) -> Floats:
    """Rewards with Gumbel noise: the k largest are a sample without replacement, in which a reward
    that is `temperature` higher is e times as likely to be drawn next (Kool et al. 2019,
    arXiv:1903.06059).

    Rounded to float32: numpy's logarithm differs between processors, in its last bits.
    """
    uniform = ((hashes >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
    noise = -np.log(-np.log(uniform))
    noisy: Floats = (rewards.astype(np.float64) / temperature + noise).astype(np.float32)
    return noisy
