import errno
import multiprocessing
from dataclasses import asdict

import pytest

from mmser.curation import transcripts
from mmser.curation.transcripts import Transcript, TranscriptCache, join_transcripts, judge


@pytest.mark.parametrize(
    ("scores", "text", "flag"),
    [
        ((-0.2, 0.1, 1.0), "Dogs.", ""),
        ((-1.1, 0.7, 1.0), "", "silence"),
        ((-0.9, 0.7, 1.0), "Dogs.", ""),  # sure of its words: no silence
        ((-1.1, 0.5, 1.0), "Dogs.", ""),  # a doubtful guess, but somebody speaks
        ((-0.2, 0.1, 2.5), "", "loop"),
    ],
)
def test_what_whisper_made_up_is_emptied_and_flagged(scores, text, flag):
    assert judge(" Dogs. ", *scores) == Transcript(text, *scores, flag)


def test_parts_of_a_clip_are_joined_without_those_that_were_emptied():
    parts = [judge("One", -0.2, 0.1, 1.0), judge("la la", -0.1, 0.0, 9.0), judge("two", -0.4, 0.3, 2.0)]
    joined = join_transcripts(parts)
    assert joined.text == "One two"
    assert joined.avg_logprob == pytest.approx(-0.3)
    assert joined.no_speech_prob == pytest.approx(0.2)
    assert joined.compression_ratio == pytest.approx(1.5)
    assert joined.flag == ""


def test_a_clip_of_silent_parts_is_silence():
    joined = join_transcripts([judge("", -2.0, 0.9, 0.5), judge("la", -1.5, 0.8, 0.5)])
    assert (joined.text, joined.flag) == ("", "silence")
    assert joined.no_speech_prob == pytest.approx(0.85)


def test_separators_that_json_knows_and_lines_do_not_are_read_back(tmp_path):
    transcript = Transcript("one\u2028two\x85three\x0bfour\nfive", -0.1, 0.0, 1.0, "")
    TranscriptCache(tmp_path / "a.jsonl").write(["k1", "k2"], [transcript] * 2)
    assert TranscriptCache(tmp_path / "a.jsonl").transcripts == {"k1": transcript, "k2": transcript}


def test_a_disk_that_fills_up_amid_a_line_is_an_error_and_costs_no_other_line(tmp_path, monkeypatch):
    path = tmp_path / "a.jsonl"
    whole = Transcript("whole", -0.1, 0.0, 1.0, "")
    TranscriptCache(path).write(["k1"], [whole])

    class ShortFile:
        def __init__(self, file):
            self.file = file

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

        def write(self, content):
            return self.file.write(content[:20])

        def __getattr__(self, name):
            return getattr(self.file, name)

    with monkeypatch.context() as patch:
        original = type(path).open
        patch.setattr(
            type(path), "open", lambda self, *args, **kwargs: ShortFile(original(self, *args, **kwargs))
        )
        cache = TranscriptCache.__new__(TranscriptCache)
        cache.path, cache.transcripts = path, {}
        with pytest.raises(OSError, match=r"a\.jsonl") as caught:
            cache.write(["k2"], [whole])
    assert caught.value.errno == errno.ENOSPC
    assert cache.transcripts == {}
    TranscriptCache(path).write(["k3"], [whole])
    assert TranscriptCache(path).transcripts == {"k1": whole, "k3": whole}


def _write_many(path, name):
    cache = TranscriptCache(path)
    for number in range(200):
        keys = [f"{name}{number}-{row}" for row in range(5)]
        cache.write(keys, [Transcript("words " * 40, -0.1, 0.0, 1.0, "")] * 5)


def test_two_writers_at_once_lose_no_line(tmp_path):
    path = tmp_path / "a.jsonl"
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_many, args=(path, name)) for name in "ab"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(TranscriptCache(path).transcripts) == 2 * 200 * 5


def test_lines_of_an_earlier_form_are_heard_again(tmp_path):
    path = tmp_path / "a.jsonl"
    fields = asdict(Transcript("old", -0.1, 0.0, 1.0, ""))
    del fields["flag"]
    path.write_text(f'{{"sha256": "k1", "text": "old"}}\n{fields!r}\n7\n')
    assert transcripts.TranscriptCache(path).transcripts == {}
