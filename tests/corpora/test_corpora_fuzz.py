"""Label files and tables of any bytes: read, or refused with an error that names the file."""

import numpy as np
import pytest

from mmser.corpora import cremad, iemocap
from mmser.errors import MmserError
from standins import iemocap_label_file

NUM_MUTANTS = 300
CLIPS = [f"Ses01F_impro01_F{turn:03}" for turn in range(3)]
IEMOCAP = "Session1/dialog/{folder}/Ses01F_impro01.txt"
FILES = {
    "labels": (iemocap, IEMOCAP.format(folder="EmoEvaluation")),
    "transcripts": (iemocap, IEMOCAP.format(folder="transcriptions")),
    "people": (cremad, "VideoDemographics.csv"),
    "votes": (cremad, "processedResults/tabulatedVotes.csv"),
}
TEXTS = {
    "labels": iemocap_label_file(dict.fromkeys(CLIPS, "neu")),
    "transcripts": "".join(f"{clip} [006.2901-008.2357]: Voilà, «excuse» me.\n" for clip in CLIPS),
    "people": '"ActorID","Age","Sex","Race","Ethnicity"\n1001,51,"Male","Caucasian","Not Hispanic"\n',
    "votes": '"","A","D","F","H","N","S","fileName","numResponses"\n'
    '"100001",0,1,0,0,9,0,"1001_DFA_ANG_XX",10\n',
}
PIECES = (
    b"\0",
    b"\xff\xfe",
    b'"',
    b"\r",
    b"\r\n",
    b"\n\n",
    b"\t",
    b"[",
    b"C-E9:\t;;\n",
    b",",
    b"\xe9",
    b"x" * 140_000,
)


@pytest.fixture
def release(plant):
    root = plant(
        *(path for _, path in FILES.values()), *(f"{clip}.wav" for clip in (*CLIPS, "1001_DFA_ANG_XX"))
    )
    for name, (_, path) in FILES.items():
        (root / path).write_text(TEXTS[name], encoding="utf-8")
    return root


def mutate(content: bytes, index: int) -> bytes:
    rng = np.random.default_rng([7, index])
    mutant = bytearray(content)
    for _ in range(rng.integers(1, 6)):
        place, end = sorted(rng.integers(0, len(mutant) + 1, size=2))
        kind = rng.integers(0, 4)
        if kind == 0:
            mutant[place:place] = PIECES[rng.integers(0, len(PIECES))]
        elif kind == 1:
            del mutant[place : min(end, place + 30)]
        elif kind == 2:
            mutant[place : place + 1] = rng.bytes(1)
        else:
            del mutant[end:]
    return bytes(mutant)


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_read_or_named_in_an_error(name, release):
    reader, file = FILES[name]
    content = (release / file).read_bytes()
    outcomes = set()
    for index in range(NUM_MUTANTS):
        (release / file).write_bytes(mutate(content, index))
        try:
            clips = list(reader.iter_clips(release))
        except MmserError as error:
            assert (release / file).name in str(error)  # noqa: PT017 - both outcomes are right
            outcomes.add(type(error).__name__)
        else:
            assert {clip.path.stem for clip in clips} <= {*CLIPS, "1001_DFA_ANG_XX"}
            outcomes.add("read")
    assert {"read", "LabelFileError"} <= outcomes
