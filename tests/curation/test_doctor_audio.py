import numpy as np
import pytest

from factories_audio import make_speech, write_clip, write_damaged_files
from factories_doctor import make_wav
from mmser.curation.doctor_audio import (
    FileFacts,
    FoundClip,
    count_usable,
    iter_audio_findings,
    read_facts,
    read_file,
)
from mmser.curation.doctor_published import PUBLISHED
from mmser.curation.filtering import DAMAGED


def clip(name, emotion="sad", path=None, **facts):
    path = path or f"{name}.wav"
    return FoundClip(
        name, emotion, path, FileFacts(**({"sha256": name, "rate_hz": 16_000, "num_channels": 1} | facts))
    )


def audio_findings(*clips, corpus="cremad"):
    found = list(iter_audio_findings(clips, PUBLISHED.get(corpus), str))
    return {(finding.kind, finding.severity): finding for finding in found}


def test_a_clip_without_fault_gives_no_finding(tmp_path):
    facts = read_file(write_clip(tmp_path / "a.wav", make_speech()))
    assert (facts.reason, facts.rate_hz, facts.num_channels, facts.clipped_share) == ("", 16_000, 1, 0.0)
    assert len(facts.sha256) == 64
    assert audio_findings(clip("a")) == {}


def test_the_reason_of_a_damaged_file_is_that_of_a_build(tmp_path):
    reasons = write_damaged_files(tmp_path)
    for path in sorted(tmp_path.rglob("*.wav")):
        reason = reasons[f"ravdess/{path.stem}"]
        # how long a clip is after cleaning is not the doctor's question
        assert read_file(path).reason == ("" if reason == "too-short" else reason)


@pytest.mark.parametrize(
    ("reason", "severity", "remedy"),
    [
        ("lfs-pointer", "error", "git lfs pull"),
        ("unreadable", "error", "download them again"),
        ("truncated", "error", "the end is missing"),
        ("not-finite", "error", "convert them again"),
        ("empty", "warning", "A build leaves them out"),
        ("silent", "warning", "Listen to them"),
        ("too-long", "error", "Cut them into clips"),
    ],
)
def test_what_a_build_calls_damaged_is_an_error_and_what_it_copes_with_a_warning(reason, severity, remedy):
    assert (severity == "error") == (reason in DAMAGED)
    found = audio_findings(clip("a"), clip("b", reason=reason), clip("c", reason=reason, rate_hz=0))
    assert found.keys() == {(reason, severity)}
    # the detail of what cannot be read names its file
    expected = ("", "") if reason == "unreadable" else ("b.wav", "c.wav")
    assert found[reason, severity].examples == expected
    assert remedy in found[reason, severity].remedy


def test_a_file_that_may_not_be_read_is_shown_with_the_systems_reason(tmp_path):
    (tmp_path / "x.wav").mkdir()
    facts = read_file(tmp_path / "x.wav")
    assert facts.sha256 == ""
    found = audio_findings(FoundClip("x", "sad", tmp_path / "x.wav", facts))
    assert found["unreadable", "error"].examples == (f"{tmp_path}/x.wav: cannot be read (Is a directory).",)


def test_a_clip_published_without_sound_is_a_note():
    found = audio_findings(clip("1076_MTI_SAD_XX", reason="empty"), clip("1076_MTI_ANG_XX", reason="empty"))
    assert found["soundless", "note"].examples == ("1076_MTI_SAD_XX.wav",)
    assert found["empty", "warning"].examples == ("1076_MTI_ANG_XX.wav",)
    assert ("lfs-pointer", "error") in audio_findings(clip("1076_MTI_SAD_XX", reason="lfs-pointer"))


@pytest.mark.parametrize(
    ("peak", "reason"), [(0, "silent"), (3, "silent"), (4, "")], ids=["nothing", "9e-5", "1.2e-4"]
)
def test_a_clip_is_silent_below_a_peak_of_one_in_ten_thousand(tmp_path, peak, reason):
    (tmp_path / "a.wav").write_bytes(make_wav(samples=(0, peak, -peak, 0)))
    assert read_file(tmp_path / "a.wav").reason == reason


def test_sample_rates_are_compared_with_the_published_one():
    found = audio_findings(clip("a"), clip("b", rate_hz=44_100), clip("c", rate_hz=8_000))
    message = found["sample-rate", "warning"].message
    assert message == "Clips at 8,000 Hz, 44,100 Hz, where the corpus is published at 16,000 Hz: 2."


def test_the_one_clip_of_tess_at_another_rate_is_a_note_at_that_rate_only():
    known = {"corpus": "tess"}
    assert audio_findings(clip("OAF_food_fear", rate_hz=96_000), **known).keys() == {("sample-rate", "note")}
    assert audio_findings(clip("OAF_food_fear", rate_hz=24_414), **known) == {}
    assert audio_findings(clip("OAF_food_fear", rate_hz=16_000), **known).keys() == {
        ("sample-rate", "warning")
    }


def test_a_users_table_has_no_published_rate():
    assert audio_findings(clip("a", rate_hz=11_025), corpus="mine") == {}


def test_identical_clips_under_one_label_and_under_different_labels_are_told_apart():
    found = audio_findings(
        clip("a", "sad", sha256="1"),
        clip("b", "sad", sha256="1"),
        clip("c", "sad", sha256="2"),
        clip("d", "happy", sha256="2"),
        clip("e", "happy", sha256="3"),
    )
    assert found.keys() == {("twins", "warning"), ("twins-other-label", "warning")}
    assert found["twins", "warning"].examples == ("a (sad) = b (sad)",)
    assert found["twins-other-label", "warning"].examples == ("c (sad) = d (happy)",)
    assert "leaves all of them out" in found["twins-other-label", "warning"].remedy


def test_the_pairs_that_corpora_are_known_for_are_notes():
    pairs = (("1006_TIE_HAP_XX", "1006_TIE_NEU_XX"), ("1013_WSI_DIS_XX", "1013_WSI_SAD_XX"))
    labels = (("happy", "neutral"), ("disgust", "sad"))
    clips = [
        clip(name, label, sha256=pair[0])
        for pair, emotions in zip(pairs, labels, strict=True)
        for name, label in zip(pair, emotions, strict=True)
    ]
    found = audio_findings(*clips)
    assert found.keys() == {("twins-other-label", "note")}
    assert found["twins-other-label", "note"].count == 2
    third = clip("1006_TIE_SAD_XX", "sad", sha256=pairs[0][0])
    assert ("twins-other-label", "warning") in audio_findings(*clips, third)


def test_many_identical_clips_are_one_short_line():
    (finding,) = audio_findings(*(clip(f"c{n}", sha256="1") for n in range(1000))).values()
    assert finding.examples == ("c0 (sad) = c1 (sad) = c2 (sad) = c3 (sad) = 996 more",)


def test_unusable_files_are_not_called_identical():
    assert audio_findings(
        clip("a", sha256="1", reason="empty"), clip("b", sha256="1", reason="empty")
    ).keys() == {("empty", "warning")}


def test_a_clip_is_clipped_from_one_sample_in_a_thousand_at_full_scale(tmp_path):
    for name, num_clipped in {"few": 1, "enough": 2}.items():
        samples = (32_767,) * (num_clipped - 1) + (-32_768,) + (100, -100) * 1000
        (tmp_path / f"{name}.wav").write_bytes(make_wav(samples=samples[:2000]))
    found = audio_findings(*(FoundClip(p.stem, "sad", p, read_file(p)) for p in sorted(tmp_path.iterdir())))
    assert found.keys() == {("clipped", "note")}
    assert found["clipped", "note"].examples == (str(tmp_path / "enough.wav"),)


def test_floating_point_beyond_full_scale_counts_as_clipped(tmp_path):
    import soundfile

    soundfile.write(tmp_path / "a.wav", np.full(100, 1.5, np.float32), 16_000, subtype="FLOAT")
    assert read_file(tmp_path / "a.wav").clipped_share == 1.0


def test_several_channels_are_a_note(tmp_path):
    (tmp_path / "a.wav").write_bytes(make_wav(samples=(100, 200, 300, 400), num_channels=2))
    found = audio_findings(FoundClip("a", "sad", tmp_path / "a.wav", read_file(tmp_path / "a.wav")))
    assert found.keys() == {("channels", "note")}


def test_usable_clips_have_sound_a_label_and_no_twin_of_another_label():
    assert count_usable([clip("a"), clip("b", ""), clip("c", reason="silent")]) == 1
    twins = [clip("a", "sad", sha256="1"), clip("b", "happy", sha256="1"), clip("c", "sad", sha256="1")]
    assert count_usable(twins) == 0
    assert count_usable([*twins, clip("d")]) == 1
    assert count_usable(twins[::2]) == 2


def test_facts_are_the_same_from_one_process_and_from_two(tmp_path):
    paths = [tmp_path / f"{number:03}.wav" for number in range(230)]
    for path in paths:
        path.write_bytes(make_wav())
    paths[5].write_bytes(b"")
    alone, together = read_facts(paths, 1), read_facts(reversed(paths), 2)
    assert alone == together
    assert list(alone) == paths
    assert {facts.reason for facts in alone.values()} == {"", "empty"}
    assert alone[paths[7]] == read_file(paths[7])


def test_no_file_gives_no_facts():
    assert read_facts([], 2) == {}
