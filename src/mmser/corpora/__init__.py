"""The table of corpora that mmser reads.  folder, names -> Clip rows"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from mmser.corpora import cremad, emodb, iemocap, ravdess, savee, table_csv, tess
from mmser.corpora.base import Clip, Corpus, CorpusInfo
from mmser.errors import CorpusNotFoundError, DuplicateClipError, SettingsError, UnknownNameError

__all__ = [
    "CORPORA",
    "PAPER_CORPORA",
    "Clip",
    "Corpus",
    "CorpusInfo",
    "get_corpora",
    "get_corpus",
    "read_clips",
]

CORPORA = {
    corpus.info.name: corpus
    for corpus in (
        Corpus(cremad.INFO, cremad.iter_clips, frozenset(cremad.EMOTIONS.values()), cremad.NAMING),
        Corpus(emodb.INFO, emodb.iter_clips, frozenset(emodb.EMOTIONS.values()), emodb.NAMING),
        Corpus(iemocap.INFO, iemocap.iter_clips, frozenset(iemocap.EMOTIONS.values()), iemocap.NAMING),
        Corpus(ravdess.INFO, ravdess.iter_clips, frozenset(ravdess.EMOTIONS.values()), ravdess.NAMING),
        Corpus(
            ravdess.SONG_INFO,
            ravdess.iter_song_clips,
            frozenset(ravdess.SONG_EMOTIONS.values()),
            ravdess.SONG_NAMING,
        ),
        Corpus(savee.INFO, savee.iter_clips, frozenset(savee.EMOTIONS.values()), savee.NAMING),
        Corpus(tess.INFO, tess.iter_clips, frozenset(tess.EMOTIONS.values()), tess.NAMING),
    )
}
PAPER_CORPORA = ("cremad", "iemocap", "ravdess", "savee", "tess")  # Sharma, table 3


def get_corpus(name: str) -> Corpus:
    """Return the corpus of that name.

    Raises:
        UnknownNameError: no corpus has that name.
    """
    if name not in CORPORA:
        raise UnknownNameError("corpus", name, CORPORA)
    return CORPORA[name]


def get_corpora(names: Iterable[str], emotion_map: Mapping[str, str] | None = None) -> list[Corpus]:
    """Return the corpora of these names; a name given twice counts once.

    Args:
        names: names of ``CORPORA``, and "csv:PATH" for a user's own table, which is read and checked here.
        emotion_map: words of the tables -> canonical emotions, beyond the words that are known.

    Raises:
        UnknownNameError: no corpus has a name, or a map names no canonical emotion.
        SettingsError: "csv:" is without a path, or two corpora would have one name.
        CorpusNotFoundError: a table is not there.
        LabelFileError: a table cannot be read as one.
        UnknownEmotionError: a table uses a word that no map knows.
    """
    corpora: dict[str, Corpus] = {}
    for given in dict.fromkeys(names):
        if not given.startswith(table_csv.PREFIX):
            corpora[given] = get_corpus(given)
            continue
        if given == table_csv.PREFIX:
            raise SettingsError(f"{given!r} names no table, expected its path behind it: csv:mine.csv.")
        path = Path(given.removeprefix(table_csv.PREFIX))
        if path.stem.lower() in {*CORPORA, *map(str.lower, corpora)}:
            raise SettingsError(
                f"{path}: a table gives its name to its corpus, and another one is called {path.stem!r}. "
                "Rename the file."
            )
        corpora[path.stem] = table_csv.open_table(path, emotion_map)
    return list(corpora.values())


def read_clips(
    root: Path, names: Iterable[str] = PAPER_CORPORA, emotion_map: Mapping[str, str] | None = None
) -> tuple[list[Clip], tuple[str, ...]]:
    """Read the clips of the named corpora, wherever they lie below ``root``.

    Args:
        root: the folder that holds the corpora.
        names: corpora to read, as :func:`get_corpora` takes them; a table may lie anywhere.
        emotion_map: words of the users' tables -> canonical emotions.

    Returns:
        All clips sorted by id, and the names of the corpora that are not there, in the order given.

    Raises:
        UnknownNameError: a name that no corpus has.
        CorpusNotFoundError: ``root`` is not a folder, or holds no clip of any named corpus.
        DuplicateClipError: two files have one clip id.
        SettingsError, LabelFileError, UnknownEmotionError: as :func:`get_corpora`.
    """
    corpora = get_corpora(names, emotion_map)
    if not root.is_dir():
        state = "is a file" if root.exists() else "does not exist"
        raise CorpusNotFoundError(f"{root}: {state}, expected the folder that holds the corpora.")
    clips: dict[str, Clip] = {}
    found = set()
    for corpus in corpora:
        for clip in corpus.iter_clips(root):
            if clip.id in clips:
                raise DuplicateClipError(
                    f"{clip.id} names two files, {clips[clip.id].path} and {clip.path}; expected one. "
                    "Remove or rename one of them."
                )
            clips[clip.id] = clip
            found.add(corpus.info.name)
    if not clips:
        hints = "\n".join(f"  {corpus.info.name}: {corpus.info.how_to_get}" for corpus in corpora)
        raise CorpusNotFoundError(
            f"{root}: holds no clip of the corpora asked for. How to get them:\n{hints}"
        )
    missing = tuple(corpus.info.name for corpus in corpora if corpus.info.name not in found)
    return [clips[clip_id] for clip_id in sorted(clips)], missing
