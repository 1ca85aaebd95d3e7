"""Puts a static site on S3 and CloudFront: immutable releases behind one pointer, or in place.

``docs/deploy.md`` is the operator's page. Nothing here is imported by the program or the API.
"""
