"""Read-only views of the pipeline's state: status, doctor, metrics; and the guard of our web servers."""
