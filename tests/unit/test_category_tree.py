"""What may stand where in the tree of categories."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.categories import MAX_DEPTH, Tree
from domain.errors import CategoryCycle, CategoryTooDeep
from tests.support.sales import unhurried

# deck above lights above lamps, and charts beside it.
TREE = Tree({"deck": None, "lights": "deck", "lamps": "lights", "charts": None})
CHAIN = Tree({f"{level}": str(level - 1) if level else None for level in range(MAX_DEPTH)})


def test_depth_and_height_count_both_ends() -> None:
    assert [TREE.depth(each) for each in (None, "deck", "lights", "lamps")] == [0, 1, 2, 3]
    assert [TREE.height(each) for each in ("deck", "lights", "lamps", "charts")] == [3, 2, 1, 1]


def test_children_are_those_right_below() -> None:
    assert TREE.children(None) == ["deck", "charts"]
    assert TREE.children("deck") == ["lights"]
    assert TREE.children("lamps") == []
    assert len(TREE) == 4


@pytest.mark.parametrize("parent", ["deck", "lights", "lamps"])
def test_nothing_is_moved_below_itself(parent: str) -> None:
    with pytest.raises(CategoryCycle):
        TREE.check_move("deck", parent)


@pytest.mark.parametrize(("category", "parent"), [("lamps", "deck"), ("lights", "charts"), ("lamps", None)])
def test_other_moves_are_right(category: str, parent: str | None) -> None:
    TREE.check_move(category, parent)


def test_below_the_lowest_level_there_is_nothing() -> None:
    CHAIN.check_new(str(MAX_DEPTH - 2))
    with pytest.raises(CategoryTooDeep):
        CHAIN.check_new(str(MAX_DEPTH - 1))


def test_a_move_takes_what_is_below_along() -> None:
    tall = Tree({"a": None, "b": "a", "c": "b", "x": None, "y": "x", "z": "y"})

    tall.check_move("x", "b")
    with pytest.raises(CategoryTooDeep):
        tall.check_move("x", "c")


@unhurried
@given(st.lists(st.tuples(st.integers(0, 9), st.none() | st.integers(0, 9)), max_size=40))
def test_whatever_is_moved_it_stays_a_tree_of_few_levels(moves: list[tuple[int, int | None]]) -> None:
    parents: dict[str, str | None] = {str(number): None for number in range(10)}
    for number, above in moves:
        category, parent = str(number), None if above is None else str(above)
        try:
            Tree(parents).check_move(category, parent)
        except (CategoryCycle, CategoryTooDeep):
            continue
        parents[category] = parent

    tree = Tree(parents)
    assert max(tree.depth(each) for each in parents) <= MAX_DEPTH
