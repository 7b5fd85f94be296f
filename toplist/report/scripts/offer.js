// One offer: what it is, where it stands, how it went, and why a figure is null.

const RAW = ['rank', 'price', 'sale_count', 'buyer_count', 'trade_score', 'repurchase_rate', 'trend_score', 'heat_index', 'sale_growth',
  'sale_growth_per_day', 'sale_growth_adjusted', 'sale_growth_30d', 'price_change', 'price_change_per_day', 'price_volatility',
  'rank_change', 'movement', 'breakout_score', 'breakout_probability', 'breakout_probability_30d', 'is_breakout'];

function drawOffer(id) {
  const dialog = byId('offer');
  const entries = entriesOfOffer.get(id);
  if (!entries) {
    fill(dialog, closeButton(), el('h2', {id: 'offer-title'}, t('offer_gone', id)));
  } else {
    const offer = E.offer[entries[0]];
    const nodes = {rank: el('div', {class: 'plot', 'aria-label': t('plot_rank')}), sales: el('div', {class: 'plot', 'aria-label': t('plot_sales')}), price: el('div', {class: 'plot', 'aria-label': t('plot_price')})};
    fill(dialog, closeButton(), offerHead(offer, id), offerTerms(offer, entries), standings(entries),
      el('h3', {}, t('days_behind')), el('div', {class: 'plots'}, nodes.rank, nodes.sales, nodes.price), el('p', {class: 'soft hint'}, t('gaps')),
      nullReasons(entries), rawFigures(entries));
    plotOffer(nodes, entries).catch((error) => { nodes.rank.textContent = t('no_plot', error.message); });
  }
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
}

const closeButton = () => el('form', {method: 'dialog', class: 'close'}, el('button', {type: 'button', id: 'close', onclick: () => byId('offer').close()}, t('close')));

function offerHead(offer, id) {
  const image = picture(offer, 160);
  return el('div', {class: 'offer-head'}, image,
    el('div', {},
      el('h2', {id: 'offer-title'}, stranger(titleOf(offer))),
      O.title_translated[offer] && O.title[offer] ? el('p', {class: 'soft'}, stranger(O.title_translated[offer])) : null,
      el('p', {}, O.is_gold[offer] ? el('span', {class: 'gold'}, `★ ${t('gold')} `) : null, O.supplier[offer] ? stranger(O.supplier[offer]) : null),
      el('p', {}, outLink(O.detail_url[offer], t('open_1688')), ' ', el('code', {}, id)),
      el('p', {class: 'chips'}, [...(O.badges[offer] || []), ...(O.services[offer] || [])].map((mark) => el('span', {class: 'chip'}, stranger(mark))))));
}

function offerTerms(offer, entries) {
  const unit = O.unit[offer] ? ` ${O.unit[offer]}` : '';
  const tiers = O.price_tiers[offer];
  const first = entries.find((at) => !missing(E.price[at])) ?? entries[0];
  return el('dl', {class: 'terms'},
    pair('price', yuan(E.price[first])),
    tiers ? pair('price_tiers', el('span', {class: 'tiers'}, tiers.map((tier) => el('span', {}, `≥ ${count(tier.start_quantity)}${unit}  ${yuan(tier.price)}`)))) : null,
    pair('min_order', missing(O.min_order[offer]) ? NONE : count(O.min_order[offer]) + unit),
    O.lot_size[offer] ? pair('lot_size', count(O.lot_size[offer]) + unit) : null,
    pair('sale_count', count(E.sale_count[first])),
    pair('repurchase_rate', ratio(E.repurchase_rate[first])));
}
const pair = (name, value) => el('div', {}, el('dt', {}, t(`f_${name}`)), el('dd', {}, value));

function standings(entries) {
  const head = ['list', 'rank', 'rank_change', 'sale_growth_per_day', 'heat_index', 'breakout_probability'];
  const cells = Object.fromEntries(COLUMNS.map((each) => [each.name, each]));
  return el('div', {class: 'wide', tabindex: 0, role: 'region', 'aria-label': t('stands_on')},
    el('table', {class: 'plain'}, el('caption', {}, t('stands_on')),
      el('thead', {}, el('tr', {}, head.map((name) => el('th', {scope: 'col', class: cells[name].number ? 'number' : null}, t(`c_${name}`))))),
      el('tbody', {}, entries.map((at) => el('tr', {}, head.map((name) => el('td', {class: cells[name].number ? 'number' : null}, name === 'list' ? [rankTitle(L.rank_type[E.list[at]]), ' · ', stranger(pathText(L.path[E.list[at]]))] : cells[name].cell(at))))))));
}

/** The feed's notes (`field:reason`) in words, each once. */
function nullReasons(entries) {
  const notes = [...new Set(entries.flatMap((at) => E.trend_notes[at] || []))];
  if (!notes.length) return null;
  return el('section', {class: 'reasons'}, el('h3', {}, t('why_null')),
    el('ul', {}, notes.map((note) => {
      const [name, reason] = note.split(':', 2);
      return el('li', {}, el('strong', {}, known('f_', name)), t('colon'), known('r_', reason ?? ''));
    })));
}

/** Every figure as the feed has it, one column a list. */
function rawFigures(entries) {
  return el('details', {class: 'raw'}, el('summary', {}, t('raw')),
    el('div', {class: 'wide', tabindex: 0, role: 'region', 'aria-label': t('raw')},
      el('table', {class: 'plain'},
        el('thead', {}, el('tr', {}, el('th', {scope: 'col'}, t('field')), entries.map((at) => el('th', {scope: 'col', class: 'number'}, listTitle(E.list[at]))))),
        el('tbody', {}, RAW.map((name) => el('tr', {}, el('th', {scope: 'row'}, el('span', {title: name}, known('f_', name))), entries.map((at) => el('td', {class: 'number', 'data-field': name}, plain(field(at, name))))))))));
}
