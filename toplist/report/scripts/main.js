// Read, draw, listen.

function drawAll() {
  chooseLanguage(state.lang || memory.get('language') || ((navigator.language || 'zh').startsWith('zh') ? 'zh' : 'en'));
  const button = byId('language');
  button.textContent = language === 'zh' ? 'English' : '中文';
  button.lang = language === 'zh' ? 'en' : 'zh-CN';
  document.title = `${page.name ? `${page.name} · ` : ''}${t('page_title', page.snapshot_date)}`;
  byId('title').textContent = t('page_title', page.snapshot_date);
  fill(byId('subtitle'), page.source === 'sandbox' ? el('strong', {class: 'sandbox'}, t('sandbox')) : t('source_1688'), page.name ? [' · ', stranger(page.name)] : null, ` · ${t('dates_of')}`);
  drawTheme();
  drawImages();
  drawTruth();
  drawPages();
  drawMoves();
  drawFilters();
  showTable();
  drawHeat();
  drawTrust();
  drawState();
}

function drawState() {
  syncFilters();
  if (state.offer) drawOffer(state.offer);
  else if (byId('offer').open) byId('offer').close();
}

let shown = '';
/** The state changed: redraw what it touches. */
function stateChanged() {
  const language_ = state.lang || language;
  if (language_ !== language) { drawAll(); return; }
  const {offer, lang, ...filters} = state;
  const key = JSON.stringify(filters);
  if (key !== shown) { shown = key; showTable(); }
  drawState();
}

const printMedia = matchMedia('print');
const dark = () => document.documentElement.dataset.theme === 'dark';
function drawTheme() {
  byId('theme').textContent = t(dark() ? 'theme_light' : 'theme_dark');
}
function chooseTheme(theme) {
  document.documentElement.dataset.theme = theme;
}
function drawImages() {
  byId('images').setAttribute('aria-pressed', String(showImages));
  byId('images').textContent = t(showImages ? 'images_on' : 'images_off');
}

function listen() {
  byId('language').addEventListener('click', () => { const next = language === 'zh' ? 'en' : 'zh'; memory.set('language', next); setState({lang: next}); });
  byId('theme').addEventListener('click', () => { const next = dark() ? 'light' : 'dark'; memory.set('theme', next); chooseTheme(next); drawTheme(); drawTrust(); if (state.offer) drawOffer(state.offer); });
  byId('images').addEventListener('click', () => { showImages = !showImages; drawImages(); drawMoves(); drawRows(true); if (state.offer) drawOffer(state.offer); });
  byId('print').addEventListener('click', () => window.print());
  byId('skip').addEventListener('click', (event) => { event.preventDefault(); byId('table-section').scrollIntoView(); body.querySelector('.open[tabindex="0"]')?.focus(); });
  byId('offer').addEventListener('close', () => { if (state.offer) setState({offer: ''}); });
  byId('offer').addEventListener('click', (event) => { if (event.target === byId('offer')) byId('offer').close(); });
  addEventListener('hashchange', () => { readAddress(); stateChanged(); });
  addEventListener('popstate', () => { readAddress(); stateChanged(); });
  addEventListener('beforeprint', () => setPrinting(true));
  addEventListener('afterprint', () => setPrinting(false));
  printMedia.addEventListener('change', (event) => setPrinting(event.matches));
}

async function start() {
  chooseTheme(memory.get('theme') || (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'));
  WORDS = await unpack('packed-words');
  await readData();
  readAddress();
  onState = stateChanged;
  makeTable();
  byId('loading').remove();
  for (const id of ['truth', 'moves', 'table-section', 'heat', 'trust']) byId(id).hidden = false;
  listen();
  const {offer, lang, ...filters} = state;
  shown = JSON.stringify(filters);
  drawAll();
  (window.requestIdleCallback || setTimeout)(() => searchable());  // so that the first letter of a search finds it done
  document.documentElement.dataset.ready = performance.now().toFixed(0);
}

start().catch((error) => {
  const loading = byId('loading') || document.body.appendChild(el('p', {role: 'status'}));
  loading.textContent = `${t('broken')} ${error.message}`;
  throw error;
});
