"""Files take turns: one with very much to say holds up no other, and none loses the order of its lines."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from logwatchd.records import Block, FileId, Lane
from logwatchd.scoring.inbox import Inbox
from tests.scoring.making import SPEC


def block(inode: int, number: int) -> Block:
    return Block(SPEC, f"/var/log/{inode}.log", FileId(1, inode, number % 2), number, b"x\n", number + 1)


@given(st.lists(st.integers(1, 4)), st.sets(st.integers(1, 4)))
def test_all_that_is_not_busy_comes_out_in_the_order_of_its_file(inodes: list[int], busy: set[int]) -> None:
    inbox = Inbox()
    inbox.extend(block(inode, number) for number, inode in enumerate(inodes))
    lanes: set[Lane | None] = {(1, inode) for inode in busy}
    taken = []
    while inbox.has_other_than(lanes):
        taken.append(inbox.next(lanes))
    assert inbox.next(lanes) is None
    for inode in range(1, 5):
        wanted = [] if inode in busy else [number for number, other in enumerate(inodes) if other == inode]
        assert [one.offset for one in taken if one and one.file.inode == inode] == wanted


def test_no_file_has_two_turns_before_another_has_one() -> None:
    inbox = Inbox()
    inbox.extend([block(1, 0), block(1, 1), block(1, 2), block(2, 3), block(3, 4), block(2, 5)])
    order = []
    while (found := inbox.next(())) is not None:
        order.append(found.file.inode)
    assert order == [1, 2, 3, 1, 2, 1]
    inbox.extend([block(1, 6)])
    assert inbox.has_other_than(())


def test_whole_files_are_left_if_their_newest_block_may_be_and_they_did_not_start_anew() -> None:
    inbox = Inbox()
    stayed, anew = [block(1, 0), block(2, 2)], [block(3, 4), block(3, 5)]
    left = [block(4, 6), block(4, 8)]
    inbox.extend([*stayed, *anew, *left])
    assert inbox.leave(lambda newest: newest.offset in (5, 8)) == left
    order = []
    while (found := inbox.next(())) is not None:
        order.append(found)
    assert sorted(order, key=lambda one: one.offset) == [*stayed, *anew]
