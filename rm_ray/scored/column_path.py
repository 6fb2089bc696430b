"""Columns in words: `reward`, `attributes.coherence`, `logits[1]`, `column('a-b')`.

The text is parsed as Python, but never run. Only names, fields and elements are understood.
"""

import ast
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from rm_ray.corpus.columns import as_plain
from rm_ray.errors import ConfigError, first_line


@dataclass(frozen=True)
class ColumnPath:
    """A ColumnPath names a column, a field of a struct, or an element of a list."""

    text: str
    """The path in words, for example `attributes.coherence` or `logits[0]`. Elements are counted
    from 0."""

    @classmethod
    def parse(cls, text: str) -> "ColumnPath":
        """Return the path, after a check that the text names a column.

        Raises:
            ConfigError: the text names no column; the error says what is not understood.
        """
        path = cls(text)
        _name(path._tree, text)
        return path

    @property
    def _tree(self) -> ast.expr:
        try:
            return ast.parse(self.text.strip(), mode="eval").body
        except SyntaxError as error:
            raise ConfigError(
                f"cannot read {self.text!r}: {error.msg}; write a column of any name as "
                "column('class')"
            ) from None

    @property
    def column(self) -> str:
        """Return the name of the column, without fields and elements."""
        return _name(self._tree, self.text)

    @property
    def kept_as(self) -> str:
        """Return the name under which a run keeps this column of its corpus.

        `column('a-b')` is kept as a-b, and a field of a struct under its whole path.
        """
        tree = self._tree
        return self.column if isinstance(tree, ast.Name | ast.Call) else self.text

    def of(self, rows: pa.Table) -> pa.Array | pa.ChunkedArray:
        """Return the path's value in every row.

        Raises:
            ConfigError: the column does not have the field or element.
        """
        try:
            return _value(self._tree, rows)
        except (pa.ArrowException, KeyError, TypeError) as error:
            raise ConfigError(f"cannot work out {self.text!r}: {first_line(error)}") from None


def _name(node: ast.expr, text: str) -> str:
    """Return the name of the column in a syntax tree.

    Raises:
        ConfigError: the tree has something else than names, fields and elements.
    """
    match node:
        case ast.Name(id=name):
            return name
        case ast.Call(func=ast.Name(id="column"), args=[ast.Constant(value=str(name))]):
            return name
        case (
            ast.Attribute(value=inner) | ast.Subscript(value=inner, slice=ast.Constant(value=int()))
        ):
            return _name(inner, text)
    raise ConfigError(
        f"cannot read {ast.unparse(node)!r} in {text!r}: give a column such as lang, a field such "
        "as attributes.NAME, an element such as logits[0], or a column of any name as column('a-b')"
    )


def _value(node: ast.expr, rows: pa.Table) -> Any:
    match node:
        case ast.Attribute(value=inner, attr=field):
            return pc.struct_field(_value(inner, rows), field)
        case ast.Subscript(value=inner, slice=ast.Constant(value=int(number))):
            return _element(_value(inner, rows), number)
    return as_plain(rows.column(_name(node, "")))


def _element(values: Any, number: int) -> Any:
    """Return the element of this number of each list; null if the list is too short."""
    long_enough = pc.greater(pc.list_value_length(values), number)
    null = pa.scalar(None, values.type)
    return pc.list_element(pc.if_else(pc.fill_null(long_enough, False), values, null), number)
