"""The category tree in the database, one for each source. Blocking."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, delete, select

from toplist.categories.tree import TOP, Category, ChildrenReading, Tree
from toplist.items import Source
from toplist.storage.database import upsert, writing
from toplist.storage.tables import category as table

_ABOUT = ("parent_id", "name", "level", "is_leaf")


class Categories:
    """One source's tree: each category with the time at which its children were read."""

    def __init__(self, engine: Engine, source: Source):
        self._engine = engine
        self._source = source.value

    def load(self, known: Iterable[Category] = ()) -> Tree:
        """The stored tree. `known` are categories whose names are known without it."""
        query = select(table).where(table.c.source == self._source).order_by(table.c.level, table.c.position)
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        tree = Tree(known)
        children: dict[str, list[Category]] = {}
        for row in rows:
            if row.category_id != TOP:
                category = Category(row.category_id, row.parent_id, row.name, row.level, row.is_leaf)
                tree.place(category)
                children.setdefault(row.parent_id, []).append(category)
        for row in rows:
            if row.read_ms is not None:
                reading = ChildrenReading(datetime.fromtimestamp(row.read_ms / 1000, UTC), row.retired or 0)
                tree.grow(row.category_id, children.get(row.category_id, ()), reading)
        return tree

    def keep(self, parent: Category, children: Sequence[Category], reading: ChildrenReading) -> None:
        """Store an answer about a category: its children replace those that were stored."""
        read = {"read_ms": round(reading.read_at.timestamp() * 1000), "retired": reading.retired}
        with writing(self._engine) as connection:
            self._delete_others(connection, parent.category_id, [child.category_id for child in children])
            # Not its position among its siblings: the answer about its parent gives that.
            itself = upsert(connection, table, (*_ABOUT, "read_ms", "retired"))
            connection.execute(itself, [self._row(parent, 0) | read])
            if children:
                rows = [self._row(child, position) for position, child in enumerate(children, 1)]
                connection.execute(upsert(connection, table, (*_ABOUT, "position")), rows)

    def _row(self, category: Category, position: int) -> dict[str, Any]:
        about = {name: getattr(category, name) for name in _ABOUT}
        return {"source": self._source, "category_id": category.category_id, "position": position, **about}

    def _delete_others(self, connection: Connection, parent_id: str, kept: Sequence[str]) -> None:
        """Delete the children of a category that are not in `kept`, with everything below them."""
        where = (table.c.source == self._source) & (table.c.parent_id == parent_id)
        stored = connection.execute(select(table.c.category_id).where(where)).scalars().all()
        for gone in set(stored) - set(kept):
            connection.execute(delete(table).where(table.c.source == self._source, table.c.category_id == gone))
            self._delete_others(connection, gone, ())
