// What the reader sees is written in the address, so that a view can be sent.

const EMPTY = Object.freeze({
  q: '', cat: '', type: '', move: '', mark: '', price_min: '', price_max: '', moq_max: '', rep_min: '', prob_min: '',
  breakout: '', cut: '', sort: '', offer: '', lang: '',
});
let state = {...EMPTY};
let onState = () => {};

function readAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  state = {...EMPTY};
  for (const name of Object.keys(EMPTY)) if (given.has(name)) state[name] = given.get(name);
}

/** Change the state. What only narrows the view replaces the address; an offer that opens can be left with Back. */
function setState(changes, push) {
  state = {...state, ...changes};
  const said = new URLSearchParams();
  for (const [name, value] of Object.entries(state)) if (value !== '') said.set(name, value);
  const address = `#${said}`;
  if (push) history.pushState(null, '', address);
  else history.replaceState(null, '', address);
  onState();
}

const chosen = (name) => new Set(state[name] ? state[name].split(',') : []);
function toggle(name, value) {
  const values = chosen(name);
  if (!values.delete(value)) values.add(value);
  setState({[name]: [...values].join(',')});
}
