"""The queue: in which order, how long it takes, who leaves."""

import threading
from pathlib import Path

import numpy as np
import pytest

from faceanim.app.job_queue import Job, JobQueue, QueueFull, Stopped
from faceanim.pose.sequence import PoseSequence


def job(visitor: str, max_seconds: float = 60.0, **options) -> Job:
    poses = PoseSequence(np.zeros((2, 68, 2), np.float32), np.ones(2, np.float32), 24.0, 64, 64)
    image, points = np.zeros((64, 64, 3), np.uint8), np.zeros((68, 2), np.float32)
    paths = Path("v.mp4"), Path("c.mp4")
    return Job(visitor, image, points, poses, None, None, *paths, max_seconds, **options)


@pytest.fixture
def queue() -> JobQueue:
    return JobQueue(max_waiting=9)


def test_first_come_first_served_one_per_visitor_and_no_more_than_fit():
    queue, first, second = JobQueue(max_waiting=2), job("ann"), job("ben")
    queue.put(first)
    with pytest.raises(QueueFull, match="of yours is in the making"):
        queue.put(job("ann"))
    queue.put(second)
    with pytest.raises(QueueFull, match="2 people are waiting already"):
        queue.put(job("cem"))
    assert queue.take() is first and first.state == "running"
    with pytest.raises(QueueFull, match="of yours"):
        queue.put(job("ann"))
    queue.finish(first, "done")
    queue.put(job("ann"))  # behind ben
    assert queue.take() is second


def test_positions_and_waiting_times_follow_from_what_others_took(queue):
    jobs = [job(name) for name in "abcd"]
    for one in jobs:
        queue.put(one)
    assert [queue.position(one) for one in jobs] == [0, 1, 2, 3]
    assert queue.expected_wait(jobs[3], 1) is None  # nobody knows yet
    taken = queue.take()
    taken.started -= 10
    queue.finish(taken, "done")
    running = queue.take()
    running.started -= 5
    running.share = 0.5
    assert running.seconds_left == pytest.approx(5, abs=0.5)
    assert queue.position(jobs[3]) == 2
    assert queue.expected_wait(jobs[2], 1) == pytest.approx(5, abs=0.5)
    assert queue.expected_wait(jobs[3], 1) == pytest.approx(15, abs=1)
    assert queue.expected_wait(jobs[3], 2) == pytest.approx(7.5, abs=0.5)


def test_who_leaves_or_is_gone_is_passed_over(queue):
    left, stopped, gone, here = job("a"), job("b"), job("c", patience=0.0), job("d")
    for one in (left, stopped, gone, here):
        queue.put(one)
    queue.cancel(left)
    queue.cancel_of("b")
    queue.cancel_of("nobody")
    gone.touched -= 1
    assert queue.take() is here
    assert {left.state, stopped.state, gone.state} == {"stopped"} and "page was closed" in gone.reason
    queue.put(job("a"))  # who left may come again


def test_a_running_job_learns_that_it_is_to_end(queue):
    stopped, slow = job("a"), job("b", max_seconds=30)
    queue.put(stopped)
    queue.take().check()
    queue.cancel(stopped)
    with pytest.raises(Stopped, match="Stopped"):
        stopped.check()
    queue.put(slow)
    queue.take().started -= 31
    with pytest.raises(Stopped, match=r"at most 0\.5 minutes"):
        slow.check()


def test_a_closed_queue_lets_its_takers_go(queue):
    taken = []
    thread = threading.Thread(target=lambda: taken.append(queue.take()))
    thread.start()
    queue.close()
    thread.join(timeout=5)
    assert taken == [None]
