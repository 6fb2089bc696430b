"""The Hugging Face hub: opened by huggingface_hub, and asked anew each time.

HfFileSystem keeps what it has listed for as long as the process lives, in all its instances, and
knows no option against that.
"""

from typing import Any

from huggingface_hub import HfFileSystem

from rm_ray.config import StorageConfig

_NOW = {"refresh": True}


def open_hub(storage: StorageConfig) -> Any:
    """The filesystem."""
    return FreshHub(endpoint=storage.endpoint_url, token=False if storage.anonymous else None)


class FreshHub(HfFileSystem):  # type: ignore[misc]
    """The hub as it is now."""

    def info(self, path: str, **options: Any) -> Any:
        """Of this file alone. An answer that is not expanded has no version."""
        inside = self.resolve_path(path, options.get("revision")).path != ""
        return super().info(path, **{"expand_info": inside} | options | _NOW)

    def ls(self, path: str, detail: bool = True, **options: Any) -> Any:
        """Never from what was listed before."""
        return super().ls(path, detail, **options | _NOW)

    def find(self, path: str, **options: Any) -> Any:
        """Never from what was listed before."""
        return super().find(path, **options | _NOW)

    def resolve_path(self, path: str, revision: str | None = None) -> Any:
        """What is not there is looked for again the next time."""
        try:
            return super().resolve_path(path, revision=revision)
        except FileNotFoundError:
            self.invalidate_cache()
            raise
