"""The gateway's calls, signing, answers and error codes, for both protocols. Pure: no Scrapy, no clock."""
