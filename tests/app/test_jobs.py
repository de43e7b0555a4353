"""The line: who comes when, how long it takes, who leaves."""

import threading
from pathlib import Path

import numpy as np
import pytest

from faceanim.app.jobs import Busy, Job, Line, Stopped
from faceanim.pose.sequence import PoseSequence


def job(visitor: str, **options) -> Job:
    poses = PoseSequence(np.zeros((2, 68, 2), np.float32), np.ones(2, np.float32), 24.0, 64, 64)
    settings = {"most_seconds": 60.0, **options}
    paths = {"video": Path("v.mp4"), "columns": Path("c.mp4")}
    image = np.zeros((64, 64, 3), np.uint8)
    return Job(visitor, image, np.zeros((68, 2), np.float32), poses, None, None, **paths, **settings)


def test_first_come_first_served_one_a_visitor_and_no_more_than_fit():
    line = Line(longest=2)
    first, second = job("ann"), job("ben")
    line.join(first)
    with pytest.raises(Busy, match="of yours is in the making"):
        line.join(job("ann"))
    line.join(second)
    with pytest.raises(Busy, match="2 people are waiting already"):
        line.join(job("cem"))
    assert line.take() is first and first.state == "running"
    with pytest.raises(Busy, match="of yours"):
        line.join(job("ann"))
    line.finish(first, "done")
    line.join(job("ann"))  # behind ben
    assert line.take() is second


def test_places_and_waiting_times_follow_from_what_others_took():
    line = Line(longest=9)
    jobs = [job(name) for name in "abcd"]
    for one in jobs:
        line.join(one)
    assert [line.place(one) for one in jobs] == [0, 1, 2, 3]
    assert line.seconds_until(jobs[3], 1) is None  # nobody knows yet
    taken = line.take()
    taken.begun -= 10
    line.finish(taken, "done")
    running = line.take()
    running.begun -= 5
    running.share = 0.5
    assert running.seconds_left == pytest.approx(5, abs=0.5)
    assert line.place(jobs[3]) == 2
    assert line.seconds_until(jobs[2], 1) == pytest.approx(5, abs=0.5)
    assert line.seconds_until(jobs[3], 1) == pytest.approx(15, abs=1)
    assert line.seconds_until(jobs[3], 2) == pytest.approx(7.5, abs=0.5)


def test_who_leaves_or_is_gone_is_passed_over():
    line = Line(longest=9)
    left, gone, here = job("a"), job("b", patience=0.0), job("c")
    for one in (left, gone, here):
        line.join(one)
    line.leave(left)
    gone.asked -= 1
    assert line.take() is here
    assert (left.state, gone.state) == ("stopped", "stopped") and "page was closed" in gone.why
    assert line.of("a") is None and line.of("c") is here


def test_a_running_job_learns_that_it_is_to_end():
    line = Line(longest=9)
    stopped, slow = job("a"), job("b", most_seconds=30)
    line.join(stopped)
    line.take().check()
    line.leave(stopped)
    with pytest.raises(Stopped, match="Stopped"):
        stopped.check()
    line.join(slow)
    line.take().begun -= 31
    with pytest.raises(Stopped, match=r"at most 0\.5 minutes"):
        slow.check()


def test_a_closed_line_lets_its_takers_go():
    line = Line(longest=9)
    taken = []
    thread = threading.Thread(target=lambda: taken.append(line.take()))
    thread.start()
    line.close()
    thread.join(timeout=5)
    assert taken == [None]
