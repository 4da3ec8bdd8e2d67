"""Everything that imports Dagster: definitions, assets, checks, jobs, schedules, sensors, its storage."""
