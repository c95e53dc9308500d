"""`mmser features`: hand-made features of every clip of a corpus, as HDF5."""

import argparse
from pathlib import Path


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to ``mmser``."""
    parser = subparsers.add_parser(
        "features",
        help="hand-made features of every clip of a corpus, as HDF5",
        description="Compute a feature of every clip, or find it in the cache folder, and write an HDF5 file "
        "with a group for each split: features, label (class number, or 0 or 1 a class where clips have "
        "several), id and speaker; the classes are an attribute.",
    )
    add = parser.add_argument
    add("corpus", type=Path, help="a corpus folder that `mmser build` wrote")
    add("--out", type=Path, required=True, help="the file to write, e.g. mfcc80.h5")
    add(
        "--features",
        default="paper94",
        metavar="NAME",
        help="paper94, mlp180, mfcc80, logmel, egemaps, silence, families, or one family: time, frequency, "
        "mfcc, chroma, rhythm, wavelet (default: %(default)s)",
    )
    add("--cache-dir", type=Path, help="where features are kept (default: $MMSER_CACHE, else ~/.cache/mmser)")
    add("--num-proc", type=int, help="worker processes (default: one a core)")
    parser.set_defaults(run_command=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the file and say what it holds."""
    from mmser.curation.output import check_writable
    from mmser.curation.schema import load_corpus
    from mmser.errors import OutputExistsError, SettingsError
    from mmser.training.feature_cache import compute_features, write_hdf5

    if arguments.num_proc is not None and arguments.num_proc < 1:
        raise SettingsError(f"--num-proc {arguments.num_proc}: expected 1 or more processes.")
    if arguments.out.exists():
        raise OutputExistsError(f"{arguments.out}: is there already. Choose another name, or delete it.")
    corpus = load_corpus(arguments.corpus)
    check_writable(arguments.out.parent, "--out: the folder")
    features = {
        split: compute_features(
            rows, arguments.features, cache_dir=arguments.cache_dir, num_proc=arguments.num_proc
        )
        for split, rows in corpus.items()
    }
    write_hdf5(arguments.out, corpus, features)
    shapes = ", ".join(f"{split} {values.shape}" for split, values in features.items())
    print(f"{arguments.out}: {arguments.features}, {shapes}")
    return 0
