"""Count things in words.  number, noun -> "1 clip", "2,000 clips"."""


def count_of(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun; ``plural`` where that is not the noun with an "s"."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"
