// The filters above the table, and the file of the rows that they leave.

let waiting = 0;
let typed = {};

function drawFilters() {
  const node = byId('filters');
  fill(node,
    labelled('q', el('input', {type: 'search', id: 'f-q', autocomplete: 'off', spellcheck: 'false', placeholder: t('search_hint'), oninput: later('q')})),
    labelled('cat', categorySelect()),
    el('details', {class: 'more', open: wideScreen.matches || anyFilter()},
      el('summary', {}, t('more_filters')),
      el('div', {class: 'rows'},
        chips('type', Object.keys(page.rank_titles).filter((type) => L.rank_type.includes(type)), rankTitle),
        chips('move', MOVEMENTS, (name) => t(`m_${name}`)),
        chips('mark', marksThere(), (mark) => (mark === 'gold' ? t('gold') : mark)),
        el('div', {class: 'numbers'},
          numberField('price_min', '¥'), numberField('price_max', '¥'), numberField('moq_max', ''), numberField('rep_min', '%'), numberField('prob_min', '%'),
          check('breakout'), check('cut')))),
    el('div', {class: 'actions'},
      el('button', {type: 'button', id: 'reset', onclick: resetFilters}, t('reset')),
      el('button', {type: 'button', id: 'csv', onclick: saveCsv}, t('csv')),
      el('button', {type: 'button', id: 'share', onclick: share}, t('share'))));
  syncFilters();
}

const wideScreen = matchMedia('(min-width: 50em)');
const anyFilter = () => ['type', 'move', 'mark', 'price_min', 'price_max', 'moq_max', 'rep_min', 'prob_min'].some((name) => state[name]);
/** What is typed counts when the typing stops; changes of several fields are kept until then. */
const later = (name) => (event) => {
  typed[name] = event.target.value;
  clearTimeout(waiting);
  waiting = setTimeout(() => { const changes = typed; typed = {}; setState(changes); }, 80);
};
const labelled = (name, input) => el('label', {class: `field ${name}`}, el('span', {}, t(`l_${name}`)), input);

function numberField(name, unit) {
  return el('label', {class: 'field number'}, el('span', {}, t(`l_${name}`), unit ? ` ${unit}` : ''), el('input', {type: 'number', id: `f-${name}`, min: 0, step: 'any', inputmode: 'decimal', oninput: later(name)}));
}
function check(name) {
  return el('label', {class: 'check'}, el('input', {type: 'checkbox', id: `f-${name}`, onchange: (event) => setState({[name]: event.target.checked ? '1' : ''})}), ' ', t(`l_${name}`));
}
function chips(name, values, show) {
  if (!values.length) return null;
  return el('div', {class: 'chips', role: 'group', 'aria-label': t(`l_${name}`)}, el('span', {class: 'soft'}, t(`l_${name}`)),
    values.map((value) => el('button', {type: 'button', class: 'chip', 'data-filter': name, 'data-value': value, 'aria-pressed': 'false', onclick: () => toggle(name, value)}, stranger(show(value)))));
}
function marksThere() {
  const counts = new Map();
  O.offer_id.forEach((_, offer) => marksOf(offer).filter((mark) => !mark.includes(',')).forEach((mark) => counts.set(mark, (counts.get(mark) || 0) + 1)));
  return [...counts].sort((one, other) => other[1] - one[1]).slice(0, 12).map(([mark]) => mark);
}

/** The tree of categories: a select whose options are set in by their level, with the number of entries. */
function categorySelect() {
  const counts = new Map();
  const paths = new Map();
  E.list.forEach((list) => {
    for (let depth = 1; depth <= L.path[list].length; depth += 1) {
      const path = L.path[list].slice(0, depth);
      counts.set(pathKey(path), (counts.get(pathKey(path)) || 0) + 1);
      paths.set(pathKey(path), path);
    }
  });
  const collator = new Intl.Collator(language === 'zh' ? 'zh-CN' : 'en');
  const keys = [...paths.keys()].sort((one, other) => comparePaths(paths.get(one), paths.get(other), collator));
  return el('select', {id: 'f-cat', onchange: (event) => setState({cat: event.target.value})},
    el('option', {value: ''}, t('all_categories')),
    keys.map((key) => { const path = paths.get(key); return el('option', {value: key}, `${'\u3000'.repeat(path.length - 1)}${path[path.length - 1]} (${count(counts.get(key))})`); }));
}
function comparePaths(one, other, collator) {
  for (let at = 0; at < Math.min(one.length, other.length); at += 1) {
    const found = collator.compare(one[at], other[at]);
    if (found) return found;
  }
  return one.length - other.length;
}

/** Lay the state into the controls, but never over what the reader is typing. */
function syncFilters() {
  for (const name of ['q', 'cat', 'price_min', 'price_max', 'moq_max', 'rep_min', 'prob_min']) {
    const input = byId(`f-${name}`);
    if (input && input !== document.activeElement && input.value !== state[name]) input.value = state[name];
  }
  for (const name of ['breakout', 'cut']) byId(`f-${name}`).checked = state[name] !== '';
  for (const chip of byId('filters').querySelectorAll('[data-filter]')) chip.setAttribute('aria-pressed', String(chosen(chip.dataset.filter).has(chip.dataset.value)));
}
function resetFilters() {
  for (const input of byId('filters').querySelectorAll('input')) if (input.type !== 'checkbox') input.value = '';
  setState({...EMPTY, lang: state.lang});
}
async function share() {
  const button = byId('share');
  try {
    await navigator.clipboard.writeText(location.href);
    button.textContent = t('shared');
  } catch {
    prompt(t('share'), location.href);
  }
}

const CSV_FIELDS = ['snapshot_date', 'source', 'protocol', 'rank_type', 'category_id', 'category_name', 'rank', 'offer_id', 'title', 'title_translated', 'price',
  'min_order', 'price_tiers', 'sale_count', 'buyer_count', 'trade_score', 'repurchase_rate', 'supplier', 'is_gold', 'main_img', 'detail_url',
  'services', 'badges', 'total', 'unit', 'lot_size', 'trend_score', 'heat_index', 'sale_growth', 'sale_growth_per_day', 'sale_growth_adjusted', 'sale_growth_30d',
  'price_change', 'price_change_per_day', 'price_volatility', 'rank_change', 'movement', 'breakout_score', 'breakout_probability', 'breakout_probability_30d', 'is_breakout', 'trend_notes'];

/** A cell. A text that a spreadsheet would take for a formula gets an apostrophe; numbers and ids stay digits. */
function csvCell(value) {
  if (missing(value)) return '';
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  let text = typeof value === 'string' ? value : JSON.stringify(value);
  if (/^[\s\0]*[=+\-@\t\r＝＋－＠]/.test(text)) text = `'${text}`;
  return /[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
}
function saveCsv() {
  const lines = [CSV_FIELDS.join(','), ...view.map((at) => CSV_FIELDS.map((name) => csvCell(field(at, name))).join(','))];
  const file = new Blob(['\ufeff', lines.join('\r\n'), '\r\n'], {type: 'text/csv;charset=utf-8'});
  const link = el('a', {href: URL.createObjectURL(file), download: `toplist-${page.snapshot_date}.csv`});
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
