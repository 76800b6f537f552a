// The page's frame: elements, the choice of view and colours, the table of classes. All text goes in as text nodes.

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
const className = (index) => page.classes[index];
/** A name inside a sentence, whichever way it is read. */
const isolated = (text) => `\u2068${text}\u2069`;

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
  const names = { auto: 'Colours: system', light: 'Colours: light', dark: 'Colours: dark' };
  const schemes = { auto: 'light dark', light: 'light', dark: 'dark' };
  const order = Object.keys(names);
  let chosen = 'auto';
  // Where a page may keep nothing, the choice lasts as long as the page.
  try { chosen = localStorage.getItem('vovdet-colours') ?? 'auto'; } catch { chosen = 'auto'; }
  if (!order.includes(chosen)) chosen = 'auto';
  const show = () => {
    document.documentElement.style.colorScheme = schemes[chosen];
    at('theme').textContent = names[chosen];
  };
  at('theme').addEventListener('click', () => {
    chosen = order[(order.indexOf(chosen) + 1) % order.length];
    try { localStorage.setItem('vovdet-colours', chosen); } catch { /* see above */ }
    show();
  });
  show();
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

/** The column by which classes are sorted: -1 for the name, null for the order of the data set. */
const sorting = { column: null, up: false };

function classes() {
  const { columns, rows } = view.table;
  const wanted = at('find-class').value.trim().toLowerCase();
  const shown = rows.filter(([index]) => className(index).toLowerCase().includes(wanted));
  const { column, up } = sorting;
  const sign = up ? 1 : -1;
  const compare = (a, b) => {
    if (column === -1) return sign * className(a[0]).localeCompare(className(b[0]));
    const [x, y] = [a[1][column], b[1][column]];
    // Classes of which nothing can be said come last either way.
    if (x === null || y === null) return (x === null) - (y === null);
    return sign * (x - y);
  };
  if (column !== null) shown.sort(compare);
  const heading = (name, index) => {
    const sort = column === index ? (up ? 'ascending' : 'descending') : undefined;
    const onclick = () => {
      Object.assign(sorting, { column: index, up: column === index ? !up : index === -1 });
      classes();
      at('classes').querySelectorAll('thead button')[index + 1].focus();
    };
    return h('th', { scope: 'col', 'aria-sort': sort }, h('button', { type: 'button', onclick }, name));
  };
  const cell = (value, index) => {
    const { part } = columns[index];
    if (!part) return h('td', {}, value === null ? '–' : number(value));
    return h('td', { class: 'part', vars: { '--part': value ?? 0 } }, figure(value));
  };
  const row = ([index, values]) =>
    h('tr', {}, h('th', { scope: 'row', title: className(index) }, className(index)), ...values.map(cell));
  at('classes').replaceChildren(h('table', {},
    h('thead', {}, h('tr', {}, heading('Class', -1), ...columns.map(({ name }, index) => heading(name, index)))),
    h('tbody', {}, ...shown.map(row))),
    shown.length === 0 ? h('p', { class: 'about' }, 'No class has this in its name.') : '');
}

function confusion() {
  const { classes: shown, left_out, rows, min_score } = view.confusion;
  const isRight = left_out > 0 || rows.some((row, index) => index < shown.length && row[index] > 0);
  const more = left_out > 0 ? ` The ${shown.length} classes that are confused most; ${left_out} are left out.` : '';
  at('about-confusion').textContent =
    `Rows are what is there, columns what was found, at IoU 0.5 and scores of at least ${figure(min_score)}, ${isRight ? 'where F1 is best' : 'which is all, since none is right'}.${more}`;
  const label = (index, nothing) => (index < shown.length ? className(shown[index]) : nothing);
  const cell = (count, row, column) => {
    const last = shown.length;
    const sum = rows[row].reduce((all, n) => all + n, 0);
    const share = sum > 0 ? count / sum : 0;
    if (row === last && column === last) return h('td', { class: 'empty' }, '');
    const text = `${number(count)} ${isolated(label(row, 'with nothing there'))} found as ${isolated(label(column, 'nothing'))}`;
    const tone = row === column ? color('correct') : row === last ? color('background') : column === last ? color('missed') : color('wrong_class');
    const vars = { '--share': share === 0 ? 0 : 0.08 + 0.4 * share, '--cell': tone };
    return h('td', { title: text, vars }, count === 0 ? '·' : number(count));
  };
  const heads = rows.map((_, index) => h('th', { scope: 'col', title: label(index, 'nothing') }, label(index, 'nothing')));
  // Names stand upright where they would not fit beside each other.
  at('confusion').replaceChildren(h('table', { class: shown.length > 6 ? 'many' : undefined },
    h('thead', {}, h('tr', {}, h('th', { scope: 'col' }, 'There ↓ found →'), ...heads)),
    h('tbody', {}, ...rows.map((row, index) =>
      h('tr', {}, h('th', { scope: 'row' }, label(index, 'nothing')), ...row.map((count, column) => cell(count, index, column)))))));
}

function render() {
  for (const [index, button] of [...at('views').children].entries())
    button.setAttribute('aria-pressed', page.views[index] === view);
  headline();
  charts();
  classes();
  confusion();
  gallery();
}
