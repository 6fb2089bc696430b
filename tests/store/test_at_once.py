"""Many questions to a store at the same time."""

import threading

import pytest

from rm_ray.store.at_once import at_once


def test_answers_are_in_the_order_of_the_items_and_the_first_is_asked_alone():
    """The second question and the third wait for each other, so they are asked at once."""
    together, first_is_answered = threading.Barrier(2), threading.Event()

    def ask(item):
        if item == 0:
            first_is_answered.set()
        else:
            assert first_is_answered.is_set()
            together.wait(timeout=30)
        return item * 10

    assert at_once(ask, [0, 1, 2], uri="s3://bucket/folder") == [0, 10, 20]
    assert at_once(ask, []) == []


def test_on_a_local_disk_tasks_need_no_threads():
    asked = []

    def ask(item):
        asked.append(threading.current_thread())
        return item

    assert at_once(ask, range(3), uri="/folder") == [0, 1, 2]
    assert set(asked) == {threading.current_thread()}


def test_an_error_ends_it_and_what_has_not_begun_is_not_asked():
    asked = []

    def ask(item):
        asked.append(item)
        if item == 1:
            raise OSError("no answer")
        threading.Event().wait(0.01)

    with pytest.raises(OSError, match="no answer"):
        at_once(ask, range(1000))
    assert len(asked) < 900
