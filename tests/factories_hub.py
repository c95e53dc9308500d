"""The test split of the finished runs that tests publish."""

# angry 2 of 3, sad 1 of 1, happy absent; RAVDESS 2 of 2 (both classes), TESS 1 of 2 (angry alone).
ROWS = ("ravdess/01 angry angry", "ravdess/02 sad sad", "tess/OAF angry angry", "tess/YAF angry sad")
