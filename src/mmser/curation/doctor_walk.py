"""Sort the files below a folder by the corpus that they belong to.  folder -> names, copies, strangers"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from mmser.corpora import CORPORA
from mmser.corpora.base import copy_order, iter_files

_ANY_NAME = re.compile(r".+", re.DOTALL)
_SUFFIX = ".wav"
_OTHER_SUFFIXES = frozenset({".aac", ".aif", ".aiff", ".flac", ".m4a", ".mp3", ".ogg", ".opus", ".wma"})


@dataclass
class Tree:
    """The audio files below a folder.

    Attributes:
        root: the folder.
        copies: corpus -> published name -> its files, the one that is read first.
        converted: corpus -> files of published names in a format that readers do not take.
        misnamed: corpus -> .wav files that lie among its clips and whose names no corpus has.
        strangers: .wav files that belong to no corpus.
        unlisted: folders that cannot be listed, with the system's reason.
    """

    root: Path
    copies: dict[str, dict[str, list[Path]]] = field(default_factory=dict)
    converted: dict[str, list[Path]] = field(default_factory=lambda: defaultdict(list))
    misnamed: dict[str, list[Path]] = field(default_factory=lambda: defaultdict(list))
    strangers: list[Path] = field(default_factory=list)
    unlisted: list[str] = field(default_factory=list)

    def show(self, path: Path) -> str:
        """Return a file as its path from the root, or whole where it lies elsewhere."""
        return str(path.relative_to(self.root)) if path.is_relative_to(self.root) else str(path)

    def release(self, paths: Iterable[Path]) -> None:
        """Forget that files have no corpus: a user's table names them."""
        claimed = {path.resolve() for path in paths}
        if not claimed:
            return
        self.strangers = [path for path in self.strangers if path.resolve() not in claimed]
        for corpus, files in self.misnamed.items():
            self.misnamed[corpus] = [path for path in files if path.resolve() not in claimed]


def walk_tree(root: Path) -> Tree:
    """Sort all audio files below ``root`` by the names that the readers know."""
    tree = Tree(root)
    found: dict[str, dict[str, list[Path]]] = {name: defaultdict(list) for name in CORPORA}
    others: list[Path] = []
    unnamed: list[Path] = []

    def note_unlisted(error: OSError) -> None:
        tree.unlisted.append(f"{error.filename} ({error.strerror})")

    for path, _ in iter_files(root, _ANY_NAME, note_unlisted):
        suffix = path.suffix.lower()
        if suffix in _OTHER_SUFFIXES:
            others.append(path)
        elif suffix == _SUFFIX:
            owners = _find_owners(path)
            for corpus, name in owners:
                found[corpus][name].append(path)
            if not owners:
                unnamed.append(path)
    tree.copies = {
        corpus: {name: sorted(paths, key=copy_order) for name, paths in sorted(names.items())}
        for corpus, names in found.items()
    }
    _sort_converted(tree, others)
    _sort_unnamed(tree, unnamed)
    return tree


def _find_owners(path: Path) -> list[tuple[str, str]]:
    """(corpus, published name) of the corpora that name a file so: one, or none."""
    names = ((name, corpus.naming.read_name(path)) for name, corpus in CORPORA.items() if corpus.naming)
    return [(corpus, name) for corpus, name in names if name is not None]


def _sort_converted(tree: Tree, others: Iterable[Path]) -> None:
    for path in others:
        for corpus, name in _find_owners(path.with_suffix(_SUFFIX)):
            if name not in tree.copies[corpus]:
                tree.converted[corpus].append(path)


def _sort_unnamed(tree: Tree, unnamed: Iterable[Path]) -> None:
    """A file is misnamed where clips of a corpus lie in its folder, or in folders beside that one.

    IEMOCAP keeps recordings of whole dialogs in a folder with no clip near it; those are strangers.
    """
    beside: dict[Path, Counter[str]] = defaultdict(Counter)
    below: dict[Path, Counter[str]] = defaultdict(Counter)
    for corpus, names in tree.copies.items():
        for paths in names.values():
            for path in paths:
                beside[path.parent][corpus] += 1
                below[path.parent.parent][corpus] += 1
    for path in unnamed:
        near = beside[path.parent]
        if not near and tree.root not in (path.parent, path.parent.parent):
            near = below[path.parent.parent]
        if near:
            tree.misnamed[near.most_common(1)[0][0]].append(path)
        else:
            tree.strangers.append(path)
