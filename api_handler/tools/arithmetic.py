"""Arithmetic that cannot run away: every operand is bounded before it is computed."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable
from typing import Annotated, Any

from api_handler.tools.toolbox import ToolError

MAX_LENGTH = 500
MAX_DEPTH = 50
MAX_BITS = 2048
Number = int | float

_BINARY: dict[type[ast.operator], Callable[[Number, Number], Number]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": abs,
    "round": lambda value, digits=0: _round(value, digits),
    "min": min,
    "max": max,
    "sqrt": math.sqrt,
    "log": math.log,
    "log10": math.log10,
    "exp": math.exp,
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "floor": math.floor,
    "ceil": math.ceil,
}
_CONSTANTS = {"pi": math.pi, "e": math.e}


def calculate(expression: Annotated[str, "for instance (1250 * 1.19 - 300) / 12; ** is the power"]) -> str:
    """Calculate an arithmetic expression: + - * / // % **, abs, round, min, max, sqrt, log, exp, sin."""
    if len(expression) > MAX_LENGTH:
        raise ToolError(f"the expression is longer than {MAX_LENGTH} characters")
    if _nesting(expression) > MAX_DEPTH:
        raise ToolError(f"the expression is nested deeper than {MAX_DEPTH} levels")
    try:
        tree = ast.parse(expression.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ToolError("that is not an arithmetic expression") from None
    try:
        value = _value(tree.body, 0)
    except ZeroDivisionError:
        raise ToolError("division by zero") from None
    except (OverflowError, ValueError, TypeError) as error:
        raise ToolError(f"this cannot be calculated ({type(error).__name__})") from None
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def _nesting(expression: str) -> int:
    depth = deepest = 0
    for character in expression:
        if character in "([{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in ")]}":
            depth -= 1
    return deepest


def _value(node: ast.expr, depth: int) -> Number:
    if depth > MAX_LENGTH:
        raise ToolError("the expression has too many terms")
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return _bounded(node.value)  # type: ignore[arg-type]
    if isinstance(node, ast.Name) and node.id in _CONSTANTS:
        return _CONSTANTS[node.id]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.UAdd, ast.USub)):
        operand = _value(node.operand, depth + 1)
        return -operand if isinstance(node.op, ast.USub) else operand
    if isinstance(node, ast.BinOp):
        left, right = _value(node.left, depth + 1), _value(node.right, depth + 1)
        if isinstance(node.op, ast.Pow):
            return _power(left, right)
        if type(node.op) in _BINARY:
            return _bounded(_BINARY[type(node.op)](left, right))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        function = _FUNCTIONS.get(node.func.id)
        if function is not None:
            return _bounded(function(*[_value(argument, depth + 1) for argument in node.args]))
    raise ToolError(
        "only numbers, + - * / // % **, parentheses and " + ", ".join(_FUNCTIONS) + " are understood"
    )


def _power(base: Number, exponent: Number) -> Number:
    if isinstance(base, int) and isinstance(exponent, int):
        # The size is known before the work: |base| ** n has at most n * bits(base) bits.
        if base.bit_length() * abs(exponent) > MAX_BITS and abs(base) > 1:
            raise ToolError("the result of ** is too large")
    elif base < 0 and not float(exponent).is_integer():
        raise ToolError("a negative number has no real power with a fraction")
    return _bounded(base**exponent)


def _round(value: Number, digits: Number) -> Number:
    # round() of an integer to -n digits computes 10 ** n.
    if not isinstance(digits, int) or not -300 <= digits <= 300:
        raise ToolError("round takes a whole number of digits from -300 to 300")
    return round(value, digits)


def _bounded(value: Number) -> Number:
    if isinstance(value, int) and value.bit_length() > MAX_BITS:
        raise ToolError("the result is too large")
    if isinstance(value, float) and not math.isfinite(value):
        raise ToolError("the result is not a finite number")
    return value
