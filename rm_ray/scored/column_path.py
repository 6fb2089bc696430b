"""Columns in words: `reward`, `attributes.coherence`, `logits[1]`, `column('a-b')`.

Python's grammar, of which only names, fields and elements mean anything: nothing is ever run.
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
    """A column, a field of a struct, or an element of a list; elements are counted from 0."""

    text: str

    @classmethod
    def parse(cls, text: str) -> "ColumnPath":
        """Check that the text names a column.

        Raises:
            ConfigError: it does not; the message names what is not understood.
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
                f"cannot read {self.text!r}: {error.msg}; column('class') is a column by any name"
            ) from None

    @property
    def column(self) -> str:
        """The name of the column."""
        return _name(self._tree, self.text)

    def of(self, rows: pa.Table) -> pa.Array | pa.ChunkedArray:
        """Its value in every row.

        Raises:
            ConfigError: a column has no such field, or its type has none.
        """
        try:
            return _value(self._tree, rows)
        except (pa.ArrowException, KeyError, TypeError) as error:
            raise ConfigError(f"cannot work out {self.text!r}: {first_line(error)}") from None


def _name(node: ast.expr, text: str) -> str:
    """The name of the column in a tree.

    Raises:
        ConfigError: something in it means nothing here.
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
        "as attributes.NAME, an element such as logits[0], or a column by any name as column('a-b')"
    )


def _value(node: ast.expr, rows: pa.Table) -> Any:
    match node:
        case ast.Attribute(value=inner, attr=field):
            return pc.struct_field(_value(inner, rows), field)
        case ast.Subscript(value=inner, slice=ast.Constant(value=int(number))):
            return _element(_value(inner, rows), number)
    return as_plain(rows.column(_name(node, "")))


def _element(values: Any, number: int) -> Any:
    """That element of each list; null where it has none."""
    long_enough = pc.greater(pc.list_value_length(values), number)
    null = pa.scalar(None, values.type)
    return pc.list_element(pc.if_else(pc.fill_null(long_enough, False), values, null), number)
