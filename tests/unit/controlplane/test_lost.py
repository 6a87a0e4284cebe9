"""Dropped receipts are told once each, whatever becomes of the worker."""

from controlplane.outcome.lost import LostReceipts


def test_only_what_is_new_is_told() -> None:
    lost = LostReceipts()
    assert [lost.since_last("a", total) for total in (0, 3, 3, 5)] == [0, 3, 0, 2]


def test_workers_do_not_mix() -> None:
    lost = LostReceipts()
    assert [lost.since_last(worker, 2) for worker in ("a", "b", "a")] == [2, 2, 0]


def test_a_worker_that_began_anew_counts_from_nothing() -> None:
    lost = LostReceipts()
    assert [lost.since_last("a", total) for total in (7, 2)] == [7, 2]


def test_no_more_workers_are_remembered_than_may_be() -> None:
    lost = LostReceipts(workers=2)
    assert [lost.since_last(worker, 4) for worker in ("a", "b", "c", "b", "a")] == [4, 4, 4, 0, 4]
