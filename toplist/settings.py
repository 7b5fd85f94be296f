"""Scrapy's settings for toplist. What differs from Scrapy's default says why.

Every `TOPLIST_` setting can come from the environment under its own name, and so can the three of Scrapy's that the
README's table lists. Key, secret and token are read where they are needed and never stand here.
"""

import os

BOT_NAME = "toplist"
SPIDER_MODULES = ["toplist.spiders"]
NEWSPIDER_MODULE = "toplist.spiders"
COMMANDS_MODULE = "toplist.commands"

# --- the product's own ---------------------------------------------------------------------------------------------
TOPLIST_PROTOCOL = os.environ.get("TOPLIST_PROTOCOL")  # default: from the credentials
TOPLIST_GATEWAY_URL = os.environ.get("TOPLIST_GATEWAY_URL") or "https://gw.open.1688.com/openapi"
TOPLIST_CATEGORIES = os.environ.get("TOPLIST_CATEGORIES")
TOPLIST_RANK_TYPES = os.environ.get("TOPLIST_RANK_TYPES")
TOPLIST_CATEGORY_CACHE_DAYS = (
    os.environ.get("TOPLIST_CATEGORY_CACHE_DAYS") or 7
)  # a week-old category tree is read again
TOPLIST_QPS = os.environ.get("TOPLIST_QPS") or 2
TOPLIST_PAUSE_403 = os.environ.get("TOPLIST_PAUSE_403") or 300
TOPLIST_SALE_COUNT_COVERS = os.environ.get("TOPLIST_SALE_COUNT_COVERS")  # auto, unknown, total, window:30
TOPLIST_RETENTION_DAYS = os.environ.get("TOPLIST_RETENTION_DAYS")  # days of history; default: all of it
TOPLIST_DATABASE_URL = os.environ.get("TOPLIST_DATABASE_URL")
TOPLIST_FEED_URI = os.environ.get("TOPLIST_FEED_URI")
TOPLIST_REJECTED_URI = os.environ.get("TOPLIST_REJECTED_URI")
TOPLIST_DROPPED_OUT_URI = os.environ.get("TOPLIST_DROPPED_OUT_URI")
TOPLIST_TOKEN_FILE = os.environ.get("TOPLIST_TOKEN_FILE")  # keeps what a refresh brings; mode 0600

# --- the limits: DOWNLOAD_DELAY and AutoThrottle shape, the gate in the download handler guarantees ------------------
DOWNLOAD_DELAY = os.environ.get("DOWNLOAD_DELAY") or 1.5  # between two list requests of one category (a slot each)
DOWNLOAD_DELAY_JITTER = 0  # the default of ±50 % would make the delay no floor
AUTOTHROTTLE_ENABLED = True  # raises a category's interval when answers get slow; the gate honours it
AUTOTHROTTLE_START_DELAY = DOWNLOAD_DELAY  # the default of 5 s would spend the budget's first minute waiting
CONCURRENT_REQUESTS = 8  # in flight or waiting at the gate; two a second with an answer in 3 s need 6
CONCURRENT_REQUESTS_PER_DOMAIN = 8  # per category; a crawl of one category may use them all
DOWNLOAD_HANDLERS = {
    "http": "toplist.downloadhandlers.RateLimitedDownloadHandler",
    "https": "toplist.downloadhandlers.RateLimitedDownloadHandler",
}
DOWNLOAD_TIMEOUT = os.environ.get("DOWNLOAD_TIMEOUT") or 15
DOWNLOAD_SLOTS = {"tree": {"delay": 0}, "extras": {"delay": 0}}  # what is no list counts against the budget only
SCHEDULER = "toplist.scheduler.Scheduler"  # what was paused or throttled is asked again first

# --- what an answer leads to ---------------------------------------------------------------------------------------
RETRY_TIMES = os.environ.get("RETRY_TIMES") or 2
RETRY_HTTP_CODES: list[int] = []  # the answer's code decides, not its HTTP status; Scrapy's own retries lost answers
RETRY_GIVE_UP_LOG_LEVEL = "INFO"  # the list's failure is said once, where it is stored
DOWNLOADER_MIDDLEWARES = {
    "toplist.downloadermiddlewares.RequeueOnShutdownMiddleware": 540,
    "toplist.downloadermiddlewares.ApiResponseMiddleware": 560,
    "toplist.token_renewal.TokenMiddleware": 580,
    "toplist.lease_middleware.LeaseMiddleware": 570,
}
SPIDER_MIDDLEWARES = {"toplist.spidermiddlewares.LedgerDeltaFetchMiddleware": 100}
DELTAFETCH_ENABLED = True
HTTPERROR_ALLOW_ALL = True  # refusals come with any status and are read by ApiResponseMiddleware
REDIRECT_ENABLED = False  # a signed request is for one address
METAREFRESH_ENABLED = False
COOKIES_ENABLED = False
ROBOTSTXT_OBEY = False  # an API that the app was granted
REFERER_ENABLED = False
DOWNLOAD_VERIFY_CERTIFICATES = True

# --- items ---------------------------------------------------------------------------------------------------------
CONCURRENT_ITEMS = 4  # an answer ends at most one list; Scrapy starts this many tasks for every answer
ITEM_PIPELINES = {
    "toplist.pipelines.TrendsPipeline": 300,
    "toplist.pipelines.StorePipeline": 800,
}
EXTENSIONS = {
    "toplist.extensions.SnapshotExtension": 0,
    "scrapy.extensions.telnet.TelnetConsole": None,
    "scrapy.extensions.feedexport.FeedExporter": None,
    "toplist.feeds.watched.WatchedFeedExporter": 0,
}
FEED_EXPORTERS = {
    "json": "toplist.feeds.exporters.EntryJsonExporter",
    "jsonlines": "toplist.feeds.exporters.EntryJsonLinesExporter",
    "jsonl": "toplist.feeds.exporters.EntryJsonLinesExporter",
    "jl": "toplist.feeds.exporters.EntryJsonLinesExporter",
    "csv": "toplist.feeds.exporters.EntryCsvExporter",
    "xml": "toplist.feeds.exporters.EntryXmlExporter",
    "pickle": "toplist.feeds.exporters.EntryPickleExporter",
    "marshal": "toplist.feeds.exporters.EntryMarshalExporter",
    "parquet": "toplist.feeds.exporters.EntryParquetExporter",
}
FEED_EXPORT_ENCODING = "utf-8"

# --- closed doors: a console and a server that run code have no place beside a secret --------------------------------
TELNETCONSOLE_ENABLED = False
REMOTE_CONTROL_ENABLED = False

LOG_LEVEL = "INFO"
LOG_FORMATTER = "toplist.logformatter.LogFormatter"  # one line for a list, not its rows
TWISTED_REACTOR = "twisted.internet.asyncioreactor.AsyncioSelectorReactor"
