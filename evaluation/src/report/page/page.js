// The page's frame: elements, the choice of view and colours, the figures at the top. All text goes in as text nodes.

const page = JSON.parse(document.getElementById('data').textContent);
const at = (id) => document.getElementById(id);

/** An element with attributes and children; texts become text nodes. */
function make(space, tag, attributes, children) {
  const element = space ? document.createElementNS(space, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (name === 'vars') for (const [key, v] of Object.entries(value)) element.style.setProperty(key, v);
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}
const h = (tag, attributes = {}, ...children) => make(null, tag, attributes, children);
const s = (tag, attributes = {}, ...children) => make('http://www.w3.org/2000/svg', tag, attributes, children);

const number = (n) => n.toLocaleString('en');
const figure = (value, digits = 3) => (value === null || value === undefined ? '–' : value.toFixed(digits));
const plural = (n, one, many = `${one}s`) => `${number(n)} ${n === 1 ? one : many}`;
const clamp = (value, low, high) => Math.max(low, Math.min(high, value));

/** A text of at most so many characters. */
function shortened(text, most) {
  const letters = [...text.slice(0, 4 * most)];
  return letters.length > most ? `${letters.slice(0, most - 1).join('')}…` : text;
}
/** Names as they are shown: a data set may have names of any length. */
const names = page.classes.map((name) => shortened(name, 80));
const className = (index) => names[index];
/** A name inside a sentence, whichever way it is read. */
const isolated = (text) => `\u2068${text}\u2069`;

/** What becomes of objects and detections; the keys are also the names of their colours. */
const KINDS = {
  correct: 'Correct',
  wrong_class: 'Wrong class',
  location: 'Poor location',
  class_and_location: 'Class and location',
  duplicate: 'Duplicate',
  background: 'Background',
  missed: 'Missed',
  ignored: 'Not counted',
};
const color = (kind) => `var(--${kind})`;

let view = page.views[0];

function options(select, items, chosen) {
  select.replaceChildren(...items.map(([value, text]) => h('option', { value, selected: value === chosen }, text)));
}

function header() {
  at('protocol').textContent = `${page.protocol} evaluation`;
  at('title').textContent = page.title;
  const one = { images: 'image', objects: 'object', crowds: 'crowd', detections: 'detection', difficult: 'difficult' };
  const many = (name) => (name === 'difficult' ? name : `${one[name]}s`);
  at('counts').textContent = page.counts.map(([name, n]) => plural(n, one[name], many(name))).join(' · ');
  const buttons = page.views.map((each) =>
    h('button', { type: 'button', onclick: () => { view = each; render(); } }, each.name));
  if (buttons.length > 1) at('views').replaceChildren(...buttons);
  at('facts').replaceChildren(...page.facts.flatMap(([name, text]) => [h('dt', {}, name), h('dd', {}, text)]));
}

function theme() {
  const titles = { auto: 'Colours: system', light: 'Colours: light', dark: 'Colours: dark' };
  const schemes = { auto: 'light dark', light: 'light', dark: 'dark' };
  const order = Object.keys(titles);
  let chosen = 'auto';
  // Where a page may keep nothing, the choice lasts as long as the page.
  try { chosen = localStorage.getItem('vovdet-colours') ?? 'auto'; } catch { chosen = 'auto'; }
  if (!order.includes(chosen)) chosen = 'auto';
  const apply = () => {
    document.documentElement.style.colorScheme = schemes[chosen];
    at('theme').textContent = titles[chosen];
  };
  at('theme').addEventListener('click', () => {
    chosen = order[(order.indexOf(chosen) + 1) % order.length];
    try { localStorage.setItem('vovdet-colours', chosen); } catch { /* see above */ }
    apply();
  });
  apply();
}

function headline() {
  const [first, ...rest] = view.headline;
  at('headline').replaceChildren(
    h('div', { class: 'first' }, h('b', {}, figure(first.value)), h('span', {}, `${first.name}: ${first.about}`)),
    h('dl', {}, ...rest.map((each) =>
      h('div', { title: each.about }, h('dt', {}, each.name), h('dd', {}, figure(each.value))))));
  at('notes').replaceChildren(...page.notes.map((note) => h('p', { class: 'note' }, note)));
  at('meanings').querySelector('dl').replaceChildren(...view.headline.flatMap(({ name, about }) => [h('dt', {}, name), h('dd', {}, about)]));
}

function render() {
  for (const [index, button] of [...at('views').children].entries())
    button.setAttribute('aria-pressed', page.views[index] === view);
  headline();
  classChoices();
  drawings();
  bySize();
  errors();
  speed();
  classes();
  confusion();
  gallery();
}
