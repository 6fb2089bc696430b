"""What engines cost, in hours and in money."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Price:
    """`gpus`: of one engine, 0 on CPU. `per_hour`: dollars for an hour of a GPU, on CPU of an
    engine; None where nobody has said.
    """

    gpus: float
    per_hour: float | None = None

    @property
    def unit(self) -> str:
        """What the hours are of."""
        return "GPU hours" if self.gpus else "engine hours"

    @property
    def is_asked(self) -> bool:
        """Whether anybody wants to know: on a CPU, only who has said what it costs."""
        return self.gpus > 0 or self.per_hour is not None

    def hours(self, engine_seconds: float) -> float:
        """GPU hours, or engine hours on CPU, of so many seconds of engines together."""
        return engine_seconds / 3600 * (self.gpus or 1)

    def money(self, hours: float) -> float | None:
        """Dollars for so many hours; None where nobody has said."""
        return None if self.per_hour is None else hours * self.per_hour

    def text(self, hours: float) -> str:
        """For people: 12.3 GPU hours, $24.60."""
        money = self.money(hours)
        return f"{number(hours)} {self.unit}" + ("" if money is None else f", {dollars(money)}")


def number(hours: float) -> str:
    """Hours for people: 1,234 or 12.3 or 0.0123."""
    return f"{hours:,.0f}" if hours >= 100 else f"{hours:.3g}"


def dollars(money: float) -> str:
    """For people: $1,234 or $5.67 or $0.0012."""
    if money >= 1000:
        return f"${money:,.0f}"
    return f"${money:,.2f}" if money >= 0.1 or not money else f"${money:.2g}"
