// Texts in the reader's language, and figures as people write them.

let WORDS = {};
let language = 'zh';
let numberFormat = new Intl.NumberFormat('zh-CN');

/** The text of a key; {0}, {1} are replaced. */
function t(key, ...values) {
  const text = (WORDS[language] || {})[key];
  if (text === undefined) return key;
  return text.replace(/\{(\d)\}/g, (_, at) => values[at]);
}

/** A text that has a key of its own only for known values: reasons, statuses. */
const known = (prefix, value) => ((WORDS[language] || {})[prefix + value] === undefined ? value : t(prefix + value));

function chooseLanguage(wanted) {
  language = wanted === 'en' ? 'en' : 'zh';
  numberFormat = new Intl.NumberFormat(language === 'zh' ? 'zh-CN' : 'en');
  document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en';
  document.documentElement.dataset.lang = language;
  for (const node of document.querySelectorAll('[data-t]')) node.textContent = t(node.dataset.t);
  for (const node of document.querySelectorAll('[data-t-label]')) node.setAttribute('aria-label', t(node.dataset.tLabel));
  for (const node of document.querySelectorAll('[data-t-title]')) node.title = t(node.dataset.tTitle);
}

const NONE = '–';
const missing = (value) => value === null || value === undefined;
const count = (value) => (missing(value) ? NONE : numberFormat.format(value));
const yuan = (value) => (missing(value) ? NONE : `¥${value.toFixed(2)}`);
const ratio = (value) => (missing(value) ? NONE : `${(value * 100).toFixed(1).replace(/\.0$/, '')}%`);
const signed = (value, digits) => `${value > 0 ? '+' : value < 0 ? '−' : ''}${Math.abs(value).toFixed(digits)}%`;
/** A change that is already a share: -0.1 is -10 %. */
const change = (value) => (missing(value) ? NONE : signed(value * 100, 1));
/** A growth, which is a natural logarithm, as the share that it stands for. */
const growth = (value) => (missing(value) ? NONE : signed(Math.expm1(value) * 100, 1));
/** The figure as the feed has it. */
const plain = (value) => (missing(value) ? NONE : String(value));

function rankTitle(name) {
  const titles = page.rank_titles;
  if (language === 'en') return known('rank_', name);
  const title = titles[name] || name;
  return Object.values(titles).filter((each) => each === title).length > 1 ? `${title} ${name}` : title;
}
const pathText = (path) => path.join(' › ');
const listTitle = (list) => `${rankTitle(L.rank_type[list])} · ${L.path[list][L.path[list].length - 1]}`;
