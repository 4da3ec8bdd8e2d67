"""Files and folders of ours: whole or not at all, and for nobody else."""
