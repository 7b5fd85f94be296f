"""Feed files: formats, delivery to files and S3, and the check of what was delivered."""
