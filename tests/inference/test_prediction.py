import json

from mmser.inference.prediction import ClipWarning, Prediction, choose_label

UNSURE = {"angry": 0.3, "happy": 0.5, "sad": 0.2}


def test_a_label_is_given_from_the_threshold_on():
    assert choose_label(UNSURE, 0.0) == "happy"
    assert choose_label(UNSURE, 0.5) == "happy"
    assert choose_label(UNSURE, 0.51) is None


def test_an_uncertain_prediction_still_says_what_is_most_probable():
    prediction = Prediction(None, UNSURE, None, 1.5)
    assert (prediction.best, prediction.confidence) == ("happy", 0.5)


def test_a_prediction_is_plain_values_for_json():
    prediction = Prediction("happy", UNSURE, "hi", 1.5, (ClipWarning("quiet", "Very quiet."),))
    assert json.loads(json.dumps(prediction.to_dict())) == {
        "label": "happy",
        "probabilities": UNSURE,
        "transcript": "hi",
        "duration_s": 1.5,
        "warnings": [{"kind": "quiet", "message": "Very quiet."}],
    }
