"""A gateway of ours: both protocols, a market that moves from day to day, limits that are watched, faults on demand.

::

    catalogue   the category tree                   checks    what a request asks, and why it is refused
    wording     titles and suppliers in Chinese     answers   the envelopes of both protocols
    curves      how sales move, as shapes           limits    the budget, the interval and the pause, watched
    offers      one offer: life, sales, prices      faults    what goes wrong on demand
    market      which offers stand on which list    wire      how it goes wrong on the wire
    scenarios   single stories with known truth     app       the server; `journal` is its log
    spelling    values as found in the wild         process   the server as a child of another process

Everything up to `spelling` is pure: the same for the same seed and date, whatever was asked before.
"""
