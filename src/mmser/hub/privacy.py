"""Take out of a text what is nobody else's business.  text -> text without folders of this machine, tokens"""

import re

_HIDDEN = (
    (re.compile(r'"/(?:[^"\n]*/)?([^"/\n]+)/?"'), r'"\1"'),  # a whole value of JSON: may hold blanks
    (re.compile(r"\bfile:/+(?:[\w.@+~-]+/)*([\w.@+~-]+)"), r"\1"),
    (re.compile(r"(?<![\w./])~/(?:[\w.@+-]+/)*([\w.@+-]+)"), r"\1"),
    (re.compile(r"(?<![\w./~])/(?:[\w.@+~-]+/)+([\w.@+~-]+)"), r"\1"),
    (re.compile(r'(?<!\w)[A-Za-z]:(?:\\+[^\\"\s]+)*\\+([^\\"\s]+)'), r"\1"),
    (re.compile(r"\bhf_[A-Za-z0-9]{16,}"), "hf_…"),
)


def without_private_parts(text: str) -> str:
    """Leave of each absolute path its last name, and nothing of the Hub's tokens.

    Scores and settings of a run name the folders that it read and wrote: whoever downloads it has no use for
    them, and they tell user names and projects.

    Args:
        text: JSON, Markdown or plain text; addresses of pages and relative paths stay.
    """
    for pattern, replacement in _HIDDEN:
        text = pattern.sub(replacement, text)
    return text
