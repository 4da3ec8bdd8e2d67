"""What a run does and what is due: use cases over tables and books, without Dagster."""
