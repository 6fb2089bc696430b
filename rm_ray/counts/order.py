"""One order of all documents, best first: by reward, then by a hash, then by file and row.

Exact and the same on every machine: keys are the bits of float32 numbers, ties are broken by a
seeded hash of where the document is, and by that itself should two hashes be equal.
"""

import hashlib

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]

# Of a key, and of a hash.
KEY_BITS, HASH_BITS = 32, 64


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


def least_at(threshold: float) -> float:
    """The smallest float32 that is not below a number."""
    near = np.float32(threshold)
    return float(near if float(near) >= threshold else np.nextafter(near, np.float32(np.inf)))


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


def gumbel(rewards: Floats, temperature: float, hashes: Hashes) -> Floats:
    """Rewards with Gumbel noise: the k largest are a sample without replacement, in which a reward
    that is `temperature` higher is e times as likely to be drawn next (Kool et al. 2019,
    arXiv:1903.06059).

    Rounded to float32: numpy's logarithm differs between processors, in its last bits.
    """
    uniform = ((hashes >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
    noise = -np.log(-np.log(uniform))
    noisy: Floats = (rewards.astype(np.float64) / temperature + noise).astype(np.float32)
    return noisy
