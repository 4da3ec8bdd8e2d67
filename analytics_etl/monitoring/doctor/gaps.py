"""The finding about gaps: days without files between days that were run."""

from analytics_etl.monitoring.doctor.finding import Finding
from analytics_etl.pipeline import gaps
from analytics_etl.postgres.database import Database
from analytics_etl.text.english import shortened


def days_without_data(database: Database) -> Finding:
    """Long gaps that nobody has accepted, with the commands that accept or fill them."""
    found = gaps.find(database)
    if unknown := [gap for gap in found if not gap.is_accepted]:
        texts = [gaps.explain(gap) for gap in unknown]
        return Finding(
            "gaps", is_well=False, detail=shortened([detail for detail, _ in texts], separator="; "),
            advice="\n".join(advice for _, advice in texts[:3]),
        )  # fmt: skip
    accepted = f"; no data in {shortened(found)}, which somebody has accepted" if found else ""
    return Finding("gaps", is_well=True, detail=f"none of more than {gaps.FAR_DAYS - 1} days{accepted}")
