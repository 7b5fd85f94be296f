"""Why a figure is null: one word each, in `OfferTrends.reasons` and explained in docs/metrics.md."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """The value is the word on the feed; the comment is its meaning."""

    # what is compared with
    NO_BASE = "no_base"  # the list never held the offer, or not within the days that may be compared
    NO_COUNT = "no_count"  # the gateway gave no sale count, today or on every day that may be compared
    ZERO_COUNT = "zero_count"  # nothing sold today or on the base's day: a logarithm has no answer
    CLOCK_BACK = "clock_back"  # the base was collected later than today's row: a clock stepped back
    TOO_CLOSE = "too_close"  # base and today are too near each other for a figure per day
    FELL_TOTAL = "fell_total"  # a running total fell, so it is not one, or it was reset
    # what a count covers
    COVERAGE_UNKNOWN = "coverage_unknown"  # the setting does not say what a count covers
    NOT_A_WINDOW = "not_a_window"  # counts are running totals: no two disjoint windows to compare
    OVERLAPPING = "overlapping"  # the two windows share days
    # peers and history
    FEW_PEERS = "few_peers"  # too few rows with a growth for a median of the list
    FEW_CHANGES = "few_changes"  # too few daily changes in the last 30 days for a deviation
    TOO_LITTLE_HISTORY = "too_little_history"  # no model yet that is better than the base rate
    NOT_CALIBRATED = "not_calibrated"  # the model's probabilities came true more or less often than they said
    # prices
    NO_PRICE = "no_price"  # no price today or at the base, or a price of 0
    TIER_CHANGED = "tier_changed"  # the first tier begins at another quantity: not the same price
    # lists
    FIRST_SNAPSHOT = "first_snapshot"  # there is no earlier snapshot of this list
    TODAY_INCOMPLETE = "today_incomplete"  # today's list did not end complete
    NO_COMPLETE_BASE = "no_complete_base"  # no complete snapshot of this list in the days that may be compared
    MISSED_DAY = "missed_day"  # days without a snapshot lie between, and the offer was not there before them
    SHORT_DAY = "short_day"  # the same, but an incomplete snapshot lies between
    ASKED_LESS_DEEP = "asked_less_deep"  # one of the two days was asked less deep than the other
    FEWER_ROWS = "fewer_rows"  # the same, but what came was less, and the gateway gives no total to tell why
    ROWS_REJECTED = "rows_rejected"  # a row that could not be read may have been this offer
    # breakout
    NO_GROWTH = "no_growth"  # nothing in the list has a growth yet, or this entry has no base
    NO_THRESHOLD = "no_threshold"  # no probability whose rows came true three times as often as any row
    LOW_VOLUME = "low_volume"  # a note: too few units
    NOISE = "noise"  # a note: within the offer's own past noise
    FLAT_BUYERS = "flat_buyers"  # a note: units without buyers, a bulk order
    NO_LEVEL = "no_level"  # neither sales nor buyers for the heat index
