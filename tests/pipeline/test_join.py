"""A join waits for what several nodes say about a frame, in order, and not for ever."""

from pipeline.join import MOST, Join
from tests.factory import grey_frame

INPUTS = {"a": ("capture", "detect")}


def test_a_frame_leaves_when_every_input_has_answered() -> None:
    join, frame = Join(INPUTS), grey_frame(0)
    join.expect(frame)
    join.answer(frame, "capture", said=True)
    assert list(join.ready("a", now=frame.arrived)) == []
    join.answer(frame, "detect", said=False)
    (delivery,) = join.ready("a", now=frame.arrived)
    assert delivery.nodes == ("capture",)


def test_a_frame_about_which_nobody_has_anything_to_say_leaves_without_a_name() -> None:
    join, frame = Join(INPUTS), grey_frame(0)
    join.expect(frame)
    for name in INPUTS["a"]:
        join.answer(frame, name, said=False)
    (delivery,) = join.ready("a", now=frame.arrived)
    assert delivery.nodes == ()


def test_frames_leave_in_the_order_of_their_capture() -> None:
    join, first, second = Join(INPUTS), grey_frame(0), grey_frame(1)
    for frame in (first, second):
        join.expect(frame)
        join.answer(frame, "capture", said=True)
    join.answer(second, "detect", said=True)
    assert list(join.ready("a", now=second.arrived)) == []
    join.answer(first, "detect", said=True)
    assert [d.frame.seq for d in join.ready("a", now=second.arrived)] == [0, 1]


def test_out_of_patience_a_frame_leaves_with_what_there_is_and_a_late_answer_is_counted() -> None:
    join, frame = Join(INPUTS, patience=0.1), grey_frame(0)
    join.expect(frame)
    join.answer(frame, "capture", said=True)
    assert list(join.ready("a", now=frame.arrived + 0.05)) == []
    (delivery,) = join.ready("a", now=frame.arrived + 0.11)
    assert delivery.nodes == ("capture",)
    join.answer(frame, "detect", said=True)
    assert join.late == 1
    assert list(join.ready("a", now=frame.arrived + 1)) == []


def test_a_stage_that_hangs_does_not_fill_the_memory_of_a_live_stream() -> None:
    join, left = Join(INPUTS, live=["a"]), []
    for seq in range(3 * MOST):
        frame = grey_frame(seq)
        join.expect(frame)
        join.answer(frame, "capture", said=True)
        left += [d.frame.seq for d in join.ready("a", now=frame.arrived)]
    assert left == list(range(2 * MOST))


def test_names_stand_in_the_order_of_the_config_whoever_answers_first() -> None:
    join, frame = Join(INPUTS), grey_frame(0)
    join.expect(frame)
    join.answer(frame, "detect", said=True)
    join.answer(frame, "capture", said=True)
    (delivery,) = join.ready("a", now=frame.arrived)
    assert delivery.nodes == ("capture", "detect")
