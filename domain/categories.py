"""The tree of categories: what may stand where."""

from collections import defaultdict
from collections.abc import Mapping

from domain.errors import CategoryCycle, CategoryTooDeep

MAX_DEPTH = 5
# A search below a category looks at each category there: more of them would make it slow.
MAX_CATEGORIES = 1000


class Tree:
    """The categories by the parent of each, which is None at the top."""

    def __init__(self, parents: Mapping[str, str | None]) -> None:
        self._parents = parents
        self._children: defaultdict[str | None, list[str]] = defaultdict(list)
        for category, parent in parents.items():
            self._children[parent].append(category)

    def __len__(self) -> int:
        return len(self._parents)

    def children(self, category: str | None) -> list[str]:
        """The categories right below one, or at the top."""
        return self._children[category]

    def depth(self, category: str | None) -> int:
        """How many levels there are from the top to the category, both counted."""
        return 0 if category is None else 1 + self.depth(self._parents[category])

    def height(self, category: str) -> int:
        """How many levels there are from the category to the lowest below it, both counted."""
        return 1 + max(map(self.height, self._children[category]), default=0)

    def check_new(self, parent: str | None) -> None:
        """Raises CategoryTooDeep when there may be none below the parent."""
        self._check_depth(self.depth(parent) + 1)

    def check_move(self, category: str, parent: str | None) -> None:
        """Raises CategoryCycle or CategoryTooDeep when the category may not go below the parent."""
        step = parent
        while step is not None:
            if step == category:
                raise CategoryCycle
            step = self._parents[step]
        self._check_depth(self.depth(parent) + self.height(category))

    def _check_depth(self, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise CategoryTooDeep(limit=MAX_DEPTH)
