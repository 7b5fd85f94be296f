"""Scrapy's settings for toplist. What differs from Scrapy's default says why.

The product's own settings, `TOPLIST_…`, are the fields of `toplist.product_settings.ProductSettings`. Each is read from
the environment, and from Scrapy's settings where `-s` or a line here sets it. Secrets never stand here: Scrapy prints
settings.

What only suits the gateway is in `gateway_spiders`, which our spiders take as their `custom_settings`. Any other spider
of the project, and `scrapy fetch`, `shell`, `parse` and `bench`, have Scrapy's defaults.
"""

import os
from typing import Any

BOT_NAME = "toplist"
SPIDER_MODULES = ["toplist.spiders"]
NEWSPIDER_MODULE = "toplist.spiders"
COMMANDS_MODULE = "toplist.commands"

# --- Scrapy's components. Each leaves the spiders and requests of others alone ---------------------------------------
DOWNLOAD_HANDLERS = {
    "http": "toplist.downloadhandlers.RateLimitedDownloadHandler",
    "https": "toplist.downloadhandlers.RateLimitedDownloadHandler",
}
SCHEDULER = "toplist.scheduler.Scheduler"  # what was paused or throttled is asked again first
DOWNLOADER_MIDDLEWARES = {
    "toplist.downloadermiddlewares.ApiResponseMiddleware": 560,
    "toplist.downloadermiddlewares.TokenMiddleware": 580,
    "toplist.lease_middleware.LeaseMiddleware": 570,
}
SPIDER_MIDDLEWARES = {"toplist.spidermiddlewares.LedgerDeltaFetchMiddleware": 100}
DELTAFETCH_ENABLED = True
ITEM_PIPELINES = {
    "toplist.pipelines.TrendsPipeline": 300,
    "toplist.pipelines.StorePipeline": 800,
}
EXTENSIONS = {
    "toplist.extensions.SnapshotExtension": 0,
    "toplist.progress.ProgressExtension": 0,
    "scrapy.extensions.telnet.TelnetConsole": None,
    "scrapy.extensions.feedexport.FeedExporter": None,
    "toplist.exporters.CountingFeedExporter": 0,
}
FEED_EXPORTERS = {
    "json": "toplist.exporters.EntryJsonExporter",
    "jsonlines": "toplist.exporters.EntryJsonLinesExporter",
    "jsonl": "toplist.exporters.EntryJsonLinesExporter",
    "jl": "toplist.exporters.EntryJsonLinesExporter",
    "csv": "toplist.exporters.EntryCsvExporter",
    "xml": "toplist.exporters.EntryXmlExporter",
    "pickle": "toplist.exporters.EntryPickleExporter",
    "marshal": "toplist.exporters.EntryMarshalExporter",
    "parquet": "toplist.exporters.EntryParquetExporter",
}
FEED_EXPORT_ENCODING = "utf-8"
LOG_LEVEL = "INFO"
LOG_FORMATTER = "toplist.logformatter.LogFormatter"  # one line for a list, not its rows
TWISTED_REACTOR = "twisted.internet.asyncioreactor.AsyncioSelectorReactor"

# --- a console and a server that run code must not listen in a process that holds secrets ----------------------------
TELNETCONSOLE_ENABLED = False
REMOTE_CONTROL_ENABLED = False
ADDONS = {"toplist.addons.S3SecretsAddon": 0}  # the keys for S3 do not show in the log

# --- what only suits the gateway: the spiders that call it take these ------------------------------------------------
# Three settings of Scrapy's have a name with the prefix in the environment, so that a variable of another program does
# not change a crawl.
gateway_spiders: dict[str, Any] = {
    # The slots' delay and AutoThrottle shape the order; the rate limiter in the download handler guarantees the limits.
    "DOWNLOAD_DELAY": os.environ.get("TOPLIST_DOWNLOAD_DELAY") or 1.5,  # between two list requests of one category
    "DOWNLOAD_DELAY_JITTER": 0,  # the default of ±50 % would make the delay no lower bound
    "AUTOTHROTTLE_ENABLED": True,  # raises a category's interval when answers get slow; the rate limiter keeps to it
    "CONCURRENT_REQUESTS": 8,  # in flight or waiting in the limiter; two a second with an answer in 3 s need 6
    "CONCURRENT_REQUESTS_PER_DOMAIN": 8,  # per category; a crawl of one category may use them all
    "DOWNLOAD_MAXSIZE": 8 * 1024 * 1024,  # an answer is a few hundred kB; a larger one is not read, compressed or not
    "DOWNLOAD_TIMEOUT": os.environ.get("TOPLIST_DOWNLOAD_TIMEOUT") or 15,
    "DOWNLOAD_SLOTS": {"tree": {"delay": 0}, "extras": {"delay": 0}},  # these count against the budget only
    "RETRY_TIMES": os.environ.get("TOPLIST_RETRY_TIMES") or 2,
    "RETRY_HTTP_CODES": [],  # the answer's code decides, not its HTTP status; Scrapy's own retries lost answers
    "RETRY_GIVE_UP_LOG_LEVEL": "INFO",  # the list's failure is said once, where it is stored
    "REDIRECT_ENABLED": False,  # a signed request is for one address
    "METAREFRESH_ENABLED": False,
    "COOKIES_ENABLED": False,
    "ROBOTSTXT_OBEY": False,  # an API that the app was granted
    "REFERER_ENABLED": False,
    "DOWNLOAD_VERIFY_CERTIFICATES": True,
    "CONCURRENT_ITEMS": 1,  # an answer ends at most one list; Scrapy starts this many tasks for every answer
    # What is made for the pages of a website takes its time for every answer, and would drop a refusal with status 403.
    "DOWNLOADER_MIDDLEWARES": {
        **DOWNLOADER_MIDDLEWARES,
        "scrapy.downloadermiddlewares.offsite.OffsiteMiddleware": None,
        "scrapy.downloadermiddlewares.httpauth.HttpAuthMiddleware": None,
    },
    "SPIDER_MIDDLEWARES": {
        **SPIDER_MIDDLEWARES,
        "scrapy.spidermiddlewares.httperror.HttpErrorMiddleware": None,
        "scrapy.spidermiddlewares.urllength.UrlLengthMiddleware": None,
        "scrapy.spidermiddlewares.depth.DepthMiddleware": None,
        "scrapy.spidermiddlewares.metacopy.MetaCopyDetectionMiddleware": None,
    },
}
