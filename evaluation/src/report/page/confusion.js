// The confusion matrix. Its cells show their images in the gallery.

/** Whether cells are shown as parts of their rows. */
let normalised = false;

/** Row and column of the cell that the keyboard is at. */
let cursor = [0, 0];

const NO_OBJECT = 'no object';
const NOT_DETECTED = 'not detected';

/** What a cell counts, in words: classes, or null for the last row and column. */
const cellText = (row, column) => (row === null
  ? `${isolated(className(column))} detected where no object is`
  : column === null
    ? `${isolated(className(row))} not detected`
    : `${isolated(className(row))} detected as ${isolated(className(column))}`);

function aboutConfusion() {
  const { classes: shown, left_out, rows, min_score, not_detected } = view.confusion;
  const isCorrect = left_out > 0 || rows.some((row, index) => index < shown.length && row[index] > 0);
  at('about-confusion').textContent =
    `Rows are the objects' classes, columns the detections' classes, at IoU 0.5 and scores of at least ${figure(min_score)}, ${isCorrect ? 'where F1 is best' : 'which is all, since none is correct'}. A click on a cell shows its images below.` +
    (left_out > 0 ? ` The ${shown.length} classes that are confused most; ${left_out} are left out.` : '');
  at('about-not-detected').replaceChildren(
    `Not detected (${number(not_detected)}): no detection with such a score overlaps the object at IoU 0.5, whatever its class. `,
    h('a', { href: '#h-errors' }, 'What errors cost'),
    ` counts ${number(missed())} as missed by another rule: detections of every score take part, the class must fit, and objects with a detection of the wrong class or in a poor location on them count under those errors instead.`);
}

function confusion() {
  aboutConfusion();
  const { classes: shown, rows, row_totals } = view.confusion;
  const last = shown.length;
  const classOf = (index) => (index < last ? shown[index] : null);
  const label = (index, none) => (index < last ? className(shown[index]) : none);
  cursor = cursor.map((place) => Math.min(place, last));
  const cell = (count, row, column) => {
    if (row === last && column === last) return h('td', { class: 'empty', role: 'gridcell', tabindex: -1 }, '');
    const share = row_totals[row] > 0 ? count / row_totals[row] : 0;
    const percent = share > 0 && share < 0.01 ? 'under 1 %' : `${figure(100 * share, 0)} %`;
    const text = `${number(count)} × ${cellText(classOf(row), classOf(column))}, ${percent} of the row`;
    const tone = row === column ? color('correct') : row === last ? color('background') : column === last ? color('missed') : color('wrong_class');
    const vars = { '--share': share === 0 ? 0 : 0.08 + 0.4 * share, '--cell': tone };
    const shows = count === 0 ? '·' : normalised ? (share < 0.01 ? '<1' : figure(100 * share, 0)) : number(count);
    return h('td', { role: 'gridcell', tabindex: -1, title: text, 'aria-label': text, class: count > 0 ? 'shows' : undefined, vars }, shows);
  };
  const heads = rows.map((_, index) => h('th', { scope: 'col', role: 'columnheader', title: label(index, NOT_DETECTED) }, label(index, NOT_DETECTED)));
  const table = h('table', { role: 'grid', 'aria-labelledby': 'h-confusion', class: last > 6 ? 'many' : undefined },
    h('thead', {}, h('tr', {}, h('th', { scope: 'col', role: 'columnheader' }, 'Object ↓ detected as →'), ...heads)),
    h('tbody', {}, ...rows.map((row, index) =>
      h('tr', {}, h('th', { scope: 'row', role: 'rowheader', title: label(index, NO_OBJECT) }, label(index, NO_OBJECT)), ...row.map((count, column) => cell(count, index, column))))));
  const cellAt = ([row, column]) => table.tBodies[0].rows[row].cells[column + 1];
  cellAt(cursor).tabIndex = 0;
  const move = (to) => {
    cellAt(cursor).tabIndex = -1;
    cursor = to;
    cellAt(cursor).tabIndex = 0;
  };
  const placeOf = (target) => {
    const td = target.closest('td');
    return td && [td.parentElement.sectionRowIndex, td.cellIndex - 1];
  };
  const open = ([row, column]) => { if (rows[row][column] > 0) showCell(classOf(row), classOf(column)); };
  table.addEventListener('click', (event) => {
    const place = placeOf(event.target);
    if (place) { move(place); open(place); }
  });
  table.addEventListener('keydown', (event) => {
    const steps = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0], Home: [0, -rows.length], End: [0, rows.length] };
    if (event.key in steps) {
      move(cursor.map((place, axis) => clamp(place + steps[event.key][axis], 0, last)));
      cellAt(cursor).focus();
    } else if (event.key === 'Enter' || event.key === ' ') open(cursor);
    else return;
    event.preventDefault();
  });
  at('confusion').replaceChildren(table);
  for (const [id, pressed] of [['confusion-counts', !normalised], ['confusion-rows', normalised]]) at(id).setAttribute('aria-pressed', pressed);
}
