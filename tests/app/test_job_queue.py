"""The line: who comes when, how long it takes, who leaves."""

import threading
from pathlib import Path

import numpy as np
import pytest

from faceanim.app.job_queue import Job, JobQueue, QueueFull, Stopped
from faceanim.pose.sequence import PoseSequence


def job(visitor: str, **options) -> Job:
    poses = PoseSequence(np.zeros((2, 68, 2), np.float32), np.ones(2, np.float32), 24.0, 64, 64)
    settings = {"most_seconds": 60.0, **options}
    paths = {"video": Path("v.mp4"), "columns": Path("c.mp4")}
    image = np.zeros((64, 64, 3), np.uint8)
    return Job(visitor, image, np.zeros((68, 2), np.float32), poses, None, None, **paths, **settings)


def test_first_come_first_served_one_a_visitor_and_no_more_than_fit():
    queue = JobQueue(longest=2)
    first, second = job("ann"), job("ben")
    queue.join(first)
    with pytest.raises(QueueFull, match="of yours is in the making"):
        queue.join(job("ann"))
    queue.join(second)
    with pytest.raises(QueueFull, match="2 people are waiting already"):
        queue.join(job("cem"))
    assert queue.take() is first and first.state == "running"
    with pytest.raises(QueueFull, match="of yours"):
        queue.join(job("ann"))
    queue.finish(first, "done")
    queue.join(job("ann"))  # behind ben
    assert queue.take() is second


def test_places_and_waiting_times_follow_from_what_others_took():
    queue = JobQueue(longest=9)
    jobs = [job(name) for name in "abcd"]
    for one in jobs:
        queue.join(one)
    assert [queue.place(one) for one in jobs] == [0, 1, 2, 3]
    assert queue.seconds_until(jobs[3], 1) is None  # nobody knows yet
    taken = queue.take()
    taken.begun -= 10
    queue.finish(taken, "done")
    running = queue.take()
    running.begun -= 5
    running.share = 0.5
    assert running.seconds_left == pytest.approx(5, abs=0.5)
    assert queue.place(jobs[3]) == 2
    assert queue.seconds_until(jobs[2], 1) == pytest.approx(5, abs=0.5)
    assert queue.seconds_until(jobs[3], 1) == pytest.approx(15, abs=1)
    assert queue.seconds_until(jobs[3], 2) == pytest.approx(7.5, abs=0.5)


def test_who_leaves_or_is_gone_is_passed_over():
    queue = JobQueue(longest=9)
    left, gone, here = job("a"), job("b", patience=0.0), job("c")
    for one in (left, gone, here):
        queue.join(one)
    queue.leave(left)
    gone.asked -= 1
    assert queue.take() is here
    assert (left.state, gone.state) == ("stopped", "stopped") and "page was closed" in gone.why
    assert queue.of("a") is None and queue.of("c") is here


def test_a_running_job_learns_that_it_is_to_end():
    queue = JobQueue(longest=9)
    stopped, slow = job("a"), job("b", most_seconds=30)
    queue.join(stopped)
    queue.take().check()
    queue.leave(stopped)
    with pytest.raises(Stopped, match="Stopped"):
        stopped.check()
    queue.join(slow)
    queue.take().begun -= 31
    with pytest.raises(Stopped, match=r"at most 0\.5 minutes"):
        slow.check()


def test_a_closed_line_lets_its_takers_go():
    queue = JobQueue(longest=9)
    taken = []
    thread = threading.Thread(target=lambda: taken.append(queue.take()))
    thread.start()
    queue.close()
    thread.join(timeout=5)
    assert taken == [None]
