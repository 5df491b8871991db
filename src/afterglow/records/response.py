"""Rules and what they say."""

import math
from dataclasses import dataclass
from typing import Literal

Category = Literal["progression", "response", "no change", "cannot tell"]
CATEGORIES: tuple[Category, ...] = ("progression", "response", "no change", "cannot tell")
Change = Literal["percent", "difference", "none"]
RuleKind = Literal["change", "level", "ratio state", "reading", "rano2", "rano-bm", "spino"]
SIZE_KINDS: tuple[RuleKind, ...] = ("rano2", "rano-bm", "spino")
Baseline = Literal["before treatment", "first visit"]
LIMIT_FACTOR = 1.96 * math.sqrt(2)  # times the spread of one scan: 95 % of the differences of two
LOG_SCALE_FROM_WCV = 0.15  # above it 2.77 wCV is far from both limits: at .31 it would let a number fall by 86 %
PATIENT = "all"  # the lesion_id of a verdict about all lesions of a patient together


@dataclass(frozen=True)
class Rule:
    """A row: which number, how it is compared, and who says so.

    `kind` "change" compares two visits, "level" reads one, "ratio state" reads the ratio now and before treatment
    (ademola2025), "reading" takes the call of a reader, and the others sum the sizes of all lesions (response/size_rules.py).
    A number above `threshold` speaks for progression; of a reading, progression is 1 and the other side 0.
    """

    name: str
    kind: RuleKind
    quantities: tuple[str, ...]
    statistic: str
    normalised: bool
    change: Change
    threshold: float
    combine: Literal["only", "either", "both"]
    unit: str
    source: str  # DOI and section
    caution: str = ""
    above: str = ""  # the source's own word for the side of progression: "treatment failure"
    below: str = ""  # and for the other side
    baseline: Baseline = "before treatment"
    before_within_days: float | None = None  # the scan before treatment should be no older than this
    after_beyond_days: float | None = None  # the scan that is judged should be later than this after treatment
    reading: str = ""  # which method's readings
    above_calls: tuple[str, ...] = ()  # words of readers that speak for progression
    below_calls: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.kind == "reading") == bool(self.quantities):
            raise ValueError(f"rule {self.name}: {'a reading has no quantity' if self.quantities else 'names no quantity'}")
        if not math.isfinite(self.threshold):
            raise ValueError(f"rule {self.name}: the threshold must be a number")
        if not self.source:
            raise ValueError(f"rule {self.name}: a threshold needs its source")
        if (self.combine == "only") != (len(self.quantities) < 2):
            raise ValueError(f"rule {self.name}: one quantity is combined as 'only', several as 'either' or 'both'")
        if self.kind == "reading" and not (self.reading and self.above_calls and self.below_calls):
            raise ValueError(f"rule {self.name}: a reading names its method and the words for both sides")
        if set(self.above_calls) & set(self.below_calls):
            raise ValueError(f"rule {self.name}: a word of a reader speaks for one side only")


@dataclass(frozen=True)
class Reading:
    """What a person saw: a row of phenotype/readings.tsv."""

    participant_id: str
    session_id: str
    lesion_id: str
    reader: str
    method: str
    call: str
    confidence: float | None


@dataclass(frozen=True)
class Repeatability:
    """Test-retest spread of one quantity at one site: wCV as a fraction, with where it comes from."""

    quantity: str
    normalised: bool
    site: str
    wcv: float
    source: str
    confirmed: bool  # whether the number was read at its source
    statistic: str = ""  # empty: whatever statistic of the lesion
    wcv_low: float | None = None  # 95 % interval of the wCV, where the source gives what it takes
    wcv_high: float | None = None
    n_pairs: int | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.wcv) and self.wcv > 0):
            raise ValueError(f"repeatability of {self.quantity}: a wCV of {self.wcv} is no positive number")
        if not self.source:
            raise ValueError(f"repeatability of {self.quantity}: a wCV needs its source")
        if self.wcv_low is not None and self.wcv_high is not None and not self.wcv_low <= self.wcv <= self.wcv_high:
            raise ValueError(f"repeatability of {self.quantity}: {self.wcv} lies outside {self.wcv_low} to {self.wcv_high}")

    @property
    def rc_percent(self) -> float:
        """The change that repeating alone exceeds in 5 % of pairs: 2.77 wCV, in per cent."""
        return 277.0 * self.wcv

    @property
    def log_sd(self) -> float:
        """Standard deviation of the logarithm of one scan's number: wCV squared is exp(s squared) - 1."""
        return math.sqrt(math.log1p(self.wcv**2))

    @property
    def is_asymmetric(self) -> bool:
        """Whether falls and rises have limits of their own, being read on the log scale."""
        return self.wcv > LOG_SCALE_FROM_WCV

    @property
    def limits_percent(self) -> tuple[float, float]:
        """Largest fall and largest rise, in per cent, that repeating alone gives in 95 % of pairs: (-35.6, 55.4) for a wCV of .16."""
        if not self.is_asymmetric:
            return -self.rc_percent, self.rc_percent
        half = LIMIT_FACTOR * self.log_sd
        return 100 * math.expm1(-half), 100 * math.expm1(half)


@dataclass(frozen=True)
class Verdict:
    """A call with the numbers it used, its threshold and its distance to it in repeatability units."""

    participant_id: str
    lesion_id: str
    rule: str
    from_session: str
    to_session: str
    category: Category
    value: float | None
    unit: str
    threshold: float
    distance_rc: float | None
    repeatability_source: str
    sentence: str
    numbers: tuple[tuple[str, float | None], ...]
    label: str = ""  # the rule's own word where it has one: "PD", "SD" …

    def __post_init__(self) -> None:
        if self.category not in CATEGORIES:
            raise ValueError(f"verdict {self.category!r} is none of {', '.join(CATEGORIES)}")
        if not self.numbers:
            raise ValueError("a verdict shows the numbers it used")
        if self.category != "cannot tell" and self.value is None:
            raise ValueError("a verdict without a value can only say that it cannot tell")
        if self.category == "cannot tell" and "because" not in self.sentence:
            raise ValueError("'cannot tell' says why: its sentence holds 'because'")
        if not self.sentence:
            raise ValueError("a verdict is a sentence")

    @property
    def whose(self) -> str:
        """ "lesion 1", or "all lesions" for a rule about the whole patient."""
        return "all lesions" if self.lesion_id == PATIENT else f"lesion {self.lesion_id}"


def speaks_of_disease(rule: Rule, verdict: Verdict) -> bool | None:
    """What a call says of disease, by the rule's own word where it has one: "no change" of a failure is a failure. None: it cannot tell."""
    if verdict.category == "cannot tell":
        return None
    if verdict.label and verdict.label in (rule.above, rule.below):
        return verdict.label == rule.above
    return verdict.category == "progression"


@dataclass(frozen=True)
class Disagreement:
    """Rules that call one lesion at one visit differently, side by side."""

    lesion_id: str
    session_id: str
    verdicts: tuple[Verdict, ...]  # in the order of the method's rules; those about all lesions among them

    def __post_init__(self) -> None:
        if len({v.category for v in self.verdicts} - {"cannot tell"}) < 2:
            raise ValueError(f"lesion {self.lesion_id}: a disagreement needs two different calls")

    @property
    def words(self) -> str:
        """They disagree: rule one says progression (PD), rule two says response."""
        said = (f"{v.rule} says {v.category}{f' ({v.label})' if v.label else ''}" for v in self.verdicts)
        return f"They disagree: {'; '.join(said)}."
