"""One rule on one course: what every judgement reads, and how it becomes a verdict."""

from collections.abc import Sequence
from dataclasses import dataclass

from afterglow.records.course import Course, Visit
from afterglow.records.response import Category, Reading, Repeatability, Rule, Verdict
from afterglow.response.repeatability import repeatability_of

Numbers = tuple[tuple[str, float | None], ...]


@dataclass(frozen=True)
class Case:
    """A rule, the course it judges, and what is known of how its numbers repeat."""

    course: Course
    rule: Rule
    site: str
    repeatability: Sequence[Repeatability]
    readings: Sequence[Reading] = ()

    def spread(self, quantity: str) -> Repeatability | None:
        """How well the rule's number of that quantity repeats at this site."""
        return repeatability_of(
            self.repeatability, quantity=quantity, normalised=self.rule.normalised, site=self.site, statistic=self.rule.statistic
        )

    def verdict(
        self,
        lesion_id: str,
        first: Visit | None,
        now: Visit,
        category: Category,
        sentence: str,
        numbers: Numbers,
        *,
        value: float | None = None,
        distance: float | None = None,
        label: str = "",
        spread: Repeatability | None = None,
    ) -> Verdict:
        """The verdict of this rule with these numbers."""
        return Verdict(
            self.course.participant_id, lesion_id, self.rule.name, "" if first is None else first.session_id, now.session_id, category,
            value, self.rule.unit, self.rule.threshold, distance, "none known" if spread is None else spread.source, sentence, numbers,
            label,
        )  # fmt: skip
