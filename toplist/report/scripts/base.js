// Elements without HTML strings: what comes from the gateway is only ever a text node.

const byId = (id) => document.getElementById(id);

/** An element. `attributes` may hold listeners (`onclick`), and `class`; children are elements, texts or nulls. */
function el(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? '' : value);
  }
  add(node, ...children);
  return node;
}

const there = (children) => children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
const add = (node, ...children) => node.append(...there(children));
const fill = (node, ...children) => node.replaceChildren(...there(children));

/** The address if it is http or https, else null: no `javascript:`, no `data:`. */
function safeUrl(text) {
  try {
    const url = new URL(text);
    return url.protocol === 'https:' || url.protocol === 'http:' ? url.href : null;
  } catch {
    return null;
  }
}

/** A stranger's text: isolated, so that its direction marks do not reach what stands beside it. */
const stranger = (text) => el('bdi', {}, text);

/** A link that leaves the page, or plain text where the address is not http(s). */
function outLink(address, ...children) {
  const url = safeUrl(address);
  return url ? el('a', {href: url, target: '_blank', rel: 'noopener noreferrer'}, ...children) : el('span', {}, ...children);
}

/** What the browser remembers of this reader; some browsers refuse it to pages from disk. */
const memory = {
  get(name) {
    try { return localStorage.getItem(`toplist-${name}`); } catch { return null; }
  },
  set(name, value) {
    try { localStorage.setItem(`toplist-${name}`, value); } catch { /* the choice lasts as long as the page */ }
  },
};
