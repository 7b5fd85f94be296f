"""A local gateway with both protocols, a market that changes from day to day, checked limits, and faults on demand.

::

    catalogue   the category tree, titles           checks    what a request asks for, and why it is refused
    curves      how sales move                      answers   the documents of both protocols
    offers      one offer: life, sales, prices      faults    what goes wrong on demand
    market      which offers are on which list      limits    the request log, and the checker of limits
    rows        row encoder of both protocols       gateway   from a request to its answer
    clocks      the gateway's and the market's      server    options, routes, controls
    process     the server as a child process
"""
