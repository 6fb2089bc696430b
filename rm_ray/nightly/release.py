"""Releases what is held of a night: copies it to where readers look, exactly once.

    record    OUTPUT/nights/released/NIGHT.json, create-only: who, when and why
    copy      every file of OUTPUT/held/night=NIGHT; each is created, and never replaced
    mark      _SUCCESS, last
    store     the night's file says that it is released
    remove    the files of OUTPUT/held/night=NIGHT

A release that was interrupted goes on with its first record, by the same command or in the next
night. Stores have no rename, so the files are copied; their names follow from their content.
"""

import json
import logging
from dataclasses import asdict, replace

from pydantic import TypeAdapter

from rm_ray.config import OutputConfig
from rm_ray.errors import InputError, OutputError
from rm_ray.nightly.config import HELD, KEPT, NIGHTS
from rm_ray.nightly.deliveries import HELD_MARK, Delivery, Signed
from rm_ray.nightly.holding import release_command, shown
from rm_ray.nightly.index import write_index
from rm_ray.nightly.nights import SUFFIX, KnownNight, Nights
from rm_ray.nightly.pages import rewrite
from rm_ray.run.output.folder import SUCCESS
from rm_ray.store.folder import Folder, absolute
from rm_ray.store.trees import copy_files, files_below, remove_files

log = logging.getLogger(__name__)

RELEASED = "released"
_RECORD = TypeAdapter(Signed)
# Files of a held filter that are not handed on: its mark, and its driver's lease.
_LEFT = (HELD_MARK, "_rm_ray/lease.json")


def release(output: OutputConfig, night: str, because: str) -> None:
    """Deliver what is held of a night.

    Args:
        output: the folder of all nights.
        night: name of the night.
        because: the reason.

    Raises:
        InputError: there is no such night, it is not done, or nothing of it is held.
        OutputError: the folder cannot be used.
    """
    nights = Nights.at(output, NIGHTS).existing().writable()
    known = {one.night: one for one in nights.all()}
    one = known.get(night)
    if one is None:
        last = ", ".join(sorted(known)[-3:]) or "none"
        raise InputError(f"release: there is no night {night}; the last nights are {last}")
    if one.status is None:
        raise InputError(
            f"release: the night {night} is not finished; run the nightly job's own command first"
        )
    delivery = one.delivery
    if delivery is None or delivery.holds == "nothing":
        raise InputError(
            f"release: nothing of the night {night} is held: it is {delivery or 'not filtered'}"
        )
    if delivery.released is not None:
        _remove(output, night)
        log.info("the night %s was released %s", night, delivery.released)
        return
    _release(output, nights, one, delivery, Signed.now(because))
    write_index(output, nights)


def go_on_with_releases(output: OutputConfig, nights: Nights) -> None:
    """Finish the releases that were interrupted.

    Args:
        output: the folder of all nights.
        nights: the files of the nights.
    """
    begun = set((nights.folder / RELEASED).names())
    held = (Folder(absolute(output.path), output.storage) / HELD).entries() if begun else []
    for name in (entry.removeprefix("night=") for entry in held):
        one = nights.read(name) if f"{name}{SUFFIX}" in begun else None
        if one is None or one.delivery is None:
            continue
        log.info("going on with the release of the night %s, which was interrupted", name)
        if one.delivery.is_held:
            _release(output, nights, one, one.delivery, Signed.now("it was interrupted"))
        else:
            _remove(output, name)


def _release(
    output: OutputConfig, nights: Nights, one: KnownNight, delivery: Delivery, signed: Signed
) -> None:
    signed = _recorded(nights, one.night, signed)
    source, target = _held(output, one.night), _place(output, one.night, delivery)
    totals = source.read(HELD_MARK)
    if totals is None:
        raise OutputError(
            f"{source.uri} has no {HELD_MARK}: what was held there is not complete; restore it, or "
            f"filter the night into a folder of its own (jobs/filter.py --rewards.segments "
            f"{','.join(map(str, one.segments or []))})"
        )
    names = files_below(source)
    _check(names, json.loads(totals), source)
    log.info("releasing the night %s: %d files -> %s", one.night, len(names), target.uri)
    copy_files(source, target, [n for n in names if n not in _LEFT and "/scratch/" not in n])
    target.create(SUCCESS, totals)
    delivery = replace(delivery, released=signed)
    nights.put(replace(one, delivery=delivery))
    figures = shown(delivery, source.uri, release_command(output.path, one.night))
    rewrite(output, one.night, delivery=figures)
    _remove(output, one.night)
    log.info("the night %s: released %s; %s", one.night, signed, target.uri)


def _recorded(nights: Nights, night: str, signed: Signed) -> Signed:
    """Store who releases a night, once; return the record that is stored."""
    folder, name = nights.folder / RELEASED, f"{night}{SUFFIX}"
    if folder.create(name, (json.dumps(asdict(signed), indent=1) + "\n").encode()):
        return signed
    try:
        return _RECORD.validate_json(folder.read(name) or b"")
    except ValueError:
        raise OutputError(f"{folder.uri}/{name} is damaged; remove it") from None


def _check(names: list[str], totals: dict[str, int], source: Folder) -> None:
    """Refuse to hand on a folder whose listing lacks files of the corpus."""
    files = [name for name in names if "/" in name and not name.startswith("_")]
    if len(files) < totals["files"]:
        raise OutputError(
            f"{source.uri} has {len(files)} files, and {totals['files']} were written; restore "
            "them, or run the same command again if they were written just now"
        )


def _held(output: OutputConfig, night: str) -> Folder:
    return Folder(absolute(output.path), output.storage) / HELD / f"night={night}"


def _place(output: OutputConfig, night: str, delivery: Delivery) -> Folder:
    """Return the folder where readers find what is released.

    A night's own folder never changes once it is delivered. So groups that were held get a folder
    of their own, and readers of new folders see them.
    """
    name = f"night={night}" if delivery.holds == "night" else f"night={night}.{RELEASED}"
    folder = Folder(absolute(output.path), output.storage) / KEPT / name
    if "://" in folder.uri:
        return folder
    return replace(folder, scratch=f"{folder.path}/_rm_ray/scratch")


def _remove(output: OutputConfig, night: str) -> None:
    remove_files(_held(output, night))
