"""botocore lives here and nowhere else."""
