"""Stores in a bucket of S3, or of a service that speaks its language."""
