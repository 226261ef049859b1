"""What of Citus's rules can be seen in the text of a statement.

A statement is refused where Citus has refused one like it. It plans a query by the columns that
tables are spread by, and reads every step that it can't push down to the nodes into a result of its
own. What has to be looked up in a spread table for each row of such a result, it can't plan.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

import sqlglot
from sqlglot import exp

PARAMETER: Final = re.compile(r"%\(\w+\)s")
SQL_FUNCTION: Final = re.compile(
    r"CREATE\s+(?:OR\s+REPLACE\s+)?FUNCTION\s+([\w.]+)\s*\(([^)]*)\).*?"
    r"LANGUAGE\s+(\w+).*?AS\s+(\$\w*\$)(.*?)\4",
    re.IGNORECASE | re.DOTALL,
)
# The driver's parameters stand where any value may.
ANY_VALUE: Final = "NULL"
Sources = list["Source"]


@dataclass(frozen=True)
class Source:
    """What a step reads, by the name it has there."""

    alias: str
    kind: str
    """spread, reference, local, view (of spread tables), step, lateral or function."""
    name: str
    node: exp.Expr


@dataclass(frozen=True)
class Spread:
    """What is known of relations: by which column, and with which others, tables are spread."""

    columns: dict[str, str]
    groups: dict[str, str]
    reference: frozenset[str]
    views: dict[str, exp.Expr]

    def reads(self, node: exp.Expr, *, reference: bool = False) -> bool:
        """Whether it reads a spread table, or also a reference table, itself or through a view."""
        return any(self._is_of(name, reference=reference) for name in tables_in(node))

    def _is_of(self, name: str, *, reference: bool) -> bool:
        if name in self.columns or (reference and name in self.reference):
            return True
        return name in self.views and self.reads(self.views[name], reference=reference)

    def sources(self, step: exp.Expr) -> Sources:
        """What a step reads, each with its kind."""
        return [self._source(node) for node in nodes_read_by(step)]

    def _source(self, node: exp.Expr) -> Source:
        alias = node.alias_or_name
        if isinstance(node, exp.Lateral):
            return Source(alias, "lateral", "", node)
        if not isinstance(node, exp.Table):
            return Source(alias, "step", "", node)
        if not isinstance(node.this, exp.Identifier):
            return Source(alias, "function", "", node)
        name = name_of(node)
        return Source(alias, self._kind(node, name), name, node)

    def _kind(self, node: exp.Table, name: str) -> str:
        if is_step(node):
            return "step"
        if name in self.columns:
            return "spread"
        if name in self.reference:
            return "reference"
        if name not in self.views or not self.reads(self.views[name]):
            return "local"
        # What a set operation comes to is read into a result of its own.
        return "view" if isinstance(self.views[name], exp.Select) else "step"

    def key_of(self, source: Source) -> tuple[str, str] | None:
        """The group and the column by which the rows of a source are spread; None for no such."""
        if source.kind == "spread":
            return self.groups[source.name], self.columns[source.name]
        if source.kind != "step" or (body := body_of(source)) is None:
            return None
        keys = {self._key_of_step(step) for step in leaves(body)}
        return keys.pop() if len(keys) == 1 else None

    def _key_of_step(self, step: exp.Select) -> tuple[str, str] | None:
        known = {each.alias: self.key_of(each) for each in self.sources(step)}
        for column in step.expressions:
            read = column.unalias()
            key = known.get(read.table) if isinstance(read, exp.Column) else None
            if key is not None and read.name == key[1]:
                return key[0], column.alias_or_name
        return None


@cache
def parsed(text: str) -> exp.Expr:
    """The tree of one statement."""
    plain = PARAMETER.sub(ANY_VALUE, text).replace("%%", "%")
    tree: exp.Expr = sqlglot.parse_one(plain, read="postgres")
    return tree


def name_of(table: exp.Table) -> str:
    """With its schema, but for the given tables."""
    return ".".join(part.name for part in table.parts).removeprefix("public.")


def tables_in(node: exp.Expr) -> Iterator[str]:
    for table in node.find_all(exp.Table):
        if isinstance(table.this, exp.Identifier) and not is_step(table):
            yield name_of(table)


def is_step(table: exp.Table) -> bool:
    """Whether it is a step of a WITH around it."""
    return step_named(table) is not None


def step_named(table: exp.Table) -> exp.CTE | None:
    if len(table.parts) > 1:
        return None
    node: exp.Expr | None = table
    while node is not None:
        for step in steps_of(node):
            if step.alias == table.name:
                return step
        node = node.parent
    return None


def steps_of(node: exp.Expr) -> list[exp.CTE]:
    found = node.args.get("with_")
    return list(found.expressions) if found else []


def nodes_read_by(step: exp.Expr) -> list[exp.Expr]:
    """What stands in its FROM and its JOINs; the table that it changes comes first."""
    found = [] if isinstance(step, exp.Select) else [step.this]
    read = step.args.get("from_")
    if read is not None:
        found.append(read.this)
        found += [join.this for join in read.this.args.get("joins") or []]
    return found + [join.this for join in step.args.get("joins") or []]


def body_of(source: Source) -> exp.Expr | None:
    if isinstance(source.node, exp.Subquery):
        within: exp.Expr = source.node.this
        return within
    step = step_named(source.node) if isinstance(source.node, exp.Table) else None
    if step is None or step.args.get("materialized"):
        return None
    found: exp.Expr = step.this
    return found


def leaves(body: exp.Expr) -> list[exp.Select]:
    """The steps of a set operation."""
    if isinstance(body, exp.SetOperation):
        return leaves(body.left) + leaves(body.right)
    return [body] if isinstance(body, exp.Select) else []


def step_around(node: exp.Expr) -> exp.Expr | None:
    return node.find_ancestor(exp.Select, exp.Update, exp.Delete)


def outer_names(step: exp.Select, spread: Spread) -> set[str]:
    """The names of the rows around a step for each of which it is done."""
    inner = {each.alias for within in step.find_all(exp.Select) for each in spread.sources(within)}
    return {column.table for column in step.find_all(exp.Column)} - inner - {""}


def is_lateral(step: exp.Select) -> bool:
    parent = step.parent
    return isinstance(parent, exp.Subquery) and isinstance(parent.parent, exp.Lateral)


# --- the rules: each yields what is wrong with a statement ---


def recursion(tree: exp.Expr, spread: Spread) -> Iterator[str]:
    """WITH RECURSIVE reads no spread table."""
    for found in tree.find_all(exp.With):
        if found.args.get("recursive") and spread.reads(tree):
            yield "reads a spread table recursively"


def lookups(tree: exp.Expr, spread: Spread) -> Iterator[str]:
    """A spread table is looked up for rows of spread tables only, and beside no step."""
    for step in tree.find_all(exp.Select):
        around = step_around(step)
        if around is None or is_lateral(step) or not looks_up(step, spread):
            continue
        beside = spread.sources(around)
        if not outer_names(step, spread) & {each.alias for each in beside}:
            continue
        kinds = {each.kind for each in beside}
        if "spread" not in kinds:
            yield "looks a spread table up for rows that are not spread"
        elif kinds & {"step", "view", "lateral", "function"}:
            yield "looks a spread table up beside a step"


def looks_up(step: exp.Select, spread: Spread) -> bool:
    kinds = {each.kind for each in spread.sources(step)}
    return bool(kinds & {"spread", "view"})


def laterals(tree: exp.Expr, spread: Spread) -> Iterator[str]:
    """A LATERAL step reads spread tables for rows with the same key, by that key."""
    for step in tree.find_all(exp.Select):
        around = step_around(step)
        if around is None or not is_lateral(step) or not spread.reads(step):
            continue
        outer = outer_names(step, spread)
        beside = [each for each in spread.sources(around) if each.alias in outer]
        if outer and not any(joined_by_key(step, each, spread) for each in beside):
            yield "reads a spread table laterally, and not by the key of spread rows"


def joined_by_key(step: exp.Select, outer: Source, spread: Spread) -> bool:
    key = spread.key_of(outer)
    if key is None:
        return False
    inner = {each.alias: spread.key_of(each) for each in spread.sources(step)}
    for pair in step.find_all(exp.EQ):
        for one, other in ((pair.left, pair.right), (pair.right, pair.left)):
            if isinstance(one, exp.Column) and isinstance(other, exp.Column):
                own = inner.get(one.table)
                is_ours = own is not None and own == (key[0], one.name)
                if is_ours and (other.table, other.name) == (outer.alias, key[1]):
                    return True
    return False


def joins(tree: exp.Expr, spread: Spread) -> Iterator[str]:
    """Spread tables are joined by their keys."""
    for step in tree.find_all(exp.Select, exp.Update, exp.Delete):
        keys = {
            each.alias: key
            for each in spread.sources(step)
            if each.kind == "spread" and (key := spread.key_of(each))
        }
        if len(keys) > 1 and not are_joined(step, keys):
            yield f"joins {' and '.join(sorted(keys))}, and not by what they are spread by"


def are_joined(step: exp.Expr, keys: dict[str, tuple[str, str]]) -> bool:
    """Whether equal keys lead from each of these tables to each other one."""
    together = {alias: {alias} for alias in keys}
    for pair in step.find_all(exp.EQ):
        one, other = pair.left, pair.right
        if not isinstance(one, exp.Column) or not isinstance(other, exp.Column):
            continue
        if keys.get(one.table) == (keys.get(other.table, ("", ""))[0], one.name) and (
            keys[other.table][1] == other.name
        ):
            merged = together[one.table] | together[other.table]
            together.update(dict.fromkeys(merged, merged))
    return any(len(found) == len(keys) for found in together.values())


def empty_lists(tree: exp.Expr, spread: Spread) -> Iterator[str]:
    """A step that stands for itself has a column: it becomes a result of its own."""
    if not spread.reads(tree):
        return
    for step in tree.find_all(exp.Select):
        is_alone = not outer_names(step, spread)
        if not step.expressions and is_alone and spread.reads(step, reference=True):
            yield "asks for no column in a step that stands for itself"


def settled_values(tree: exp.Expr, spread: Spread) -> Iterator[str]:
    """What is inserted has a FROM, if it has steps that read spread tables."""
    for insert in tree.find_all(exp.Insert):
        given = insert.expression
        is_step = isinstance(given, exp.Select | exp.Values)
        if is_step and not given.args.get("from_") and spread.reads(given):
            yield "inserts what a step reads from a spread table, without a FROM"


def settings(tree: exp.Expr, spread: Spread) -> Iterator[str]:
    """A node does not know the settings of a session."""
    if spread.reads(tree):
        for call in tree.find_all(exp.Anonymous):
            if call.name.lower() == "current_setting" and "office." in call.sql():
                yield "reads a setting that the nodes don't have"


def numbers(tree: exp.Expr, spread: Spread, numbered: frozenset[str]) -> Iterator[str]:
    """Accepted but wrong: numbers are given before DISTINCT leaves rows out."""
    for insert in tree.find_all(exp.Insert):
        given = insert.expression
        is_distinct = isinstance(given, exp.Select) and given.args.get("distinct")
        if is_distinct and target_of(insert) in numbered and spread.reads(tree):
            yield "numbers rows before it leaves some out: GROUP BY them"


def target_of(insert: exp.Insert) -> str:
    table = insert.this.this if isinstance(insert.this, exp.Schema) else insert.this
    return name_of(table)


def scales(tree: exp.Expr, spread: Spread, numeric: dict[str, set[str]]) -> Iterator[str]:
    """Accepted but wrong: a number out of spread rows comes without the scale of its column."""
    for insert in tree.find_all(exp.Insert):
        given, columns = insert.expression, numeric.get(target_of(insert), set())
        if not isinstance(given, exp.Select) or not isinstance(insert.this, exp.Schema):
            continue
        for name, value in zip(insert.this.expressions, given.expressions, strict=False):
            if name.name in columns and spread.reads(tree) and is_computed(value, given, spread):
                yield f"gives {name.name} a number without its scale: cast it"


def is_computed(value: exp.Expr, step: exp.Select, spread: Spread) -> bool:
    """Whether a value is a sum, here or in a step that it comes from, and is not cast."""
    given = value.unalias()
    if isinstance(given, exp.Cast):
        return False
    if given.find(exp.AggFunc):
        return True
    steps = {each.alias: each for each in spread.sources(step) if each.kind == "step"}
    return any(
        is_computed(found, leaf, spread)
        for column in given.find_all(exp.Column)
        if column.table in steps and (body := text_of(steps[column.table])) is not None
        for leaf in leaves(body)
        for found in leaf.expressions
        if found.alias_or_name == column.name
    )


def text_of(source: Source) -> exp.Expr | None:
    """The body of a step, also of one that becomes a result of its own."""
    if isinstance(source.node, exp.Subquery):
        return body_of(source)
    step = step_named(source.node) if isinstance(source.node, exp.Table) else None
    found: exp.Expr | None = step.this if step is not None else None
    return found


def orders(tree: exp.Expr, spread: Spread) -> Iterator[str]:
    """Accepted but wrong: who needs the order of a view says it himself."""
    for step in tree.find_all(exp.Select):
        read = [each.name for each in spread.sources(step) if each.kind in ("view", "step")]
        ordered = [name for name in read if name in spread.views and is_ordered(name, spread)]
        if ordered and step.args.get("limit") and not step.args.get("order"):
            yield f"takes the first of {ordered[0]} by the order of that view"


def is_ordered(name: str, spread: Spread) -> bool:
    return spread.views[name].args.get("order") is not None


def looked_up_changes(tree: exp.Expr, spread: Spread) -> Iterator[str]:
    """What is read while a reference table is changed, the role would have to be able to change."""
    for change in tree.find_all(exp.Insert, exp.Update, exp.Delete):
        changed = change.this.this if isinstance(change.this, exp.Schema) else change.this
        target = name_of(changed)
        read = {name for name in tables_in(change) if name in spread.reference} - {target}
        if target in spread.reference and read:
            yield f"reads {min(read)} while it changes {target}"


def figures(tree: exp.Expr, _: Spread) -> Iterator[str]:
    """There is no snapshot of all nodes: a figure is computed anew, and not added to."""
    for update in [*tree.find_all(exp.Update), *tree.find_all(exp.OnConflict)]:
        for change in update.expressions:
            if isinstance(change, exp.EQ) and change.left.name in ("revenue", "claims", "patients"):
                added = [each.name for each in change.right.find_all(exp.Column)]
                if isinstance(change.right, exp.Add) and change.left.name in added:
                    yield f"adds to {change.left.name}"


def calls(tree: exp.Expr, spread: Spread, reading: set[str]) -> Iterator[str]:
    """A function that reads spread tables is not called on a node, for rows of one."""
    for call in tree.find_all(exp.Dot):
        name = ".".join(part.name for part in (call.this, call.expression))
        step = step_around(call)
        if name in reading and step is not None:
            kinds = {each.kind for each in spread.sources(step)}
            if kinds & {"spread", "view"}:
                yield f"calls {name}, which reads spread tables, for rows of one"


# --- functions, by their texts ---


@dataclass(frozen=True)
class Function:
    """What a file makes."""

    name: str
    parameters: str
    language: str
    body: str


def functions_in(text: str) -> list[Function]:
    return [
        Function(found[1], found[2].strip(), found[3].lower(), found[5])
        for found in SQL_FUNCTION.finditer(text)
    ]


def names(text: str, relations: set[str]) -> set[str]:
    """Which of these relations a text names."""
    found = re.findall(r"(?<![\w.])(?:public\.)?([a-z_]\w*(?:\.\w+)?)(?![\w.(])", text)
    return relations & set(found)
