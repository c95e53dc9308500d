import math

import pytest
import torch
from torch.nn import functional

from mmser.errors import SettingsError, UnknownNameError
from mmser.training.losses import EmotionLoss, weigh_classes
from mmser.training.tuning import TuningSettings

LOGITS = torch.log(torch.tensor([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]]))  # softmax gives these back
LABELS = torch.tensor([0, 2])


def test_the_loss_is_the_mean_cross_entropy_over_clips():
    assert EmotionLoss()(LOGITS, LABELS).item() == pytest.approx((math.log(2) + math.log(1.25)) / 2)


def test_the_focal_loss_multiplies_each_clips_cross_entropy_by_what_the_model_is_not_sure_of():
    expected = (0.5**2 * math.log(2) + 0.2**2 * math.log(1.25)) / 2
    assert EmotionLoss(gamma=2.0)(LOGITS, LABELS).item() == pytest.approx(expected)
    assert EmotionLoss(gamma=0.0)(LOGITS, LABELS).item() == pytest.approx(
        EmotionLoss()(LOGITS, LABELS).item()
    )


def test_the_loss_of_a_clip_is_multiplied_by_the_weight_of_its_class():
    loss = EmotionLoss(class_weights=torch.tensor([3.0, 9.0, 0.5]))
    assert loss(LOGITS, LABELS).item() == pytest.approx((3 * math.log(2) + 0.5 * math.log(1.25)) / 2)
    focal = EmotionLoss(class_weights=torch.tensor([3.0, 9.0, 0.5]), gamma=1.0)
    expected = (3 * 0.5 * math.log(2) + 0.5 * 0.2 * math.log(1.25)) / 2
    assert focal(LOGITS, LABELS).item() == pytest.approx(expected)


def test_weighted_batches_of_one_are_together_a_weighted_batch_of_two():
    """torch's own weighted mean divides by the weights of the batch, and two halves are not one whole."""
    loss = EmotionLoss(class_weights=torch.tensor([3.0, 1.0, 0.5]), gamma=2.0)
    halves = [loss(LOGITS[index : index + 1], LABELS[index : index + 1]).item() for index in (0, 1)]
    assert sum(halves) / 2 == pytest.approx(loss(LOGITS, LABELS).item())


def test_smoothed_labels_are_spread_over_all_classes():
    # Of the first clip: 0.9 + 0.1 / 3 on its class, 0.1 / 3 on each other.
    expected = (0.9 + 0.1 / 3) * math.log(2) + 2 * 0.1 / 3 * math.log(4)
    assert EmotionLoss(label_smoothing=0.1)(LOGITS[:1], LABELS[:1]).item() == pytest.approx(expected)


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
def test_a_clip_that_the_model_is_wholly_sure_of_has_a_gradient_that_is_a_number(gamma):
    logits = torch.tensor([[200.0, 0.0, 0.0], [0.0, 0.0, 200.0]], requires_grad=True)
    EmotionLoss(gamma=gamma)(logits, torch.tensor([0, 0])).backward()
    assert torch.isfinite(logits.grad).all()
    assert logits.grad[1].abs().sum() > 0  # the second is wrong, and moves


def test_the_loss_is_computed_in_float32():
    loss = EmotionLoss()(LOGITS.bfloat16(), LABELS)
    assert loss.dtype == torch.float32
    assert loss.item() == functional.cross_entropy(LOGITS.bfloat16().float(), LABELS).item()


def test_smoothed_labels_under_the_focal_loss_are_refused():
    with pytest.raises(
        SettingsError, match=r"label_smoothing_factor is 0\.1 under the focal loss.*Leave it at 0"
    ):
        EmotionLoss(gamma=2.0, label_smoothing=0.1)


def test_classes_weigh_against_their_counts():
    four = torch.eye(3)[torch.tensor([0, 1, 2, 0])]
    assert weigh_classes(four).tolist() == pytest.approx([4 / (3 * 2), 4 / 3, 4 / 3])
    # Clips without it to clips with it.
    assert weigh_classes(four, binary=True).tolist() == pytest.approx([1, 3, 3])


def test_a_class_that_nobody_or_everybody_has_weighs_one():
    nobody_is_sad = torch.tensor([[1.0, 0, 0], [0, 1, 0]])
    assert weigh_classes(nobody_is_sad).tolist() == pytest.approx([2 / 3, 2 / 3, 1])
    assert weigh_classes(nobody_is_sad, binary=True).tolist() == [1, 1, 1]
    all_are_angry = torch.tensor([[1.0, 0, 0], [1, 1, 0]])
    assert weigh_classes(all_are_angry, binary=True).tolist() == [1, 1, 1]


def test_the_focal_loss_is_that_of_its_paper_unless_told_otherwise():
    assert TuningSettings(loss="focal").gamma == 2.0
    assert TuningSettings(loss="focal", focal_gamma=0.0).gamma == 0.0
    assert TuningSettings().gamma is None


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        (
            {"loss": "binary"},
            UnknownNameError,
            r"Unknown loss 'binary', expected one of \['cross-entropy', 'focal'\]",
        ),
        ({"focal_gamma": 1.0}, SettingsError, r"given, but the loss is cross-entropy\. Give --loss focal"),
        (
            {"loss": "focal", "focal_gamma": -1.0},
            SettingsError,
            r"focal_gamma is -1\.0, expected a number",
        ),
        (
            {"loss": "focal", "focal_gamma": math.nan},
            SettingsError,
            r"focal_gamma is nan, expected a number",
        ),
    ],
)
def test_a_loss_that_does_not_exist_is_refused(settings, error, message):
    with pytest.raises(error, match=message):
        TuningSettings(**settings).check_tuning()
