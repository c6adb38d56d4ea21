"""Small changes of the code that a test should notice: mutants.

Each mutant changes one expression or statement of one module. What no test can or should notice is left alone: annotations,
decorators, docstrings, texts, the words of an error, what only shows an object, and what only a type checker reads.
"""

from __future__ import annotations

import ast
import difflib
import random
from dataclasses import dataclass
from itertools import accumulate, islice
from operator import itemgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What is replaced, what stands in its place, and what that is in words.
Change = tuple[ast.expr | ast.stmt, ast.expr | ast.stmt, str]

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip

ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult, ast.Div: ast.Mult,
    ast.Mod: ast.FloorDiv, ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.BitXor: ast.BitAnd,
    ast.LShift: ast.RShift, ast.RShift: ast.LShift,
}  # fmt: skip

#: Conditions that are turned round with `not`; the others have changes of their own.
PLAIN = (ast.Name, ast.Call, ast.Attribute, ast.Subscript)

#: Functions whose code is left alone: they show an object, to a person.
SHOWING = {"__repr__", "__str__", "_repr_html_", "_repr_mimebundle_"}

#: Calls whose arguments are left alone: they are for a type checker or for the log.
UNREAD = {"cast", "TypeVar", "overload", "debug", "info", "warning", "error", "exception", "log"}


@dataclass(frozen=True)
class Mutant:
    """A module with one change.

    Attributes
    ----------
    module : str
        Path of the module in the repository.
    kind : str
        What was changed, in a few words.
    source, mutated : str
        The text of the module before and after.
    """

    module: str
    kind: str
    source: str
    mutated: str

    def compiles(self) -> bool:
        """Return whether Python takes the mutant at all."""
        try:
            compile(self.mutated, "", "exec", dont_inherit=True)
        except SyntaxError:
            return False
        return True

    def lines(self) -> tuple[str, str]:
        """Return the lines that differ, before and after, without the blanks around them."""
        before, after = self.source.splitlines(), self.mutated.splitlines()
        first = _alike_from_the_start(before, after)
        last = _alike_from_the_start(before[first:][::-1], after[first:][::-1])
        one, other = (
            " ".join(line.strip() for line in lines[first : len(lines) - last]) for lines in (before, after)
        )
        return one, other

    def diff(self) -> str:
        """Return the change as a unified diff."""
        texts = (text.splitlines(keepends=True) for text in (self.source, self.mutated))
        return "".join(difflib.unified_diff(*texts, self.module, f"{self.module} ({self.kind})", n=2))


def _alike_from_the_start(one: list[str], other: list[str]) -> int:
    """Return how many lines two texts have in common at their start."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((number for number, (a, b) in pairs if a != b), min(len(one), len(other)))


def mutants(module: str, source: str) -> Iterator[Mutant]:
    """Yield every mutant of a module's source; some of them may not compile."""
    code = source.encode()
    starts = [0, *accumulate(len(line) for line in code.splitlines(keepends=True))]
    for node in _mutable(ast.parse(source)):
        for target, changed, kind in _changes(node):
            begin = starts[target.lineno - 1] + target.col_offset
            end = starts[(target.end_lineno or 0) - 1] + (target.end_col_offset or 0)
            text = ast.unparse(ast.fix_missing_locations(changed))
            if isinstance(changed, ast.expr) and not isinstance(changed, ast.Constant | ast.Call | ast.Name):
                text = f"({text})"  # whatever stands around it
            yield Mutant(module, kind, source, (code[:begin] + text.encode() + code[end:]).decode())


def sample(all_mutants: list[Mutant], count: int, seed: int) -> list[Mutant]:
    """Return `count` of the mutants, spread over the modules by their numbers, the same ones for the same seed.

    A change of the code hardly changes which mutants of the unchanged lines are chosen.
    """
    by_module: dict[str, list[Mutant]] = {}
    for mutant in all_mutants:
        by_module.setdefault(mutant.module, []).append(mutant)
    placed: list[tuple[float, Mutant]] = []
    for own in by_module.values():
        drawn = [random.Random(f"{seed} {mutant.module} {mutant.lines()}") for mutant in own]
        order = sorted(zip((chance.random() for chance in drawn), range(len(own)), strict=True))
        placed += [
            ((place + drawn[number].random()) / len(own), own[number])
            for place, (_, number) in enumerate(order)
        ]
    placed.sort(key=itemgetter(0))
    return list(islice((mutant for _, mutant in placed if mutant.compiles()), count))


def _mutable(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes below that a test should notice a change of."""
    for name, child in _children(node):
        if _left_alone(node, name, child):
            continue
        yield child
        yield from _mutable(child)


def _children(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    for name, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield name, child


def _left_alone(parent: ast.AST, field: str, child: ast.AST) -> bool:
    if field in {"annotation", "returns", "decorator_list", "bases", "type_comment"}:
        return True
    match child:
        case ast.JoinedStr() | ast.Raise(exc=ast.Name()):
            return True
        case ast.If(test=ast.Name("TYPE_CHECKING")):
            return True
        case ast.FunctionDef(name=name) if name in SHOWING:
            return True
        case ast.Assign(targets=[ast.Name("__all__" | "__slots__")]):
            return True
        case ast.AnnAssign(annotation=ast.Name("TypeAlias")):
            return True
        case ast.Call(func=ast.Name(name) | ast.Attribute(attr=name)) if name in UNREAD:
            return True
        case ast.Expr(value=ast.Constant()) | ast.keyword(arg="repr"):
            return True
    match parent:
        case ast.Call(ast.Name("isinstance" | "issubclass"), [_, types]):
            return child is types
    # what an error says is not what it is
    return isinstance(parent, ast.Raise)


def _changes(node: Any) -> Iterator[Change]:
    """Yield the changes of one node."""
    match node:
        case ast.Compare(left, [operator], [right]) if type(operator) in COMPARISONS:
            yield node, ast.Compare(left, [COMPARISONS[type(operator)]()], [right]), "another comparison"
        case ast.BoolOp(operator, values):
            yield (
                node,
                ast.BoolOp(ast.And() if isinstance(operator, ast.Or) else ast.Or(), values),
                "and / or",
            )
        case ast.UnaryOp(ast.Not() | ast.USub(), operand):
            yield node, operand, "a sign removed"
        case ast.BinOp(left, operator, right) if type(operator) in ARITHMETIC:
            yield node, ast.BinOp(left, ARITHMETIC[type(operator)](), right), "another operator"
        case ast.AugAssign(target, operator, value) if type(operator) in ARITHMETIC:
            yield node, ast.AugAssign(target, ARITHMETIC[type(operator)](), value), "another operator"
        case ast.Constant(bool() as value):
            yield node, ast.Constant(not value), "True / False"
        case ast.Constant(int() | float() as value):
            yield node, ast.Constant(value + 1), "one more"
            yield node, ast.Constant(value - 1), "one less"
        case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test) if isinstance(test, PLAIN):
            yield test, ast.UnaryOp(ast.Not(), test), "a condition turned round"
        case ast.comprehension(ifs=[test]) if isinstance(test, PLAIN):
            yield test, ast.UnaryOp(ast.Not(), test), "a condition turned round"
        case ast.Call(function, [first, second, *rest], keywords) if _alike(function, first, second):
            yield node, ast.Call(function, [second, first, *rest], keywords), "arguments swapped"
        case ast.Return(ast.expr() as value) if not isinstance(value, ast.Constant):
            yield node, ast.Return(ast.Constant(None)), "returns None"
        case ast.Expr(ast.Call()) | ast.Raise() | ast.Break() | ast.Continue() | ast.Delete():
            yield node, ast.Pass(), "a statement removed"
        case ast.Assign([ast.Attribute() | ast.Subscript()], _):
            yield node, ast.Pass(), "a statement removed"


def _alike(function: ast.expr, first: ast.expr, second: ast.expr) -> bool:
    """Return whether two arguments could be taken for each other; most others end in a `TypeError`, which proves nothing."""
    same = type(first) is type(second) and ast.dump(first) != ast.dump(second) and isinstance(first, PLAIN)
    return same and not (isinstance(function, ast.Name) and function.id in {"isinstance", "issubclass"})
