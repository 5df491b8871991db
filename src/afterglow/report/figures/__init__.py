"""Pictures of records: each function takes a record and gives a `Figure` with PNG bytes, a caption and words for the blind."""
