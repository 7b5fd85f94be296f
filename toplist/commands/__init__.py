"""`scrapy` commands. A command's name is its module's name."""
