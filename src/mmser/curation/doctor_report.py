"""What the corpus doctor says, for people and for programs.  findings -> text, JSON"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from mmser.corpora import CorpusInfo
from mmser.wording import count_of

ERROR, WARNING, NOTE = "error", "warning", "note"
SEVERITIES = (ERROR, WARNING, NOTE)  # the worst first
NUM_EXAMPLES = 3
_SEVERITY_WIDTH = max(map(len, SEVERITIES)) + 2


@dataclass(frozen=True)
class Finding:
    """One thing that is to be said of a corpus, or of the folder as a whole.

    Attributes:
        kind: what it is, one word for programs.
        severity: "error" spoils a build or ends it, "warning" changes what is built, "note" does neither.
        count: clips or files that it is about.
        message: what is the matter, without naming all of them.
        examples: the first of them.
        remedy: what to do.
    """

    kind: str
    severity: str
    count: int
    message: str
    examples: tuple[str, ...]
    remedy: str

    def to_dict(self) -> dict[str, Any]:
        """Return the finding as plain values, for JSON."""
        return {
            "kind": self.kind,
            "severity": self.severity,
            "count": self.count,
            "message": self.message,
            "examples": list(self.examples),
            "remedy": self.remedy,
        }


def make_finding(kind: str, severity: str, items: Sequence[object], title: str, remedy: str) -> Finding:
    """Make a finding about some files or names; the message is its title and their number."""
    examples = tuple(str(item) for item in items[:NUM_EXAMPLES])
    return Finding(kind, severity, len(items), f"{title}: {len(items):,}.", examples, remedy)


@dataclass(frozen=True)
class Census:
    """Names found against names published; a count may exceed its names, where not all names are known."""

    missing: tuple[str, ...]
    num_missing: int
    extra: tuple[str, ...]
    num_extra: int


@dataclass(frozen=True)
class CorpusReport:
    """What was found of one corpus.

    Attributes:
        info: its sheet.
        num_found: clips found, each name once.
        census: which and how many are missing or were not published.
        findings: what is to be said, the worst first.
    """

    info: CorpusInfo
    num_found: int
    census: Census
    findings: tuple[Finding, ...]

    @property
    def complete(self) -> bool:
        """Whether all published clips are there."""
        return self.census.num_missing == 0

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values, for JSON; with the names of all clips missing, if known."""
        return {
            "name": self.info.name,
            "title": self.info.title,
            "complete": self.complete,
            "published": self.info.num_clips,
            "found": self.num_found,
            "missing": self.census.num_missing,
            "extra": self.census.num_extra,
            "missing_names": list(self.census.missing),
            "extra_names": list(self.census.extra),
            "findings": [finding.to_dict() for finding in self.findings],
        }

    def __str__(self) -> str:
        parts = ["not there"]
        if self.num_found:
            num_published_found = self.num_found - self.census.num_extra
            parts = [f"{num_published_found:,} of {count_of(self.info.num_clips, 'clip')}"]
            parts.append("complete" if self.complete else f"{self.census.num_missing:,} missing")
            parts += [f"{self.census.num_extra:,} extra"] if self.census.num_extra else []
        heading = f"{self.info.title} ({self.info.name}): {', '.join(parts)}"
        return "\n".join((heading, *_draw_findings(self.findings)))


@dataclass(frozen=True)
class RootReport:
    """What was found below one folder: of each corpus, and of the folder as a whole."""

    root: str
    corpora: tuple[CorpusReport, ...]
    findings: tuple[Finding, ...]

    @property
    def all_findings(self) -> tuple[Finding, ...]:
        """The findings of the folder and of all corpora."""
        return (*self.findings, *(finding for corpus in self.corpora for finding in corpus.findings))

    @property
    def ok(self) -> bool:
        """Whether nothing would spoil a build."""
        return not any(finding.severity == ERROR for finding in self.all_findings)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values, for JSON."""
        return {
            "root": self.root,
            "ok": self.ok,
            "corpora": [corpus.to_dict() for corpus in self.corpora],
            "findings": [finding.to_dict() for finding in self.findings],
        }

    def __str__(self) -> str:
        counts = [
            count_of(sum(finding.severity == severity for finding in self.all_findings), severity)
            for severity in SEVERITIES
        ]
        verdict = "nothing here would spoil a build" if self.ok else "a build would be spoilt"
        parts = [str(corpus) for corpus in self.corpora]
        if self.findings:
            parts.append("\n".join((f"{self.root}:", *_draw_findings(self.findings))))
        return "\n\n".join((*parts, f"{', '.join(counts)}: {verdict}."))


def sort_findings(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings with the worst first, otherwise in the order given."""
    return tuple(sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity)))


def _draw_findings(findings: Iterable[Finding]) -> list[str]:
    """Lines of each finding: severity, message and examples, then the remedy."""
    indent = " " * (2 + _SEVERITY_WIDTH)
    lines = []
    for finding in findings:
        lines.append(f"  {finding.severity:<{_SEVERITY_WIDTH}}{finding.message}")
        lines += [f"{indent}  {example}" for example in finding.examples]
        if finding.examples and finding.count > len(finding.examples):
            lines.append(f"{indent}  and {finding.count - len(finding.examples):,} more")
        if finding.remedy:
            lines.append(f"{indent}{finding.remedy}")
    return lines
