"""Opens the Hugging Face hub with huggingface_hub, and asks it anew each time.

HfFileSystem keeps its listings for as long as the process lives, in all its instances, and has no
option to turn this off.
"""

from typing import Any

from huggingface_hub import HfFileSystem

from rm_ray.config import StorageConfig

_NOW = {"refresh": True}


def open_hub(storage: StorageConfig) -> Any:
    """Open the filesystem."""
    return FreshHub(endpoint=storage.endpoint_url, token=False if storage.anonymous else None)


class FreshHub(HfFileSystem):  # type: ignore[misc]
    """FreshHub is HfFileSystem without old listings."""

    def info(self, path: str, **options: Any) -> Any:
        """Return the hub's answer on one file, expanded, since only then it has a version."""
        inside = self.resolve_path(path, options.get("revision")).path != ""
        return super().info(path, **{"expand_info": inside} | options | _NOW)

    def ls(self, path: str, detail: bool = True, **options: Any) -> Any:
        """List a folder anew, never from an old listing."""
        return super().ls(path, detail, **options | _NOW)

    def find(self, path: str, **options: Any) -> Any:
        """List all files below a folder anew, never from an old listing."""
        return super().find(path, **options | _NOW)

    def resolve_path(self, path: str, revision: str | None = None) -> Any:
        """Split a path, and look for a missing repository again at the next call."""
        try:
            return super().resolve_path(path, revision=revision)
        except FileNotFoundError:
            self.invalidate_cache()
            raise
