// The table of classes: its columns are the result's, and the score at which F1 is best.

/** The column by which classes are sorted: -1 for the name, null for the order of the data set. */
const sorting = { column: null, up: false };

/** How values are shown: fractions with a line of their length, scores, and counts. */
const FORMS = {
  part: (value) => h('td', { class: 'part', vars: { '--part': value ?? 0 } }, figure(value)),
  score: (value) => h('td', {}, figure(value)),
  count: (value) => h('td', {}, value === null ? '–' : number(value)),
};

function classes() {
  const columns = [
    ...view.table.columns.map(({ name, part }) => ({ name, form: part ? 'part' : 'count' })),
    { name: 'Best F1', form: 'part' },
    { name: 'at score', form: 'score' },
  ];
  const best = (index) => {
    const { best: { score, correct, wrong }, objects } = countsOf(index);
    return correct > 0 ? [rates(correct, wrong, objects).f1, score] : [null, null];
  };
  const wanted = at('find-class').value.trim().toLowerCase();
  const shown = view.table.rows
    .filter(([index]) => page.classes[index].toLowerCase().includes(wanted))
    .map(([index, values]) => [index, [...values, ...best(index)]]);
  const { column, up } = sorting;
  const sign = up ? 1 : -1;
  const compare = (a, b) => {
    if (column === -1) return sign * page.classes[a[0]].localeCompare(page.classes[b[0]]);
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
  const row = ([index, values]) =>
    h('tr', {}, h('th', { scope: 'row', title: className(index) }, className(index)),
      ...values.map((value, place) => FORMS[columns[place].form](value)));
  at('classes').replaceChildren(h('table', {},
    h('thead', {}, h('tr', {}, heading('Class', -1), ...columns.map(({ name }, index) => heading(name, index)))),
    h('tbody', {}, ...shown.map(row))),
    shown.length === 0 ? h('p', { class: 'about' }, 'No class has this in its name.') : '');
}
