"""Stand-ins for the complete corpora: every published name in its published layout, with tiny files."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice, product
from pathlib import Path

# The 200 words of the Northwestern University Auditory Test No. 6.
_NU6_WORDS = """
laud boat pool nag limb shout sub vine dime goose whip tough puff keen death sell take fall raise third
gap fat met jar door love sure knock choice hash lot raid hurl moon page yes reach king home rag which
week size mode bean tip chalk jail burn kite pick room nice said fail south white keep dead loaf dab numb
juice chief merge wag rain witch soap young ton keg calm tool pike mill hush shack read rot hate live
book voice gaze pad thought bought turn chair lore bite haze match learn shawl deep gin goal far bar base
mess cause mop good luck walk youth pain date pearl search ditch talk ring germ life team lid pole road
shall late cheek beg gun jug sheep five rush rat void wire half note when name thin tell mouse hire cab
hit chat phone soup dodge seize cool pass doll back red wash sour bone get wheat thumb sail yearn wife
such neat peg mob gas check join lease long chain kill hole lean tape tire dip rose came fit make vote
judge food ripe have rough kick lose near perch shirt bath time hall mood dog should
"""
TESS_WORDS = _NU6_WORDS.split()

CREMAD_SENTENCES = ("IEO", "TIE", "IOM", "IWW", "TAI", "MTI", "IWL", "ITH", "DFA", "ITS", "TSI", "WSI")
# Actor and sentence of which CREMA-D has no neutral clip, and those of which it has no clip at all.
CREMAD_NO_NEUTRAL = {("1002", "TIE"), ("1076", "ITS")}
CREMAD_NO_CLIP = {("1008", "WSI"), ("1009", "MTI"), ("1019", "ITH")}
CREMAD_MEN = 48

IEMOCAP_COUNTS = {
    "neu": 1708,
    "hap": 595,
    "exc": 1041,
    "sad": 1084,
    "ang": 1103,
    "fru": 1849,
    "sur": 107,
    "fea": 40,
    "dis": 2,
    "oth": 3,
    "xxx": 2507,
}
EMODB_COUNTS = {"W": 127, "L": 81, "E": 46, "A": 69, "F": 71, "T": 62, "N": 79}
EMODB_SPEAKERS = ("03", "08", "09", "10", "11", "12", "13", "14", "15", "16")
EMODB_TEXTS = ("a01", "a02", "a04", "a05", "a07", "b01", "b02", "b03", "b09", "b10")


def write_standins(root: Path, names: Iterable[str] | None = None, content: bytes = b"") -> None:
    """Write the named corpora (all seven when none is named) below ``root``, each in a folder of its own.

    Every audio file holds ``content``.
    """
    for name in WRITERS if names is None else names:
        files = {path: content if path.endswith(".wav") else text for path, text in WRITERS[name]()}
        for folder in {(root / path).parent for path in files}:
            folder.mkdir(parents=True, exist_ok=True)
        for path, data in files.items():
            (root / path).write_bytes(data)


def _ravdess() -> Iterator[tuple[str, bytes]]:
    return _ravdess_channel("RAVDESS", "01", range(1, 9), list(range(1, 25)))


def _ravdess_song() -> Iterator[tuple[str, bytes]]:
    return _ravdess_channel(
        "RAVDESS_song", "02", range(1, 7), [actor for actor in range(1, 25) if actor != 18]
    )


def _ravdess_channel(
    folder: str, channel: str, emotions: range, actors: list[int]
) -> Iterator[tuple[str, bytes]]:
    for actor, emotion in product(actors, emotions):
        for intensity, statement, repetition in product((1,) if emotion == 1 else (1, 2), (1, 2), (1, 2)):
            codes = f"{emotion:02}-{intensity:02}-{statement:02}-{repetition:02}-{actor:02}"
            yield f"{folder}/Actor_{actor:02}/03-{channel}-{codes}.wav", b""


def cremad_names() -> list[str]:
    """The 7,442 published names, without suffix."""
    names = []
    for actor, sentence in product(map(str, range(1001, 1092)), CREMAD_SENTENCES):
        if (actor, sentence) in CREMAD_NO_CLIP:
            continue
        if (actor, sentence) not in CREMAD_NO_NEUTRAL:
            names.append(f"{actor}_{sentence}_NEU_XX")
        levels = ("LO", "MD", "HI") if sentence == "IEO" else ("XX",)
        names += [
            f"{actor}_{sentence}_{emotion}_{level}"
            for emotion, level in product(("ANG", "DIS", "FEA", "HAP", "SAD"), levels)
        ]
    return names


def _cremad() -> Iterator[tuple[str, bytes]]:
    names = cremad_names()
    for name in names:
        yield f"CREMA-D/AudioWAV/{name}.wav", b""
    people = ['"ActorID","Age","Sex","Race","Ethnicity"']
    for index in range(91):
        sex = "Male" if index < CREMAD_MEN else "Female"
        people.append(f'{1001 + index},30,"{sex}","Caucasian","Not Hispanic"')
    yield "CREMA-D/VideoDemographics.csv", "\n".join(people).encode()
    votes = ['"","A","D","F","H","N","S","fileName","numResponses"']
    for modality, (number, name) in product((1, 2, 3), enumerate(names, start=1)):
        votes.append(f'"{modality}{number:05}",0,1,0,0,{8 + modality},0,"{name}",{9 + modality}')
    yield "CREMA-D/processedResults/tabulatedVotes.csv", "\n".join(votes).encode()


def _tess() -> Iterator[tuple[str, bytes]]:
    folders = {"ps": "pleasant_surprise"}
    for speaker, word, emotion in product(
        ("OAF", "YAF"), TESS_WORDS, ("angry", "disgust", "fear", "happy", "neutral", "ps", "sad")
    ):
        name = f"{speaker}_{word}_{emotion}".replace("OAF_bite_neutral", "OA_bite_neutral")
        yield f"TESS/{speaker}_{folders.get(emotion, emotion)}/{name}.wav", b""


def _savee() -> Iterator[tuple[str, bytes]]:
    for speaker, emotion in product(("DC", "JE", "JK", "KL"), ("a", "d", "f", "h", "n", "sa", "su")):
        for number in range(1, 31 if emotion == "n" else 16):
            yield f"SAVEE/AudioData/{speaker}/{emotion}{number:02}.wav", b""


def iemocap_dialogs() -> list[str]:
    """The names of the 151 dialogs."""
    scripts = [f"script{script}" for script in ("01_1", "01_2", "01_3", "02_1", "02_2", "03_1", "03_2")]
    improvised = [f"impro{number:02}" for number in range(1, 9)]
    scenes = {
        f"Ses0{session}{wearer}": improvised + scripts for session, wearer in product(range(1, 6), "FM")
    }
    scenes["Ses01F"] = scenes["Ses01M"] = improvised[:7] + scripts
    split = ("impro05", "impro08")  # each in two parts
    scenes["Ses03M"] = (
        [s for s in improvised if s not in split] + [s + p for s in split for p in "ab"] + scripts
    )
    scenes["Ses05M"] = [*improvised, *scripts, "script01_1b"]
    return [f"{session}_{scene}" for session, names in scenes.items() for scene in names]


def iemocap_label_file(labels: dict[str, str]) -> str:
    """A label file as published; ``labels`` is clip -> consensus code."""
    blocks = ["% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n"]
    for index, (clip, code) in enumerate(labels.items()):
        blocks.append(
            f"[{index}.2901 - {index}.9357]\t{clip}\t{code}\t[2.5000, 2.5000, 2.5000]\n"
            "C-E2:\tNeutral;\t()\n"
            "C-E3:\tNeutral;\t()\n"
            "C-E4:\tNeutral;\t()\n"
            "C-F1:\tNeutral;\t(curious)\n"
            "A-E3:\tval 3; act 2; dom  2;\t()\n"
            "A-F1:\tval 3; act 2; dom  1;\t()\n"
        )
    return "\n".join(blocks)


def _iemocap() -> Iterator[tuple[str, bytes]]:
    spread = [((i + 0.5) / count, code) for code, count in IEMOCAP_COUNTS.items() for i in range(count)]
    codes = [code for _, code in sorted(spread)]  # each code evenly over the corpus
    dialogs = iemocap_dialogs()
    labels: dict[str, dict[str, str]] = {dialog: {} for dialog in dialogs}
    for index, code in enumerate(codes):
        dialog, turn = dialogs[index % len(dialogs)], index // len(dialogs)
        labels[dialog][f"{dialog}_{'FM'[turn % 2]}{turn // 2:03}"] = code
    for dialog, clips in labels.items():
        session = f"IEMOCAP_full_release/Session{dialog[4]}"
        lines = [f"{clip} [006.2901-008.2357]: Excuse me." for clip in clips]
        lines.append(f"{dialog}_FXX0 [008.2357-008.9000]: Hm.")
        yield f"{session}/dialog/EmoEvaluation/{dialog}.txt", iemocap_label_file(clips).encode()
        yield f"{session}/dialog/transcriptions/{dialog}.txt", "\n".join(lines).encode()
        for clip in clips:
            yield f"{session}/sentences/wav/{dialog}/{clip}.wav", b""


def _emodb() -> Iterator[tuple[str, bytes]]:
    for emotion, count in EMODB_COUNTS.items():
        takes = islice(product("abc", EMODB_SPEAKERS, EMODB_TEXTS), count)
        for version, speaker, text in takes:
            yield f"EMO-DB/wav/{speaker}{text}{emotion}{version}.wav", b""


WRITERS: dict[str, Callable[[], Iterator[tuple[str, bytes]]]] = {
    "cremad": _cremad,
    "emodb": _emodb,
    "iemocap": _iemocap,
    "ravdess": _ravdess,
    "ravdess-song": _ravdess_song,
    "savee": _savee,
    "tess": _tess,
}
