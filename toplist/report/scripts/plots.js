// The plots, drawn by Vega-Lite; the library is unpacked when the first one is needed.

let library = null;

function loadLibrary() {
  library ??= unpackText('packed-plots').then((text) => {
    const script = document.createElement('script');
    script.textContent = text;  // its hash is in the page's policy
    document.head.append(script);
  });
  return library;
}

function plotStyle() {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(name).trim();
  const text = {labelColor: of('--soft'), titleColor: of('--soft'), labelFontSize: 11, titleFontSize: 11, titleFontWeight: 'normal'};
  return {
    background: 'transparent',
    font: of('--font'),
    view: {stroke: 'transparent'},
    axis: {...text, gridColor: of('--line'), domainColor: of('--line'), tickColor: of('--line')},
    legend: text,
    title: {color: of('--ink'), fontSize: 12, anchor: 'start', fontWeight: 'normal'},
    range: {category: ['--a', '--b', '--c', '--d', '--e', '--f', '--g', '--h', '--i', '--j', '--k'].map(of)},
  };
}

/** Draw a specification. It runs as a syntax tree: no code is made from text, which the policy would refuse. */
async function plot(node, specification) {
  await loadLibrary();
  if (!node.isConnected) return;
  await vegaEmbed(node, {$schema: 'https://vega.github.io/schema/vega-lite/v6.json', ...specification}, {
    ast: true, actions: false, defaultStyle: false, renderer: 'svg', config: plotStyle(), tooltip: {disableDefaultStyle: true},
  });
  node.setAttribute('role', 'img');
}

const DAY = {field: 'day', type: 'temporal', title: null, axis: {format: '%m-%d', tickCount: 6, grid: false}};

/** Lines over the shown days, one for each list. A day without a figure breaks the line; it never becomes a fall. */
function dayLines(values, y, title) {
  return {
    data: {values},
    title,
    width: 'container',
    height: 120,
    autosize: {type: 'fit-x', contains: 'padding'},
    mark: {type: 'line', point: {size: 18}, invalid: 'break-paths-filter-domains', interpolate: 'linear', strokeWidth: 1.5},
    encoding: {
      x: {...DAY, scale: {type: 'utc', domain: [page.dates[0], page.dates[page.dates.length - 1]]}},
      y,
      color: {field: 'list', type: 'nominal', title: null, legend: new Set(values.map((each) => each.list)).size > 1 ? {orient: 'bottom', columns: 2, labelLimit: 220} : null},
      tooltip: [{field: 'day', type: 'nominal', title: t('day')}, {field: 'list', title: t('list')}, {field: 'value', title}],
    },
  };
}

async function plotOffer(nodes, entries) {
  const ranks = [];
  const sales = new Map();
  const prices = new Map();
  for (const at of entries) {
    const days = await pastOf(at);
    const list = listTitle(E.list[at]);
    page.dates.forEach((day, number) => {
      ranks.push({day, list, value: days.rank[number]});
      if (missing(sales.get(day))) sales.set(day, days.sale_count[number]);
      if (missing(prices.get(day))) prices.set(day, days.price[number]);
    });
  }
  const single = (values) => [...values].map(([day, value]) => ({day, list: '', value}));
  const y = (extra) => ({field: 'value', type: 'quantitative', title: null, axis: {tickCount: 4}, ...extra});
  const whole = {tickCount: 4, tickMinStep: 1, format: 'd'};
  await plot(nodes.rank, dayLines(ranks, y({axis: whole, scale: {reverse: true, zero: false, nice: false, padding: 6}}), t('plot_rank')));
  await plot(nodes.sales, dayLines(single(sales), y({scale: {zero: false}}), t('plot_sales')));
  await plot(nodes.price, dayLines(single(prices), y({scale: {zero: false}}), t('plot_price')));
}

function plotReliability(node, points) {
  const share = (name, title) => ({field: name, type: 'quantitative', title, scale: {domain: [0, 1]}, axis: {format: '%', tickCount: 5}});
  return plot(node, {
    width: 260, height: 240,
    layer: [
      {data: {values: [{said: 0, came: 0}, {said: 1, came: 1}]}, mark: {type: 'line', strokeDash: [4, 4], color: plotStyle().axis.labelColor}, encoding: {x: share('said', t('said')), y: share('came', t('came'))}},
      {data: {values: points}, mark: {type: 'line', point: false, strokeWidth: 1.5}, encoding: {x: share('said', t('said')), y: share('came', t('came'))}},
      {data: {values: points}, mark: {type: 'point', filled: true, opacity: 1}, encoding: {
        x: share('said', t('said')), y: share('came', t('came')),
        size: {field: 'rows', type: 'quantitative', legend: null, scale: {type: 'log', range: [30, 260]}},
        tooltip: [{field: 'rows', title: t('rows'), format: ','}, {field: 'said', title: t('said'), format: '.1%'}, {field: 'came', title: t('came'), format: '.1%'}]}},
    ],
  });
}
