"""Everything that imports Dagster: definitions, assets, checks, jobs, schedules, sensors, runs, its storage."""
