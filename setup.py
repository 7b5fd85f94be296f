"""`scrapyd-deploy` runs this file to build the egg. Everything else stands in pyproject.toml."""

from setuptools import setup

setup()
