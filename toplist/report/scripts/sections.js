// The parts above and below the table: the truth about the day, what moved, the heat map, what picks are worth.

function drawTruth() {
  const {counts, planned, rows, rejected, duplicates} = page.verdict;
  const whole = counts.complete + counts.empty + counts.absent;
  const state = planned === 0 ? 'bad' : counts.failed + counts.pending ? 'bad' : counts.partial ? 'fair' : 'good';
  fill(byId('verdict'),
    el('p', {class: `verdict ${state}`}, el('strong', {}, planned ? t(`verdict_${state}`, whole, planned) : t('verdict_none')), ' ', el('span', {}, t('verdict_rows', count(page.entries_total)))),
    el('ul', {class: 'facts'},
      el('li', {}, el('b', {}, count(planned)), ' ', t('planned')),
      Object.entries(counts).filter(([status, number]) => number || status === 'complete' || status === 'failed').map(([status, number]) => el('li', {class: `s-${status}`}, el('b', {}, count(number)), ' ', t(`s_${status}`))),
      rejected ? el('li', {}, el('b', {}, count(rejected)), ' ', t('rejected')) : null,
      duplicates ? el('li', {}, el('b', {}, count(duplicates)), ' ', t('duplicates')) : null));
  fill(byId('problems'), page.verdict.problems.map((problem) => el('details', {class: 'problem', open: page.verdict.problems.length <= 5},
    el('summary', {}, el('b', {}, t(`s_${problem.status}`)), ` × ${count(problem.lists.length)}`, problem.code ? [t('colon'), stranger(problem.code)] : null, problem.message ? [' — ', stranger(problem.message)] : null),
    el('p', {}, problem.lists.map(([type, path], at) => [at ? '; ' : '', `${rankTitle(type)} · `, stranger(path)])))));
  add(byId('problems'), page.monitors.map((line) => el('p', {class: 'problem'}, el('b', {}, t('monitor')), ' ', stranger(line))));
  drawDays();
}

/** A bar for each day: its height is the rows that came, its colour how whole it is; a day without a snapshot is a gap. */
function drawDays() {
  const most = Math.max(1, ...page.days.map((day) => (day ? day.received : 0)));
  const bars = page.days.map((day, at) => {
    const date = page.dates[at];
    if (!day) return el('li', {class: 'day none', title: `${date} ${t('no_snapshot')}`}, el('span', {class: 'hidden'}, `${date} ${t('no_snapshot')}`));
    const bad = (day.statuses.failed || 0) + (day.statuses.pending || 0);
    const planned = Object.values(day.statuses).reduce((one, other) => one + other, 0);
    const text = t('day_facts', date, count(day.received), planned - bad - (day.statuses.partial || 0), planned);
    return el('li', {class: `day ${bad ? 'bad' : day.statuses.partial ? 'fair' : 'good'}`, title: text, style: `--share:${Math.max(0.06, day.received / most)}`}, el('span', {class: 'hidden'}, text));
  });
  fill(byId('days'), el('ol', {class: 'days', 'aria-label': t('days')}, bars),
    el('p', {class: 'soft axis'}, el('span', {}, page.dates[0]), el('span', {}, t('days_legend')), el('span', {}, page.dates[page.dates.length - 1])));
}

function drawPages() {
  byId('pages').hidden = page.links.length === 0;
  fill(byId('page-links'),
    page.index ? el('p', {}, el('a', {href: page.index.href}, `↑ ${t('to_index')}`)) : el('p', {class: 'soft'}, t('index_note', count(page.entries_total))),
    el('ul', {class: 'links'}, page.links.map((link) => el('li', {}, el('a', {href: link.href, 'aria-current': page.name === link.name ? 'true' : null}, stranger(link.name), link.parts > 1 ? ` ${link.part}/${link.parts}` : ''), ' ', el('span', {class: 'soft'}, count(link.entries))))));
}

/** "hot #3, complex #5": every list of the offer. */
function placesOf(at) {
  const others = entriesOfOffer.get(O.offer_id[E.offer[at]]);
  const ordered = [at, ...others.filter((other) => other !== at)];
  const shown = ordered.slice(0, 3).map((each, number) => [number ? ', ' : '', listTitle(E.list[each]), ` #${E.rank[each]}`]);
  return [shown, ordered.length > 3 ? t('more', ordered.length - 3) : ''];
}
function moveRow(at, figure) {
  const offer = E.offer[at];
  return el('li', {}, picture(offer, 32),
    el('span', {class: 'what'}, el('button', {type: 'button', class: 'open', onclick: () => setState({offer: O.offer_id[offer]}, true)}, stranger(titleOf(offer))), el('span', {class: 'soft places'}, placesOf(at))),
    el('span', {class: 'figure'}, figure));
}

const CARDS = [
  {name: 'risers', figure: (at) => movementMark(at), show: {move: 'up', sort: '-rank_change'}},
  {name: 'fallers', figure: (at) => movementMark(at), show: {move: 'down', sort: 'rank_change'}},
  {name: 'new_entries', figure: (at) => `#${E.rank[at]}`, show: {move: 'new_entry', sort: 'rank'}},
  {name: 're_entries', figure: (at) => `#${E.rank[at]}`, show: {move: 're_entry', sort: 'rank'}},
  {name: 'price_cuts', figure: (at) => [trend(E.price_change[at], change), el('br'), yuan(E.price[at])], show: {cut: '1', sort: 'price_change'}},
];

function drawMoves() {
  const first = page.first_date === null || page.first_date >= page.snapshot_date;
  fill(byId('tomorrow'), page.entries_total && first ? el('div', {class: 'notice'}, el('h3', {}, t('tomorrow')), el('ul', {}, ['tomorrow_1', 'tomorrow_2', 'tomorrow_3', 'tomorrow_4'].map((key) => el('li', {}, t(key))))) : null);
  fill(byId('watched'), watchedCard());
  drawBreakouts(first);
  const cards = CARDS.map((card) => moveCard(card, 6)).filter(Boolean);
  const left = dropCard();
  fill(byId('cards'), cards, left);
}
/** Watched offers that met a threshold, each once, with all that it met. */
function watchedCard() {
  const met = new Map();
  for (const hit of page.watched) {
    if (!entriesOfOffer.has(hit.offer_id)) continue;
    const lines = met.get(hit.offer_id) || new Set();
    lines.add(`${hit.watch}${t('colon')}${hit.triggers.map((name) => known('w_', name)).join(t('comma'))}`);
    met.set(hit.offer_id, lines);
  }
  if (!met.size) return null;
  return el('section', {class: 'card watched'}, el('h3', {}, t('b_watched'), ' ', el('span', {class: 'soft'}, count(met.size))),
    el('ol', {}, [...met].slice(0, 50).map(([id, lines]) => moveRow(entriesOfOffer.get(id)[0], [...lines].map((line) => el('span', {class: 'met'}, stranger(line)))))));
}
function moveCard(card, most) {
  const entries = page.moves[card.name] || [];
  if (!entries.length) return null;
  const total = page.offers_moved[card.name];
  return el('section', {class: 'card'}, el('h3', {}, t(`b_${card.name}`), ' ', el('span', {class: 'soft'}, count(total))),
    el('ol', {}, entries.slice(0, most).map((at) => moveRow(at, card.figure(at)))),
    total > most && !page.links.length ? el('button', {type: 'button', class: 'all', onclick: () => showInTable(card.show)}, t('show_all', count(total))) : null);
}
function dropCard() {
  if (!page.dropped_out.length) return null;
  return el('section', {class: 'card'}, el('h3', {}, t('b_dropped_out'), ' ', el('span', {class: 'soft'}, count(page.dropped_out_total))),
    el('ol', {}, page.dropped_out.slice(0, 6).map((each) => {
      const still = entriesOfOffer.has(each.offer_id);
      const title = stranger(each.title || each.offer_id);
      return el('li', {}, el('span', {class: 'what'}, still ? el('button', {type: 'button', class: 'open', onclick: () => setState({offer: each.offer_id}, true)}, title) : el('span', {class: 'open'}, title),
        el('span', {class: 'soft places'}, `${rankTitle(each.rank_type)} · `, stranger(each.path[each.path.length - 1] || ''), still ? ` · ${t('still_there')}` : '')),
        el('span', {class: 'figure soft'}, t('was_rank', each.rank)));
    })));
}

function drawBreakouts(first) {
  const entries = (page.moves.breakouts || []).slice(0, 8);
  const node = byId('breakouts');
  if (!entries.length) {
    fill(node, first ? null : el('p', {class: 'soft'}, t('no_breakouts')));
    return;
  }
  const flagged = entries.filter((at) => E.is_breakout[at]).length;
  fill(node, el('section', {class: 'card breakouts'}, el('h3', {}, t('b_breakouts'), ' ', el('span', {class: 'soft'}, flagged ? t('flagged', flagged) : entries.some((at) => !missing(E.breakout_probability[at])) ? t('none_flagged') : t('no_probability_yet'))),
    el('p', {class: 'worth'}, worth()),
    el('ol', {}, entries.map((at) => moveRow(at, [probability(at), el('br'), trend(E.sale_growth_per_day[at], (value) => t('a_day', growth(value)))]))),
    el('p', {class: 'soft hint'}, t('probability_means'))));
}
function worth() {
  const {enough, scores, origins, needed} = page.record;
  if (!enough) return t('worth_unknown', origins, needed);
  const of = Object.fromEntries(scores.map((score) => [score.name, score]));
  return t('worth', of.breakout.picks, Math.round(of.breakout.hits), ratio(of.breakout.share), ratio(of.last_growth.share), ratio(of.chance.share), origins);
}
function showInTable(changes) {
  setState({...Object.fromEntries(Object.keys(EMPTY).map((name) => [name, ''])), lang: state.lang, ...changes});
  byId('table-section').scrollIntoView();
}

let metric = 'median_growth';
function drawHeat() {
  const {rows, rank_types: types} = page.heat_map;
  fill(byId('heat-metric'), ['median_growth', 'new_share', 'completeness'].map((name) => el('button', {type: 'button', 'aria-pressed': String(name === metric), onclick: () => { metric = name; drawHeat(); byId('heat-metric').querySelector('[aria-pressed="true"]').focus(); }}, t(`h_${name}`))));
  const ordered = Object.keys(page.rank_titles).filter((name) => types.includes(name));
  fill(byId('heat-map'), el('table', {class: 'heat'},
    el('thead', {}, el('tr', {}, el('th', {scope: 'col'}, t('category')), ordered.map((type) => el('th', {scope: 'col'}, rankTitle(type))))),
    el('tbody', {}, rows.map((row) => el('tr', {}, el('th', {scope: 'row'}, stranger(pathText(row.path))), ordered.map((type) => heatCell(row, row.cells[types.indexOf(type)], type)))))));
  byId('heat-note').textContent = t(`h_${metric}_note`);
}
function heatCell(row, cell, type) {
  if (!cell) return el('td', {class: 'soft'}, '');
  const value = metric === 'completeness' ? cell.complete / cell.lists : cell[metric];
  const text = missing(value) ? NONE : metric === 'median_growth' ? growth(value) : ratio(value);
  const title = t('h_title', cell.complete, cell.lists, count(cell.entries));
  return el('td', {class: `heat-${heatStep(value)}`}, el('button', {type: 'button', title, disabled: !cell.entries || page.links.length > 0 && !page.index, onclick: () => showInTable({cat: pathKey(row.path), type})}, text));
}
/** Seven steps, 3 is neutral. Growth: 1 % a day is a step. A share of new entries: 10 % is one. */
function heatStep(value) {
  if (missing(value)) return 'none';
  if (metric === 'completeness') return value >= 1 ? 3 : value >= 0.8 ? 2 : value >= 0.5 ? 1 : 0;
  const steps = metric === 'median_growth' ? value / 0.01 : value / 0.1;
  return Math.max(0, Math.min(6, 3 + Math.round(steps)));
}

function countKinds() {
  return el('div', {}, page.counts.map((each) => {
    const kind = each.coverage === 'total' || each.coverage === 'unknown' ? each.coverage : 'window';
    const heat = each.heat_reference ? t('heat_own', each.heat_reference) : t('heat_shipped');
    return el('p', {class: 'soft hint'}, t(`counts_${kind}`, each.protocol, count(each.changes), count(each.falls), each.days, each.coverage.split(':')[1]), ' ', heat);
  }));
}

function drawTrust() {
  const {enough, scores, origins, needed, horizon, picks, rows, base_rate: base, reliability, lists} = page.record;
  const node = byId('record');
  if (!enough) {
    fill(node, el('p', {class: 'notice'}, t('too_little', origins, needed, horizon)), countKinds());
    return;
  }
  const off = (group) => Math.abs(group.said - group.came);
  const worst = reliability.filter((group) => group.rows >= 500).sort((one, other) => off(other) - off(one))[0];
  const drawing = el('div', {class: 'plot small', 'aria-label': t('reliability')});
  fill(node,
    el('div', {}, el('p', {}, t('record_intro', picks, horizon, origins, count(rows), count(lists))),
      el('div', {class: 'wide', tabindex: 0, role: 'region', 'aria-label': t('trust')}, el('table', {class: 'plain'},
        el('thead', {}, el('tr', {}, ['picked_by', 'picked', 'hits', 'share', 'interval', 'lift', 'vanished'].map((name) => el('th', {scope: 'col', class: name === 'picked_by' ? null : 'number'}, t(`t_${name}`))))),
        el('tbody', {}, scores.map((score) => el('tr', {}, el('th', {scope: 'row'}, t(`score_${score.name}`)),
          [count(score.picks), count(Math.round(score.hits)), ratio(score.share), score.low === null || score.name === 'chance' ? NONE : `${ratio(score.low)} – ${ratio(score.high)}`, base && score.share !== null ? `${(score.share / scores.find((each) => each.name === 'chance').share).toFixed(1)}×` : NONE, ratio(score.vanished)].map((text) => el('td', {class: 'number'}, text))))))),
      el('p', {class: 'soft hint'}, t('record_note', ratio(base)), ' ', scores[0].low === null ? t('interval_short') : ''), worst ? el('p', {class: 'soft hint'}, t('worst_group', worst.said.toFixed(2), worst.came.toFixed(2), count(worst.rows))) : null, countKinds()),
    el('figure', {}, el('figcaption', {}, t('reliability')), reliability.length ? drawing : el('p', {class: 'notice'}, t('no_probability')), el('p', {class: 'soft hint'}, t('reliability_note'))));
  if (reliability.length) {
    new IntersectionObserver((seen, watcher) => {
      if (!seen.some((each) => each.isIntersecting)) return;
      watcher.disconnect();
      plotReliability(drawing, reliability).catch((error) => { drawing.textContent = t('no_plot', error.message); });
    }, {rootMargin: '300px'}).observe(drawing);
  }
}
