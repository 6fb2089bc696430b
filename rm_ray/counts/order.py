"""One order of all documents, best first: by reward, then by a hash, then by file and row.

The order is exact and the same on every machine. Keys are the bits of the numbers. Ties are broken
by a seeded hash of the document's file and row; if two hashes are equal too, by file and row.

A key has 32 bits, like a float32 number. A number of 64 bits has a key (its upper half) and a finer
key (its lower half); the finer key and the hash's upper half then share the 64 bits of the hash.
"""

import hashlib
import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]
# Numbers that order documents, of one of KINDS.
Numbers = npt.NDArray[np.float32 | np.float64 | np.int64 | np.uint64]

# Bits of a key, and bits of a hash.
KEY_BITS, HASH_BITS = 32, 64
KINDS = ("float32", "float64", "int64", "uint64")
_SIGN = np.uint64(1 << 63)
_LOWER = (1 << 32) - 1


def keys_of(numbers: Numbers) -> tuple[Ints, Hashes | None]:
    """Return the keys of numbers of any of KINDS, and their finer keys (None for float32).

    A better number has a smaller key or, if the keys are equal, a smaller finer key. -0 equals 0.
    NaN is not allowed.
    """
    if numbers.dtype == np.float32:
        return best_first(numbers.astype(np.float32)), None
    worst_first = ~_ascending(numbers)
    return (worst_first >> np.uint64(32)).astype(np.int64), worst_first & np.uint64(_LOWER)


def number_at(kind: str, key: int, finer: int = 0) -> float | int:
    """Return the number of a kind that has this key and finer key."""
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
    """Return the least number of a kind that is at least a typed threshold.

    For float32 the threshold is first rounded to float32, as DuckDB and NumPy do.
    """
    if kind == "float32":
        with np.errstate(over="ignore"):  # beyond the largest float32, the result is infinity
            return float(np.float32(threshold))
    if kind == "float64":
        return float(threshold)
    limits = np.iinfo(kind)
    return min(max(math.ceil(threshold), int(limits.min)), int(limits.max) + 1)


def below_as_float32(numbers: Numbers) -> Floats:
    """Return the greatest float32 number that is not above each number of any of KINDS.

    So a number is at least some float32 number exactly if its result is. A number beyond the
    largest float32 gives infinity.
    """
    with np.errstate(over="ignore"):
        nearest = numbers.astype(np.float32)
    if numbers.dtype.kind == "f":
        above = nearest.astype(np.float64) > numbers
    else:
        inside = nearest < np.float32(2.0 ** (63 if numbers.dtype == np.int64 else 64))
        above = ~inside | (np.where(inside, nearest, 0).astype(numbers.dtype) > numbers)
    below: Floats = np.nextafter(nearest, np.float32(-np.inf))
    return np.where(above & np.isfinite(nearest), below, nearest)


def hash_after(finer: Hashes | None, hashes: Hashes) -> Hashes:
    """Return hashes that order documents with equal keys: first by finer key, if there are any,
    then by hash.
    """
    if finer is None:
        return hashes
    return (finer << np.uint64(32)) | (hashes >> np.uint64(32))


def _ascending(numbers: Numbers) -> Hashes:
    """Return 64 bits for each number, in the same order as the numbers."""
    if numbers.dtype == np.uint64:
        return numbers.astype(np.uint64)
    if numbers.dtype == np.int64:
        return numbers.astype(np.int64).view(np.uint64) ^ _SIGN
    bits = (numbers + 0.0).astype(np.float64).view(np.uint64)
    return np.where(bits & _SIGN, ~bits, bits | _SIGN)


def best_first(rewards: Floats) -> Ints:
    """Return keys in [0, 2^32): the smaller, the better. A key has all bits of its float.

    -0 equals 0. NaN is not allowed.
    """
    bits = (rewards + np.float32(0)).view(np.uint32)
    ascending = np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31))
    return (~ascending).astype(np.int64)


def rewards_of(keys: Ints) -> Floats:
    """Return the float32 numbers that have these keys."""
    ascending = ~keys.astype(np.uint32)
    return (
        np.where(ascending >> 31, ascending & 0x7FFFFFFF, ~ascending)
        .astype(np.uint32)
        .view(np.float32)
    )


def reward_of(key: int) -> float:
    """Return the float32 number that has this key."""
    return float(rewards_of(np.array([key]))[0])


def hash_rows(salt: str | int, file: str, rows: Ints | Hashes) -> Hashes:
    """Return 64 well-mixed bits for each row number: SplitMix64's finalizer (Steele, Lea, Flood
    2014) of the row and the SHA-256 of salt and file. Use different salts for independent choices.
    """
    key = hashlib.sha256(f"{salt}\n{file}".encode()).digest()[:8]
    x = rows.astype(np.uint64) + np.uint64(int.from_bytes(key, "little"))
    x = x * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def gumbel(rewards: Numbers, temperature: float, hashes: Hashes) -> Floats:
    """Add Gumbel noise to rewards. The k largest results are a sample without replacement: a reward
    that is `temperature` higher is e times as likely to be drawn next (Kool et al. 2019,
    arXiv:1903.06059).

    Results are rounded to float32, since numpy's logarithm differs between processors in its last
    bits.
    """
    uniform = ((hashes >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
    noise = -np.log(-np.log(uniform))
    noisy: Floats = (rewards.astype(np.float64) / temperature + noise).astype(np.float32)
    return noisy
