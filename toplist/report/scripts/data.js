// Reads what the page carries: JSON, compressed; and columns that are dictionaries become arrays.

let page = null;
let L = null;  // lists
let O = null;  // offers
let E = null;  // entries
let past = null;
let entriesOfOffer = new Map();

async function unpackText(id) {
  const binary = atob(byId(id).textContent.trim());
  const bytes = Uint8Array.from(binary, (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Response(stream).text();
}
const unpack = async (id) => JSON.parse(await unpackText(id));

function column(coded, length) {
  if (Array.isArray(coded)) return coded;
  if ('v' in coded) return new Array(length).fill(coded.v);
  return coded.i.map((at) => coded.d[at]);
}
function columns(coded, length) {
  return Object.fromEntries(Object.entries(coded).map(([name, each]) => [name, column(each, length)]));
}

async function readData() {
  page = await unpack('packed-data');
  const {lists, offers, entries} = page.table;
  L = columns(lists, lists.category_id.length);
  O = columns(offers, page.table.offers_count);
  E = columns(entries, entries.list.length);
  for (let at = 0; at < E.list.length; at += 1) {
    const id = O.offer_id[E.offer[at]];
    if (entriesOfOffer.has(id)) entriesOfOffer.get(id).push(at);
    else entriesOfOffer.set(id, [at]);
  }
  const place = listOrder();
  for (const own of entriesOfOffer.values()) own.sort((one, other) => place[E.list[one]] - place[E.list[other]]);
}
/** A field of an entry under the feed's name, wherever it is carried. */
function field(at, name) {
  if (name in E) return E[name][at];
  if (name in O) return O[name][E.offer[at]];
  return {snapshot_date: page.snapshot_date, source: page.source}[name] ?? L[name][E.list[at]];
}

/** The ranks, sales and prices of an entry on the shown days; null where there is none. Read once, when needed. */
async function pastOf(at) {
  if (!past) {
    const coded = await unpack('packed-past');
    past = {rank: coded.rank, sale_count: sum(coded.sale_count), price: sum(coded.price), scale: coded.price_scale};
  }
  const days = page.dates.length;
  const part = (values) => values.slice(at * days, (at + 1) * days);
  return {rank: part(past.rank), sale_count: part(past.sale_count), price: part(past.price).map((value) => (value === null ? null : value / past.scale))};
}
function sum(differences) {
  let last = 0;
  return differences.map((each) => (each === null ? null : (last += each)));
}
