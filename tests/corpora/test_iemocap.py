import logging

import pytest

from mmser.corpora import iemocap
from mmser.errors import LabelFileError, UnknownEmotionError

HEADER = "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n"


def label(clip, code, *ratings):
    return f"[6.2901 - 8.2357]\t{clip}\t{code}\t[2.5000, 2.5000, 2.5000]\n" + "".join(
        f"{r}\n" for r in ratings
    )


@pytest.fixture
def release(tmp_path):
    """Write the files of one dialog of a release and return its root."""

    def write(dialog, clips=(), labels="", transcripts="", encoding="utf-8"):
        session = tmp_path / f"IEMOCAP_full_release/Session{dialog[4]}"
        for clip in clips:
            audio = session / "sentences/wav" / dialog / f"{clip}.wav"
            audio.parent.mkdir(parents=True, exist_ok=True)
            audio.touch()
        for folder, text in (("EmoEvaluation", HEADER + labels), ("transcriptions", transcripts)):
            (session / "dialog" / folder).mkdir(parents=True, exist_ok=True)
            (session / "dialog" / folder / f"{dialog}.txt").write_bytes(text.encode(encoding))
        return tmp_path

    return write


def read_one(root):
    (clip,) = iemocap.iter_clips(root)
    return clip


def test_a_clip_is_read_from_audio_label_and_transcript(release):
    root = release(
        "Ses01F_impro01",
        ["Ses01F_impro01_F000"],
        label("Ses01F_impro01_F000", "neu"),
        "Ses01F_impro01_F000 [006.2901-008.2357]: Excuse me.\n",
    )
    clip = read_one(root)
    assert clip.id == "iemocap/Ses01F_impro01_F000"
    assert (clip.emotion, clip.speaker, clip.gender) == ("neutral", "iemocap/Ses01F", "female")
    assert (clip.sentence, clip.reference) == ("", "Excuse me.")


@pytest.mark.parametrize(
    ("code", "emotion"),
    [
        ("neu", "neutral"),
        ("hap", "happy"),
        ("exc", "excited"),
        ("sad", "sad"),
        ("ang", "angry"),
        ("fru", "frustrated"),
        ("sur", "surprised"),
        ("fea", "fearful"),
        ("dis", "disgust"),
        ("oth", "other"),
        ("xxx", "undecided"),
    ],
)
def test_a_consensus_code_is_a_canonical_emotion(code, emotion, release):
    name = "Ses04M_script03_2_F046"
    assert read_one(release("Ses04M_script03_2", [name], label(name, code))).emotion == emotion


def test_the_speaker_is_the_last_letter_and_not_who_wears_the_markers(release):
    name = "Ses01F_impro01_M000"
    clip = read_one(release("Ses01F_impro01", [name], label(name, "ang")))
    assert (clip.speaker, clip.gender) == ("iemocap/Ses01M", "male")


def test_votes_are_those_of_the_categorical_raters(release):
    name = "Ses01F_impro01_F000"
    ratings = (
        "C-E2:\tNeutral;\t()",
        "C-E3:\tFrustration; Anger;\t(sounds; like Sadness; to me (really))",
        "C-E4:\tFrustration;\t()",
        "C-E5:\t\t()",
        "C-F1:\tSurprise;\t(curious)",
        "C-M1:\tFear;\t()",
        "A-E3:\tval 3; act 2; dom  2;\t()",
    )
    clip = read_one(release("Ses01F_impro01", [name], label(name, "fru", *ratings)))
    assert clip.votes == {"neutral": 1, "frustrated": 2, "angry": 1}
    assert clip.heard == ("angry", "frustrated", "neutral")


def test_a_rater_may_use_any_word_of_the_form(release):
    name = "Ses01F_impro01_F000"
    words = "Anger; Frustration; Happiness; Excited; Sadness; Neutral; Surprise; Fear; Disgust; Other;"
    ratings = [f"C-E1:\t{words}\t()", "C-E2:\tNeutral state;\t()"]
    votes = read_one(release("Ses01F_impro01", [name], label(name, "xxx", *ratings))).votes
    assert votes == {
        "angry": 1,
        "disgust": 1,
        "excited": 1,
        "fearful": 1,
        "frustrated": 1,
        "happy": 1,
        "neutral": 2,
        "other": 1,
        "sad": 1,
        "surprised": 1,
    }


def test_votes_belong_to_the_block_they_stand_in(release):
    names = ["Ses01F_impro01_F000", "Ses01F_impro01_M000"]
    blocks = [label(names[0], "ang", "C-E2:\tAnger;\t()"), label(names[1], "sad", "C-E2:\tSadness;\t()")]
    clips = iemocap.iter_clips(release("Ses01F_impro01", names, "\n".join(blocks)))
    assert [clip.votes for clip in clips] == [{"angry": 1}, {"sad": 1}]


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("It's at 5:30: I said so.", "It's at 5:30: I said so."),
        ("An odd ] bracket: yes.", "An odd ] bracket: yes."),
        ("[LAUGHTER] Oh [BREATHING] no.", "Oh no."),
        ("[LAUGHTER]", ""),
    ],
)
def test_a_transcript_keeps_its_marks_and_loses_its_tags(text, reference, release):
    name = "Ses01F_impro01_F000"
    line = f"{name} [006.2901-008.2357]: {text}\n"
    assert read_one(release("Ses01F_impro01", [name], label(name, "neu"), line)).reference == reference


def test_transcript_lines_without_audio_or_without_a_name_are_no_clips(release):
    name = "Ses01F_impro01_F000"
    lines = (
        f"{name} [006.2901-008.2357]: Excuse me.\nSes01F_impro01_FXX0 [008.2357-008.9000]: Hm.\nM: (coughs)\n"
    )
    assert read_one(release("Ses01F_impro01", [name], label(name, "neu"), lines)).reference == "Excuse me."


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
def test_files_are_read_in_either_encoding(encoding, release):
    name = "Ses01F_impro01_F000"
    labels = label(name, "neu", "C-E2:\tNeutral;\t(blasé)")
    line = f"{name} [006.2901-008.2357]: In the café.\n"
    clip = read_one(release("Ses01F_impro01", [name], labels, line, encoding))
    assert (clip.emotion, clip.reference) == ("neutral", "In the café.")


def test_quotation_marks_of_windows_are_read(release):
    name = "Ses01F_impro01_F000"
    line = f"{name} [006.2901-008.2357]: Don\u2019t\u2026 go.\n"
    clip = read_one(release("Ses01F_impro01", [name], label(name, "neu"), line, "cp1252"))
    assert clip.reference == "Don\u2019t\u2026 go."


def test_windows_line_ends_are_read(release):
    names = ["Ses01F_impro01_F000", "Ses01F_impro01_M000"]
    labels = "\n".join(label(name, "hap", "C-E2:\tHappiness;\t()") for name in names)
    lines = f"{names[0]} [006.2901-008.2357]: One.\n{names[1]} [009.2901-010.2357]: Two.\n"
    clips = iemocap.iter_clips(
        release("Ses01F_impro01", names, labels.replace("\n", "\r\n"), lines.replace("\n", "\r\n"))
    )
    assert [(clip.emotion, clip.reference, clip.votes) for clip in clips] == [
        ("happy", "One.", {"happy": 1}),
        ("happy", "Two.", {"happy": 1}),
    ]


def test_files_in_sub_folders_of_the_label_folder_are_not_labels(release):
    name = "Ses01F_impro01_F000"
    root = release("Ses01F_impro01", [name], label(name, "neu"))
    for folder in ("Categorical", "Attribute", "Self-evaluation"):
        decoy = root / f"IEMOCAP_full_release/Session1/dialog/EmoEvaluation/{folder}/Ses01F_impro01.txt"
        decoy.parent.mkdir()
        decoy.write_text(label(name, "ang"))
    assert read_one(root).emotion == "neutral"


def test_two_dialogs_that_differ_by_a_letter_are_two(release):
    names = ["Ses05M_script01_1_M000", "Ses05M_script01_1b_M000"]
    release("Ses05M_script01_1", names[:1], label(names[0], "ang"), f"{names[0]} [1.0-2.0]: First.\n")
    root = release(
        "Ses05M_script01_1b", names[1:], label(names[1], "sad"), f"{names[1]} [1.0-2.0]: Second.\n"
    )
    assert [(clip.id, clip.emotion, clip.reference) for clip in iemocap.iter_clips(root)] == [
        ("iemocap/Ses05M_script01_1_M000", "angry", "First."),
        ("iemocap/Ses05M_script01_1b_M000", "sad", "Second."),
    ]


def test_all_performances_of_a_scene_share_its_sentence(release):
    names = ["Ses01F_script01_1_F000", "Ses05M_script01_1b_M000", "Ses02M_script02_2_F000"]
    for name in names:
        root = release(name[:-5], [name], label(name, "neu"))
    assert [clip.sentence for clip in iemocap.iter_clips(root)] == ["script01_1", "script02_2", "script01_1"]


def test_audio_without_a_label_has_no_emotion_and_is_warned_of(release, caplog):
    names = ["Ses01F_impro01_F000", "Ses01F_impro01_F001", "Ses01F_impro01_F002"]
    root = release("Ses01F_impro01", names, label(names[0], "neu"))
    with caplog.at_level(logging.WARNING):
        clips = list(iemocap.iter_clips(root))
    assert [(clip.id, clip.emotion) for clip in clips] == [
        ("iemocap/Ses01F_impro01_F000", "neutral"),
        ("iemocap/Ses01F_impro01_F001", ""),
        ("iemocap/Ses01F_impro01_F002", ""),
    ]
    assert (clips[1].votes, clips[1].heard) == ({}, ())
    (record,) = caplog.records
    assert "2 of 3 clips have no line in dialog/EmoEvaluation" in record.getMessage()
    assert "Ses01F_impro01_F001.wav" in record.getMessage()


def test_a_label_without_audio_is_no_clip(release):
    names = ["Ses01F_impro01_F000", "Ses01F_impro01_F001"]
    root = release("Ses01F_impro01", names[:1], "\n".join(label(name, "neu") for name in names))
    assert read_one(root).id == "iemocap/Ses01F_impro01_F000"


def test_the_recording_of_a_whole_dialog_is_no_clip(release):
    name = "Ses01F_impro01_F000"
    root = release("Ses01F_impro01", [name], label(name, "neu"))
    whole = root / "IEMOCAP_full_release/Session1/dialog/wav/Ses01F_impro01.wav"
    whole.parent.mkdir()
    whole.touch()
    assert read_one(root).id == "iemocap/Ses01F_impro01_F000"


def test_upper_and_lower_case_of_audio_names_are_the_same(release):
    root = release("Ses01F_script01_1", ["ses01f_SCRIPT01_1_m000"], label("Ses01F_script01_1_M000", "sad"))
    clip = read_one(root)
    assert (clip.id, clip.speaker) == ("iemocap/Ses01F_script01_1_M000", "iemocap/Ses01M")
    assert clip.sentence == "script01_1"


def test_an_unknown_consensus_code_is_an_error(release):
    name = "Ses01F_impro01_F000"
    root = release("Ses01F_impro01", [name], label(name, "joy"))
    with pytest.raises(UnknownEmotionError, match=r"Ses01F_impro01\.txt, line 3: emotion code 'joy'"):
        list(iemocap.iter_clips(root))


def test_an_unknown_word_of_a_rater_is_an_error(release):
    name = "Ses01F_impro01_F000"
    root = release("Ses01F_impro01", [name], label(name, "neu", "C-E2:\tNeutral; Joy;\t()"))
    with pytest.raises(UnknownEmotionError, match=r"Ses01F_impro01\.txt, line 4: emotion code 'joy'"):
        list(iemocap.iter_clips(root))


def test_a_broken_label_line_is_an_error(release):
    name = "Ses01F_impro01_F000"
    root = release("Ses01F_impro01", [name], f"[6.2901 - 8.2357]\t{name}\n")
    with pytest.raises(
        LabelFileError, match=r"Ses01F_impro01\.txt, line 3: got .*, expected '\[start - end\]"
    ):
        list(iemocap.iter_clips(root))


def test_a_broken_transcript_line_is_an_error(release):
    name = "Ses01F_impro01_F000"
    root = release("Ses01F_impro01", [name], label(name, "neu"), f"{name} Excuse me.\n")
    with pytest.raises(LabelFileError, match=r"line 1: got .*, expected 'clip \[start-end\]: text'"):
        list(iemocap.iter_clips(root))
