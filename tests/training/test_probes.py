import pandas as pd
import pytest

from factories_probes import plant, write_planted
from mmser.errors import CheckpointError, DatasetFormatError, SettingsError, UnknownNameError
from mmser.training.probes import HELD_OUT, ProbeSettings, hold_out_recordings, run_probes

WORDS = {"angry": "I am furious!", "happy": "What a day", "sad": "Leave me alone"}
LABELS = tuple(WORDS)
NO_TEXT = {"transcript": "", "reference": ""}


@pytest.fixture
def probe(tmp_path):
    """Write a planted corpus and probe it; returns the results by what is read and what is told."""

    def run(train, test, *kinds, source="whisper", **settings):
        folder = write_planted(tmp_path / "corpus", train, test, source=source)
        options = ProbeSettings(kinds, cache_dir=tmp_path / "cache", num_proc=1, **settings)
        results = run_probes(folder, options)
        assert len({(result.reads, result.predicts) for result in results}) == len(results)
        return {(result.reads, result.predicts): result for result in results}

    return run


def both(clips):
    return clips * 4, clips * 2


def test_a_text_that_decides_the_emotion_is_found_in_sentences_and_transcripts(probe):
    clips = [plant(label, transcript=text, reference=text) for label, text in WORDS.items()]
    found = probe(*both(clips), "text")
    for reads in ("sentences", "Whisper, same clips"):
        assert found[reads, "emotion"].ua == 100
        assert found[reads, "emotion"].chance == pytest.approx(100 / 3)


def test_a_text_that_all_emotions_share_stays_at_chance(probe):
    clips = [plant(label, transcript="Dogs.", reference="Dogs") for label in LABELS]
    found = probe(*both(clips), "text")
    # one answer to everything: 1 of 3 classes
    assert found["sentences", "emotion"].ua == pytest.approx(100 / 3)
    assert found["Whisper, same clips", "emotion"].ua == pytest.approx(100 / 3)


def test_what_whisper_mishears_by_emotion_is_told_from_the_sentence(probe):
    clips = [plant(label, transcript=text, reference="Dogs") for label, text in WORDS.items()]
    found = probe(*both(clips), "text")
    assert found["sentences", "emotion"].ua == pytest.approx(100 / 3)
    assert found["Whisper, same clips", "emotion"].ua == 100


def test_a_mark_alone_can_tell_the_emotion(probe):
    marks = zip(LABELS, ("Dogs!", "Dogs?", "Dogs."), strict=True)
    clips = [plant(label, transcript=text, reference="Dogs") for label, text in marks]
    assert probe(*both(clips), "text")["Whisper, same clips", "emotion"].ua == 100


def test_sentences_and_transcripts_are_compared_on_clips_that_have_both(probe):
    clips = [plant(label, transcript=text, reference=text) for label, text in WORDS.items()]
    bare = [plant("sad", transcript="Leave me alone", reference="")]
    found = probe((clips + bare) * 4, clips * 2 + bare, "text")
    counts = {reads: result.n for (reads, predicts), result in found.items() if predicts == "emotion"}
    assert counts == {"sentences": 6, "Whisper, same clips": 6, "Whisper, all clips": 7}


def test_without_whisper_the_sentences_alone_are_probed(probe):
    clips = [plant(label, transcript=text, reference=text) for label, text in WORDS.items()]
    found = probe(*both(clips), "text", source="reference")
    assert set(found) == {("sentences", "emotion"), ("sentences", "corpus")}


def test_without_sentences_the_transcripts_alone_are_probed(probe):
    clips = [plant(label, transcript=text, reference="") for label, text in WORDS.items()]
    found = probe(*both(clips), "text")
    assert set(found) == {("Whisper, all clips", "emotion"), ("Whisper", "corpus")}
    assert found["Whisper, all clips", "emotion"].ua == 100


def test_a_corpus_without_texts_is_left_out_with_the_reason(probe):
    clips = [plant(label, **NO_TEXT) for label in LABELS]
    (result,) = probe(*both(clips), "text", source="none").values()
    assert result.skipped == "the corpus has neither transcripts nor reference sentences"


def test_where_whisper_heard_nothing_its_transcripts_say_nothing(probe):
    clips = [plant(label, **NO_TEXT) for label in LABELS]
    assert probe(*both(clips), "text")["Whisper, all clips", "emotion"].ua == pytest.approx(100 / 3)


def test_a_script_that_tells_the_corpus_is_found(probe):
    clips = [
        plant(label, corpus=corpus, transcript=text, reference=text)
        for corpus, text in (("tess", "Say the word"), ("ravdess", "Kids are talking"))
        for label in LABELS
    ]
    found = probe(*both(clips), "text")
    assert found["Whisper", "corpus"].ua == 100
    assert found["Whisper", "corpus"].chance == 50
    assert found["sentences", "emotion"].ua == pytest.approx(100 / 3)


def test_a_corpus_that_sounds_of_its_own_and_holds_emotions_of_its_own_is_found(probe):
    # tess is low and all sad, ravdess is high and either angry or happy
    placed = (("sad", "tess", "sad"), ("angry", "ravdess", "angry"), ("happy", "ravdess", "angry"))
    clips = [plant(label, corpus=corpus, sounds_like=sound) for label, corpus, sound in placed]
    found = probe(clips * 4, clips * 4, "corpus")
    assert found["sound (paper94)", "corpus"].ua == 100
    # sad is always right, and of angry and happy the one that is always said
    assert found["corpus name", "emotion"].ua == pytest.approx(200 / 3)


def test_one_corpus_alone_is_left_out_with_the_reason(probe):
    clips = [plant(label, corpus="tess") for label in LABELS]
    found = probe(*both(clips), "corpus")
    assert "corpus: two or more are needed" in found["sound (paper94)", "corpus"].skipped
    assert found["corpus name", "emotion"].ua == pytest.approx(100 / 3)


def test_corpora_that_were_never_heard_are_left_out(probe):
    train = [plant(label, corpus=corpus) for label in LABELS for corpus in ("tess", "savee")]
    test = [plant(label, corpus="cremad") for label in LABELS]
    found = probe(train, test, "corpus")
    assert "the test clips hold none that can be learnt" in found["sound (paper94)", "corpus"].skipped


def test_speakers_are_told_on_recordings_of_their_own_that_were_held_out(probe):
    train = [
        plant(label, speaker=speaker, sounds_like=sound, source_id=f"{speaker}-{index}-{label}")
        for index in range(3)
        for speaker, sound in (("tess/a", "angry"), ("tess/b", "sad"))
        for label in LABELS
    ]
    found = probe(train, [plant(label) for label in LABELS], "speaker")
    result = found["sound (paper94)", "speaker"]
    # a fifth of 9 recordings of each of 2 speakers: 2 of each
    assert (result.ua, result.n, result.num_speakers, result.judged_on) == (100, 4, 2, HELD_OUT)


def test_a_gender_that_decides_the_emotion_is_found(probe):
    clips = [plant("angry", gender="male"), plant("sad", gender="female")]
    found = probe(clips * 6, clips * 2, "speaker")
    assert found["speaker gender", "emotion"].ua == 100
    assert found["speaker gender", "emotion"].judged_on == "test clips"


def test_gender_that_is_not_known_is_left_out_with_the_reason(probe):
    clips = [plant("angry", gender="male"), plant("sad", gender="")]
    found = probe(clips * 6, clips * 2, "speaker")
    assert found["speaker gender", "emotion"].skipped.endswith("not of two genders that are known")


def test_a_duration_that_decides_the_emotion_is_found(probe):
    # sad lies between the two durations of angry: only the square tells them
    clips = [plant("angry", duration_s=1.0), plant("sad", duration_s=2.0), plant("angry", duration_s=3.0)]
    found = probe(*both(clips), "silence")
    assert found["duration", "emotion"].ua == 100
    assert found["quiet frames", "emotion"].n == 6


def test_probes_are_run_in_the_order_in_which_they_are_named_each_once(probe):
    clips = [plant(label) for label in LABELS]
    found = probe(*both(clips), "silence", "text", "silence")
    assert list(dict.fromkeys(result.kind for result in found.values())) == ["silence", "text"]


def test_encoders_are_probed_beside_the_plain_features(probe, towers):
    clips = [plant(label, transcript=text, reference=text) for label, text in WORDS.items()]
    encoders = {"audio_encoder": towers["hubert"], "text_encoder": towers["bert"]}
    found = probe(*both(clips), "text", "corpus", **encoders)
    assert found["sentences (bert)", "emotion"].ua == 100
    assert found["sound (hubert)", "corpus"].n == 6


def test_an_encoder_that_cannot_be_read_is_named(probe, tmp_path):
    clips = [plant(label) for label in LABELS]
    with pytest.raises(CheckpointError, match="gone: its configuration cannot be read"):
        probe(*both(clips), "silence", audio_encoder=str(tmp_path / "gone"))


def test_clips_of_several_classes_are_refused(probe):
    with pytest.raises(SettingsError, match="clips have several classes, and a probe tells one"):
        probe([plant("sad"), plant(None)], [plant("sad")], "corpus")


def test_an_unknown_kind_is_refused(tmp_path):
    with pytest.raises(UnknownNameError, match=r"Unknown kind of probe 'texts'.*Did you mean 'text'"):
        run_probes(tmp_path, ProbeSettings(("texts",)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_proc": 0}, "--num-proc 0: expected 1 or more processes"),
        ({"seed": -1}, "--seed -1: expected a number from 0"),
    ],
)
def test_numbers_that_cannot_be_used_are_refused(tmp_path, changes, message):
    with pytest.raises(SettingsError, match=message):
        run_probes(tmp_path, ProbeSettings(**changes))


def test_a_folder_that_is_no_corpus_is_refused(tmp_path):
    with pytest.raises(DatasetFormatError, match="gone: no such folder"):
        run_probes(tmp_path / "gone", ProbeSettings())


def make_clips(*rows):
    return pd.DataFrame(rows, columns=["speaker", "source_id", "augmentation"])


def test_copies_of_a_held_out_recording_are_neither_learnt_from_nor_judged():
    clips = make_clips(("s", "a", ""), ("s", "a", "gain"), ("s", "b", ""), ("s", "b", "gain"))
    fit, judge = hold_out_recordings(clips, seed=0)
    (held,) = clips["source_id"][judge]
    assert clips["augmentation"][judge].tolist() == [""]
    assert set(clips["source_id"][fit]) == {"a", "b"} - {held}
    assert fit.sum() == 2


def test_a_fifth_of_each_speakers_recordings_is_held_out_but_of_one_none():
    many = [("s", f"s{index}", "") for index in range(10)]
    fit, judge = hold_out_recordings(make_clips(*many, ("t", "t0", "")), seed=0)
    assert (judge.sum(), fit.sum()) == (2, 9)
    assert fit[-1]


def test_what_is_held_out_does_not_depend_on_the_order_of_the_clips():
    clips = make_clips(*[("s", f"s{index}", "") for index in range(10)])
    _, judge = hold_out_recordings(clips, seed=3)
    _, again = hold_out_recordings(clips[::-1], seed=3)
    assert judge.tolist() == again[::-1].tolist()
