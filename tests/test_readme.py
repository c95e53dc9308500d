import re
from pathlib import Path

from factories_audio import make_speech, write_clip
from factories_runs import save_model
from mmser.corpora import CORPORA

README = (Path(__file__).parents[1] / "README.md").read_text()


def test_the_lines_of_python_print_an_answer(tmp_path, monkeypatch, capsys):
    (code,) = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    save_model(tmp_path / "runs" / "fusion", "hubert")
    write_clip(tmp_path / "clip.wav", make_speech(2.0))
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})  # noqa: S102 - it is what the page tells people to run
    printed = capsys.readouterr().out
    assert re.match(r"(angry|happy|sad) \{'angry': 0\.\d+, 'happy': 0\.\d+, 'sad': 0\.\d+\} None", printed)


def test_the_two_commands_are_targets_of_the_makefile():
    makefile = (Path(__file__).parents[1] / "Makefile").read_text()
    commands = re.findall(r"^make (\w+) ", README, re.MULTILINE)
    assert commands == ["demo", "test"]
    assert all(re.search(rf"^{name}:", makefile, re.MULTILINE) for name in commands)


def test_what_the_page_says_of_corpora_is_what_their_sheets_say():
    rows = re.findall(r"^\| ([A-Z][\w, -]+?) \| ([\d,]+) \| (\d+) \|", README, re.MULTILINE)
    told = {name: (int(clips.replace(",", "")), int(speakers)) for name, clips, speakers in rows}
    sheets = {each.info.title: (each.info.num_clips, each.info.num_speakers) for each in CORPORA.values()}
    assert len(told) == 6
    assert told.items() <= sheets.items()
