"""What each job did, as a record on disk, and the records' way to MLflow."""
