"""Columns and conditions in words: `attributes.coherence`, `logits[1]`, `n_tokens >= 128`.

Python's grammar, of which only comparisons, `and`, `or`, `not`, `in`, `is None`, names, fields and
elements mean anything: nothing is ever run.
"""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from rm_ray.corpus.columns import as_plain
from rm_ray.errors import ConfigError, first_line

_COMPARE: dict[type[ast.cmpop], Callable[..., Any]] = {
    ast.Eq: pc.equal, ast.NotEq: pc.not_equal, ast.Lt: pc.less, ast.LtE: pc.less_equal,
    ast.Gt: pc.greater, ast.GtE: pc.greater_equal,
}  # fmt: skip
_PATHS = (ast.Name, ast.Attribute, ast.Subscript, ast.Call)


@dataclass(frozen=True)
class Formula:
    """A column, a field or element of one, or a condition."""

    text: str

    @classmethod
    def parse(cls, text: str) -> "Formula":
        """Check that it is one.

        Raises:
            ConfigError: naming what is not understood.
        """
        formula = cls(text)
        list(_names(formula._tree, text))
        return formula

    @property
    def _tree(self) -> ast.expr:
        try:
            return ast.parse(self.text.strip(), mode="eval").body
        except SyntaxError as error:
            hint = "; equality is written ==, and column('class') is a column by any name"
            raise ConfigError(f"cannot read {self.text!r}: {error.msg}{hint}") from None

    @property
    def is_path(self) -> bool:
        """Whether it is a column, or a field or element of one."""
        return isinstance(self._tree, _PATHS)

    @property
    def columns(self) -> list[str]:
        """The columns that it speaks of, each once."""
        return list(dict.fromkeys(_names(self._tree, self.text)))

    def of(self, rows: pa.Table) -> pa.Array | pa.ChunkedArray:
        """Its value in every row.

        Raises:
            ConfigError: a column has no such field, or types do not fit.
        """
        try:
            value = _value(self._tree, rows)
        except (pa.ArrowException, KeyError, TypeError) as error:
            raise ConfigError(f"cannot work out {self.text!r}: {first_line(error)}") from None
        return value

    def holds(self, rows: pa.Table) -> pa.Array:
        """Whether it is true, row by row; where it is null, it is not.

        Raises:
            ConfigError: it is no condition.
        """
        value = self.of(rows)
        if not pa.types.is_boolean(value.type):
            raise ConfigError(f"{self.text!r} is {value.type} and no condition")
        return pc.fill_null(value, False)


def _names(node: ast.expr, text: str) -> Iterator[str]:
    """Columns in a tree.

    Raises:
        ConfigError: something in it means nothing here.
    """
    match node:
        case ast.Name(id=name):
            yield name
        case ast.Call(func=ast.Name(id="column"), args=[ast.Constant(value=str(name))]):
            yield name
        case (
            ast.Attribute(value=inner) | ast.Subscript(value=inner, slice=ast.Constant(value=int()))
        ):
            yield from _names(inner, text)
        case ast.BoolOp(values=parts):
            for part in parts:
                yield from _names(part, text)
        case ast.UnaryOp(op=ast.Not(), operand=part):
            yield from _names(part, text)
        case ast.Compare(left=left, ops=ops, comparators=others):
            yield from _names(left, text)
            for op, other in zip(ops, others, strict=True):
                nothing = isinstance(other, ast.Constant) and other.value is None
                if isinstance(op, ast.Is | ast.IsNot) != nothing:
                    raise ConfigError(
                        f"cannot read {text!r}: null is asked for as 'is None' or 'is not None', "
                        "and everything else by == and !="
                    )
                if isinstance(op, ast.In | ast.NotIn):
                    _constant(other, text)
                elif not _is_constant(other):
                    yield from _names(other, text)
        case _ if _is_constant(node):
            return
        case _:
            raise ConfigError(
                f"cannot read {ast.unparse(node)!r} in {text!r}: a condition is made of columns, "
                "numbers, 'texts', == != < <= > >= in, is None, and, or, not; column('a-b') is a "
                "column by any name"
            )


def _is_constant(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except ValueError:
        return False
    return True


def _constant(node: ast.expr, text: str) -> Any:
    if not _is_constant(node):
        raise ConfigError(f"{ast.unparse(node)!r} in {text!r} is not a value, or a list of values")
    return ast.literal_eval(node)


def _value(node: ast.expr, rows: pa.Table) -> Any:
    match node:
        case ast.Name(id=name) | ast.Call(args=[ast.Constant(value=str(name))]):
            return as_plain(rows.column(name))
        case ast.Attribute(value=inner, attr=field):
            return pc.struct_field(_value(inner, rows), field)
        case ast.Subscript(value=inner, slice=ast.Constant(value=int(number))):
            return _element(_value(inner, rows), number)
        case ast.BoolOp(op=op, values=parts):
            join = pc.and_kleene if isinstance(op, ast.And) else pc.or_kleene
            value = _value(parts[0], rows)
            for part in parts[1:]:
                value = join(value, _value(part, rows))
            return value
        case ast.UnaryOp(op=ast.Not(), operand=part):
            return pc.invert(_value(part, rows))
        case ast.Compare(left=left, ops=ops, comparators=others):
            value, before = None, _value(left, rows)
            for sign, other in zip(ops, others, strict=True):
                this, before = _compared(before, sign, other, rows)
                value = this if value is None else pc.and_kleene(value, this)
            return value
    return pa.scalar(ast.literal_eval(node))


def _compared(before: Any, op: ast.cmpop, other: ast.expr, rows: pa.Table) -> tuple[Any, Any]:
    """Whether it holds, and the value on the right."""
    if isinstance(op, ast.Is | ast.IsNot):
        found = pc.is_null(before)
        return (found if isinstance(op, ast.Is) else pc.invert(found)), before
    if isinstance(op, ast.In | ast.NotIn) and pa.types.is_null(before.type):
        return pa.nulls(len(before), pa.bool_()), before
    if isinstance(op, ast.In | ast.NotIn):
        among = ast.literal_eval(other)
        found = pc.is_in(before, pa.array(among if isinstance(among, list | tuple) else [among]))
        found = pc.if_else(pc.is_valid(before), found, None)
        return (found if isinstance(op, ast.In) else pc.invert(found)), before
    right = _value(other, rows)
    return _COMPARE[type(op)](before, right), right


def _element(values: Any, number: int) -> Any:
    """That element of each list; null where it has none."""
    long_enough = pc.greater(pc.list_value_length(values), number)
    null = pa.scalar(None, values.type)
    return pc.list_element(pc.if_else(pc.fill_null(long_enough, False), values, null), number)
