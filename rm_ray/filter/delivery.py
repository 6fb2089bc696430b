"""The configuration of what is left out: documents one by one, and groups that are not written."""

import json
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from rm_ray.addresses import refuse_credentials
from rm_ray.config import NonEmpty, Section, StorageConfig, as_list
from rm_ray.errors import ConfigError
from rm_ray.filter.quotas import label_of
from rm_ray.scored.column_path import ColumnPath


class LeaveOutConfig(Section):
    """Documents to leave out, one by one: they are dropped and do not count."""

    path: NonEmpty | None = None
    """Parquet file with the columns source_file and row, which name documents as the rewards do;
    null: none.
    """
    storage: StorageConfig = StorageConfig()
    """How the file's store is reached."""

    @model_validator(mode="after")
    def _no_credentials(self) -> Self:
        if self.path:
            refuse_credentials(self.path)
        return self


class DeliverConfig(Section):
    """The groups whose kept documents are written. The cuts stay those of all documents, so that a
    document is kept or dropped whatever stands here.
    """

    by: Annotated[list[NonEmpty], BeforeValidator(as_list)] = Field([])
    """Columns whose values make these groups."""
    only: list[NonEmpty] | None = None
    """Write documents of these groups only, each given as its value, or as a JSON list of its
    values, such as '["web", "en"]'; null: of every group.
    """
    without: list[NonEmpty] = Field([])
    """Write no document of these groups."""

    @property
    def is_asked(self) -> bool:
        """Return True if some groups may be left out."""
        return self.only is not None or bool(self.without)

    def writes(self, label: str) -> bool:
        """Return True if documents of a group are written.

        Args:
            label: the group's label.
        """
        return label not in self.without and (self.only is None or label in self.only)

    @field_validator("by")
    @classmethod
    def _are_columns(cls, names: list[str]) -> list[str]:
        for name in names:
            try:
                ColumnPath.parse(name)
            except ConfigError as error:
                raise ValueError(str(error)) from None
        return names

    @field_validator("only", "without")
    @classmethod
    def _are_labels(cls, groups: list[str] | None) -> list[str] | None:
        return None if groups is None else [label_of(group) for group in groups]

    @model_validator(mode="after")
    def _has_columns(self) -> Self:
        if self.is_asked and not self.by:
            raise ValueError("deliver.only and deliver.without need deliver.by")
        for label in [*(self.only or ()), *self.without]:
            if (values := len(json.loads(label))) != len(self.by):
                raise ValueError(
                    f"the group {label} has {values} values, and deliver.by names {len(self.by)} "
                    "columns"
                )
        return self
