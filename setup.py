"""What `scrapyd-deploy` builds the egg from. A checkout needs no installation."""

from setuptools import find_packages, setup

setup(
    name="toplist",
    version="1.0",
    packages=find_packages(include=["toplist", "toplist.*"]),
    # Every kind of data file that the package has or may get; a test compares the egg with the folder.
    package_data={
        "toplist": [f"**/*.{kind}" for kind in ("json", "html", "jinja", "css", "js", "svg", "csv", "typed")]
    },
    entry_points={"scrapy": ["settings = toplist.settings"]},
    zip_safe=True,
)
