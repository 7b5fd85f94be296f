// Which entries the table shows, and in which order.

const MOVEMENTS = ['new_entry', 're_entry', 'up', 'down', 'steady', 'unknown'];
let haystacks = null;
let view = [];

const normal = (text) => text.normalize('NFKC').toLowerCase();
const pathKey = (path) => path.join('>');
const marksOf = (offer) => [...(O.is_gold[offer] ? ['gold'] : []), ...(O.badges[offer] || []), ...(O.services[offer] || [])];

/** What is searched: title, translation, merchant and id of each offer. */
function searchable() {
  haystacks ??= O.offer_id.map((id, at) => normal([O.title[at], O.title_translated[at], O.supplier[at], id].filter(Boolean).join('\n')));
  return haystacks;
}

function numberOf(name) {
  const value = state[name] === '' ? NaN : Number(state[name]);
  return Number.isFinite(value) ? value : null;
}

/** A test for each filter that is set; an entry is shown when all are true. A null figure passes no limit. */
function tests() {
  const found = [];
  const words = normal(state.q).split(/\s+/).filter(Boolean);
  if (words.length) {
    const texts = searchable();
    const hit = texts.map((text) => words.every((word) => text.includes(word)));
    found.push((at) => hit[E.offer[at]]);
  }
  if (state.cat) {
    const inside = L.path.map((path) => `${pathKey(path)}>`.startsWith(`${state.cat}>`));
    found.push((at) => inside[E.list[at]]);
  }
  const types = chosen('type');
  if (types.size) found.push((at) => types.has(L.rank_type[E.list[at]]));
  const moves = chosen('move');
  if (moves.size) found.push((at) => moves.has(E.movement[at] ?? 'unknown'));
  const marks = chosen('mark');
  if (marks.size) {
    const marked = O.offer_id.map((_, offer) => { const own = new Set(marksOf(offer)); return [...marks].every((mark) => own.has(mark)); });
    found.push((at) => marked[E.offer[at]]);
  }
  const limit = (name, values, of, passes) => {
    const border = numberOf(name);
    if (border !== null) found.push((at) => { const value = values[of ? of[at] : at]; return value !== null && passes(value, border); });
  };
  const least = (value, border) => value >= border;
  const most = (value, border) => value <= border;
  limit('price_min', E.price, null, least);
  limit('price_max', E.price, null, most);
  limit('moq_max', O.min_order, E.offer, most);
  const percent = (value, border) => value >= border / 100;
  limit('rep_min', E.repurchase_rate, null, percent);
  limit('prob_min', E.breakout_probability, null, percent);
  if (state.breakout) found.push((at) => E.is_breakout[at] === true);
  if (state.cut) found.push((at) => E.price_change[at] < 0);
  return found;
}

/** The place of each list: by rank type, in the order of the product's table, then by category. */
let placesOfLists = null;
function listOrder() {
  if (!placesOfLists) {
    const types = Object.keys(page.rank_titles);
    const ordered = L.rank_type.map((type, list) => [types.indexOf(type), L.path[list].join('>'), list]);
    ordered.sort((one, other) => one[0] - other[0] || (one[1] < other[1] ? -1 : one[1] > other[1] ? 1 : one[2] - other[2]));
    placesOfLists = new Array(ordered.length);
    ordered.forEach((each, place) => { placesOfLists[each[2]] = place; });
  }
  return placesOfLists;
}

/** Column, and whether it falls. The first click on a figure puts the largest on top, on a rank the first place. */
function order() {
  const name = state.sort.replace(/^-/, '');
  return name in SORTS ? [name, state.sort.startsWith('-')] : ['list', false];
}
const SORTS = {
  list: (at) => listOrder()[E.list[at]] * 100000 + E.rank[at],
  rank: (at) => E.rank[at],
  rank_change: (at) => E.rank_change[at],
  price: (at) => E.price[at],
  price_change: (at) => E.price_change[at],
  min_order: (at) => O.min_order[E.offer[at]],
  sale_count: (at) => E.sale_count[at],
  sale_growth_per_day: (at) => E.sale_growth_per_day[at],
  repurchase_rate: (at) => E.repurchase_rate[at],
  heat_index: (at) => E.heat_index[at],
  breakout_probability: (at) => E.breakout_probability[at],
};
const FIRST_UP = new Set(['list', 'rank', 'price', 'min_order', 'price_change']);

/** Choose and sort. Entries without the figure come last, whichever way it is sorted. */
function chooseRows() {
  const passes = tests();
  const rows = [];
  outer: for (let at = 0; at < E.list.length; at += 1) {
    for (const test of passes) if (!test(at)) continue outer;
    rows.push(at);
  }
  const [name, falling] = order();
  const keys = new Float64Array(E.list.length);
  for (const at of rows) {
    const value = SORTS[name](at);
    keys[at] = missing(value) ? Infinity : falling ? -value : value;
  }
  view = rows.sort((one, other) => (keys[one] < keys[other] ? -1 : keys[one] > keys[other] ? 1 : one - other));
}
