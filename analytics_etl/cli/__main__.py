"""`python -m analytics_etl.cli`: the same as the command, for those who know only the interpreter."""

from analytics_etl.cli import main

if __name__ == "__main__":
    main()
