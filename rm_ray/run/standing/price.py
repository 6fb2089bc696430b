"""The cost of engines, in hours and in money."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class Price:
    """A Price turns the time of engines into hours and money."""

    gpus: float
    """GPUs of one engine; 0 on CPU."""
    per_hour: float | None = None
    """Dollars per GPU hour (engine hour on CPU); None if not configured."""

    @property
    def unit(self) -> str:
        """Return the unit of the hours, in words."""
        return "GPU hours" if self.gpus else "engine hours"

    @property
    def is_asked(self) -> bool:
        """Return True if the cost should be shown: always on GPUs, on CPU only with a price."""
        return self.gpus > 0 or self.per_hour is not None

    def hours(self, engine_seconds: float) -> float:
        """Return the GPU hours (engine hours on CPU) of so many seconds, summed over engines."""
        return engine_seconds / 3600 * (self.gpus or 1)

    def money(self, hours: float) -> float | None:
        """Return the dollars for so many hours; None without a price."""
        return None if self.per_hour is None else hours * self.per_hour

    def text(self, hours: float) -> str:
        """Format the cost for people: 12.3 GPU hours, $24.60."""
        money = self.money(hours)
        return f"{number(hours)} {self.unit}" + ("" if money is None else f", {dollars(money)}")


def number(hours: float) -> str:
    """Format hours for people: 1,234 or 12.3 or 0.0000123."""
    return f"{hours:,.0f}" if hours >= 100 else f"{Decimal(f'{hours:.3g}'):f}"


def dollars(money: float) -> str:
    """Format dollars for people: $1,234 or $5.67 or $0.0012."""
    if money >= 1000:
        return f"${money:,.0f}"
    return f"${money:,.2f}" if money >= 0.1 or not money else f"${Decimal(f'{money:.2g}'):f}"
