"""`python -m analytics_etl.cli` is the command `analytics-etl`."""

from analytics_etl.cli import main

if __name__ == "__main__":
    main()
