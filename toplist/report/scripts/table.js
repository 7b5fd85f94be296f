// The table: only the rows in sight exist, so that 20,000 scroll like 20.

const MARGIN = 8;
const PRINTED = 200;
let active = 0;
let scroller;
let table;
let body;
let above;
let below;
let showImages = false;
let printing = false;

const COLUMNS = [
  {name: 'list', cell: (at) => listCell(at)},
  {name: 'rank', cell: (at) => String(E.rank[at]), number: true},
  {name: 'rank_change', cell: (at) => movementMark(at), number: true},
  {name: 'title', cell: (at, row) => titleCell(at, row), head: true},
  {name: 'price', cell: (at) => yuan(E.price[at]), number: true},
  {name: 'price_change', cell: (at) => trend(E.price_change[at], change), number: true},
  {name: 'min_order', cell: (at) => count(field(at, 'min_order')), number: true},
  {name: 'sale_count', cell: (at) => count(E.sale_count[at]), number: true},
  {name: 'sale_growth_per_day', cell: (at) => trend(E.sale_growth_per_day[at], growth), number: true},
  {name: 'repurchase_rate', cell: (at) => ratio(E.repurchase_rate[at]), number: true},
  {name: 'heat_index', cell: (at) => (missing(E.heat_index[at]) ? NONE : E.heat_index[at].toFixed(1)), number: true},
  {name: 'breakout_probability', cell: (at) => probability(at), number: true},
];

function listCell(at) {
  const path = L.path[E.list[at]];
  return el('span', {class: 'list', title: pathText(path)}, el('span', {class: 'type'}, rankTitle(L.rank_type[E.list[at]])), ' ', stranger(path[path.length - 1]));
}
function trend(value, format) {
  return el('span', {class: missing(value) || Math.abs(value) < 0.0005 ? 'soft' : value > 0 ? 'up' : 'down'}, format(value));
}
function probability(at) {
  const value = ratio(E.breakout_probability[at]);
  return E.is_breakout[at] ? el('strong', {class: 'flag', title: t('f_is_breakout')}, value) : value;
}
function movementMark(at) {
  const movement = E.movement[at] ?? 'unknown';
  const places = Math.abs(E.rank_change[at] || 0);
  const text = {up: `▲${places}`, down: `▼${places}`, steady: '＝', new_entry: t('mark_new'), re_entry: t('mark_re'), unknown: '?'}[movement] ?? movement;
  return el('span', {class: `move ${movement}`, title: known('m_', movement)}, text);
}
function picture(offer, size) {
  const url = showImages ? safeUrl(O.main_img[offer]) : null;
  return url ? el('img', {src: url, alt: '', loading: 'lazy', referrerpolicy: 'no-referrer', width: size, height: size, class: 'thumb'}) : null;
}
const titleOf = (offer) => O.title[offer] || O.title_translated[offer] || O.offer_id[offer];
function titleCell(at, row) {
  const offer = E.offer[at];
  const text = titleOf(offer);
  return [
    picture(offer, 32),
    el('span', {class: 'name'},
      el('button', {type: 'button', class: 'open', tabindex: row === active ? 0 : -1, 'data-row': row, title: text.slice(0, 200), onclick: () => setState({offer: O.offer_id[offer]}, true)}, stranger(text)),
      O.supplier[offer] ? el('span', {class: 'supplier soft'}, O.is_gold[offer] ? el('span', {class: 'gold', title: t('gold')}, '★ ') : null, stranger(O.supplier[offer])) : null),
  ];
}

function makeTable() {
  scroller = byId('table');
  above = el('tr', {'aria-hidden': 'true', class: 'space'});
  below = el('tr', {'aria-hidden': 'true', class: 'space'});
  body = el('tbody', {onkeydown: moveInTable, onfocusin: (event) => { const row = event.target.dataset.row; if (row !== undefined) active = Number(row); }});
  table = el('table', {class: 'entries', 'aria-labelledby': 'table-title'});
  scroller.addEventListener('scroll', () => requestAnimationFrame(drawRows), {passive: true});
  new ResizeObserver(() => drawRows(true)).observe(scroller);
}

function drawHead() {
  const [name, falling] = order();
  const cells = COLUMNS.map((each) => {
    const label = t(`c_${each.name}`);
    const sorted = each.name === name ? (falling ? 'descending' : 'ascending') : null;
    const inner = each.name in SORTS
      ? el('button', {type: 'button', title: t(`f_${each.name}`), onclick: () => sortBy(each.name)}, label, sorted ? el('span', {'aria-hidden': 'true'}, falling ? ' ↓' : ' ↑') : null)
      : label;
    return el('th', {scope: 'col', class: `c-${each.name}${each.number ? ' number' : ''}`, 'aria-sort': sorted}, inner);
  });
  fill(table, el('thead', {}, el('tr', {'aria-rowindex': 1}, cells)), body);
  fill(scroller, table);
}
function sortBy(name) {
  const [now, falling] = order();
  const first = FIRST_UP.has(name) ? name : `-${name}`;
  const other = FIRST_UP.has(name) ? `-${name}` : name;
  const next = now !== name ? first : falling === first.startsWith('-') ? other : first;
  const again = document.activeElement?.closest('th')?.className;
  setState({sort: next === 'list' ? '' : next});
  if (again) table.querySelector(`th.${again.split(' ')[0]} button`)?.focus();
}

const rowHeight = () => parseFloat(getComputedStyle(table).getPropertyValue('--row')) || 44;
let drawn = [-1, -1];

/** Draw the rows in sight, if others are drawn or `anew`. */
function drawRows(anew) {
  if (!E || !table) return;
  const height = rowHeight();
  const first = printing ? 0 : Math.max(0, Math.floor(scroller.scrollTop / height) - MARGIN);
  const last = printing ? Math.min(view.length, PRINTED) : Math.min(view.length, Math.ceil((scroller.scrollTop + scroller.clientHeight) / height) + MARGIN);
  if (anew !== true && first === drawn[0] && last === drawn[1]) return;
  drawn = [first, last];
  const top = scroller.scrollTop;
  const focused = body.contains(document.activeElement) ? active : null;
  fill(above, el('td', {colspan: COLUMNS.length, style: `height:${first * height}px`}));
  fill(below, el('td', {colspan: COLUMNS.length, style: `height:${(view.length - last) * height}px`}));
  const rows = [];
  for (let row = first; row < last; row += 1) rows.push(drawRow(row));
  fill(body, first ? above : null, rows, last < view.length && !printing ? below : null);
  if (scroller.scrollTop !== top) scroller.scrollTop = top;  // the browser may have laid out the table without its rows
  if (focused !== null) body.querySelector(`[data-row="${focused}"]`)?.focus({preventScroll: true});
  if (!body.querySelector('.open[tabindex="0"]')) body.querySelector('.open')?.setAttribute('tabindex', '0');
}
function drawRow(row) {
  const at = view[row];
  return el('tr', {'aria-rowindex': row + 2, class: E.is_breakout[at] ? 'picked' : null},
    COLUMNS.map((each) => el(each.head ? 'th' : 'td', {scope: each.head ? 'row' : null, class: `c-${each.name}${each.number ? ' number' : ''}`}, each.cell(at, row))));
}

function moveInTable(event) {
  const pageRows = Math.max(1, Math.floor(scroller.clientHeight / rowHeight()) - 2);
  const step = {ArrowDown: 1, ArrowUp: -1, PageDown: pageRows, PageUp: -pageRows, Home: -Infinity, End: Infinity}[event.key];
  if (step === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  active = Math.min(view.length - 1, Math.max(0, active + step));
  const height = rowHeight();
  const head = table.tHead.offsetHeight;
  const top = active * height;
  if (top < scroller.scrollTop) scroller.scrollTop = top;
  else if (top + height + head > scroller.scrollTop + scroller.clientHeight) scroller.scrollTop = top + height + head - scroller.clientHeight;
  drawRows(true);
  body.querySelector(`[data-row="${active}"]`)?.focus({preventScroll: true});
}

/** Choose, sort and draw; the time it takes is kept for the benchmark. */
function showTable() {
  const began = performance.now();
  chooseRows();
  active = 0;
  table.setAttribute('aria-rowcount', view.length + 1);
  drawHead();
  scroller.scrollTop = 0;
  drawRows(true);
  byId('count').textContent = view.length === E.list.length ? t('count_all', count(view.length)) : t('count_some', count(view.length), count(E.list.length));
  document.documentElement.dataset.filterMs = (performance.now() - began).toFixed(1);
}

function setPrinting(on) {
  if (!E || printing === on) return;
  printing = on;
  byId('print-note').textContent = on && view.length > PRINTED ? t('printed', PRINTED, count(view.length)) : '';
  drawRows(true);
}
