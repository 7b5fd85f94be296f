"""The page that people look at: one self-contained HTML file for a snapshot, made from the history.

How a page comes about, in the order of the modules:

    facts      what a snapshot consists of: its lists with their status, its days, its drop-outs
    reader     reads facts, entries and past days from the views `ledger` and `entries`; nothing else here knows SQL
    table      the entries of a page as columns, and the ranks, sales and prices of the days behind them
    columns    the compact JSON that carries the columns: every string once, numbers as arrays
    moves      what moved: breakout candidates, risers, fallers, new entries, re-entries, price cuts
    heatmap    categories x rank types: median growth, share of new entries, completeness
    record     what earlier picks have been worth, from the history itself
    pages      which lists stand on which page: one page, or an index and pages per root category
    assemble   a page's data: the blocks above as one JSON object
    html       the file: template, styles, scripts, the plotting library, and the content security policy
    build      all of it, streaming: page after page, one in memory at a time
    publish      where the pages go, and one call for the command and for a crawl at its end

`facts`, `table`, `columns`, `moves`, `heatmap`, `record`, `pages` and `assemble` are pure: they read no database, no
clock and no file.

The data stands in the page compressed (gzip in base64), as the browser reads it with `DecompressionStream`. It is in
two parts: what the first screen needs, and the past days, which are read when the first offer is opened. So is the
plotting library, Vega-Lite from the package vl-convert-python, which runs without `eval`.

The page's own files:

    page.html.jinja      the skeleton; it holds no data but the title
    page.css             screen, dark, phone, print
    words/*.json         every text of the page, Chinese and English
    scripts/*.js         in the order of `html.SCRIPTS`; one inline script under one hash

Everything that comes from the gateway becomes text nodes; no script builds HTML from strings. Links and images must be
http or https. The policy forbids every connection, frame, form and script other than the page's own; images are allowed
by it, and the page requests none until the reader turns them on.
"""
