"""The table of corpora that mmser reads.  folder, names -> Clip rows"""

from collections.abc import Iterable
from pathlib import Path

from mmser.corpora import cremad, emodb, iemocap, ravdess, savee, tess
from mmser.corpora.base import Clip, Corpus, CorpusInfo
from mmser.errors import CorpusNotFoundError, DuplicateClipError, UnknownNameError

__all__ = ["CORPORA", "PAPER_CORPORA", "Clip", "Corpus", "CorpusInfo", "get_corpus", "read_clips"]

CORPORA = {
    corpus.info.name: corpus
    for corpus in (
        Corpus(cremad.INFO, cremad.iter_clips),
        Corpus(emodb.INFO, emodb.iter_clips),
        Corpus(iemocap.INFO, iemocap.iter_clips),
        Corpus(ravdess.INFO, ravdess.iter_clips),
        Corpus(ravdess.SONG_INFO, ravdess.iter_song_clips),
        Corpus(savee.INFO, savee.iter_clips),
        Corpus(tess.INFO, tess.iter_clips),
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


def read_clips(root: Path, names: Iterable[str] = PAPER_CORPORA) -> tuple[list[Clip], tuple[str, ...]]:
    """Read the clips of the named corpora, wherever they lie below ``root``.

    Args:
        root: the folder that holds the corpora.
        names: corpora to read; a name given twice is read once.

    Returns:
        All clips sorted by id, and the names of the corpora that are not there, in the order given.

    Raises:
        UnknownNameError: a name that no corpus has.
        CorpusNotFoundError: ``root`` is not a folder, or holds no clip of any named corpus.
        DuplicateClipError: two files have one clip id.
    """
    corpora = [get_corpus(name) for name in dict.fromkeys(names)]
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
