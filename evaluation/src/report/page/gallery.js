// The gallery: the worst images, and what filters show of them.

/** The least score of detections that are shown: where F1 is best until another is chosen, which the slider cannot always hit. */
let least = 0;

/** The cell of the confusion matrix whose images are shown: classes of object and detection, null for none of either. */
let cell = null;

/** The images that are shown, with everything in them and what is chosen of it. */
let tiles = [];

/** What the cell counts in an image. */
const pairsOf = (item) => item.pairs.filter(([object, detection]) =>
  (object === null ? null : item.objects[object].class) === cell.row
  && (detection === null ? null : item.detections[detection].class) === cell.column);

/** Tells of each mark in an image whether it is asked for. */
function chooser(item) {
  if (cell) {
    const keys = new Set(pairsOf(item).flatMap(([object, detection]) => [`object ${object}`, `detection ${detection}`]));
    return ({ key }) => keys.has(key);
  }
  const [wanted, kind] = [at('gallery-class').value, at('gallery-kind').value];
  return (mark) => (wanted === '' || String(mark.class) === wanted)
    && (kind === '' || (kind === 'error' ? isError(mark.kind) : mark.kind === kind));
}

/** Whether every image is shown, whatever is in it. */
const isOpen = () => !cell && at('gallery-class').value === '' && at('gallery-kind').value === '';

function gallery() {
  cell = null;
  const found = new Set(view.gallery.flatMap((item) => [...item.objects, ...item.detections].map((mark) => mark.class)));
  const before = at('gallery-class').value;
  const list = [...found].sort((a, b) => className(a).localeCompare(className(b))).map((index) => [String(index), className(index)]);
  options(at('gallery-class'), [['', 'All'], ...list], list.some(([value]) => value === before) ? before : '');
  const scores = view.gallery.flatMap((item) => item.detections.map(({ score }) => score));
  const low = Math.floor(scores.reduce((a, b) => Math.min(a, b), 0));
  const high = Math.ceil(scores.reduce((a, b) => Math.max(a, b), 1));
  Object.assign(at('gallery-score'), { min: low, max: high, step: (high - low) / 100 });
  setLeast(view.operating_point);
  at('filters').hidden = at('legend').hidden = view.gallery.length === 0;
  legend();
  show();
}

function setLeast(score) {
  least = score;
  at('gallery-score').value = score;
}

/** The gallery at a score that was chosen elsewhere. */
function galleryAt(score) {
  cell = null;
  setLeast(score);
  show();
  at('h-gallery').scrollIntoView();
  at('gallery-score').focus({ preventScroll: true });
}

/** The images in which a cell of the confusion matrix counts something. */
function showCell(row, column) {
  cell = { row, column };
  at('gallery-class').value = at('gallery-kind').value = '';
  // The matrix is of this score.
  setLeast(view.confusion.min_score);
  show();
  at('h-gallery').scrollIntoView();
  at('gallery-cell').focus({ preventScroll: true });
}

function legend() {
  const notCounted = view.gallery.some((item) => [...item.objects, ...item.detections].some((mark) => mark.ignored || mark.kind === 'ignored'));
  const swatch = (kind, text, dashed) =>
    h('li', {}, h('i', { class: dashed ? 'dashed' : undefined, vars: { background: color(kind), 'border-color': color(kind) } }), text);
  const kinds = Object.entries(KINDS).filter(([kind]) => !['missed', 'ignored'].includes(kind));
  at('legend').replaceChildren(
    swatch('found', 'Object, found', true),
    swatch('missed', 'Object, missed', true),
    ...kinds.map(([kind, text]) => swatch(kind, text, false)),
    ...(notCounted ? [swatch('ignored', KINDS.ignored, false)] : []));
}

function show() {
  at('gallery-score-value').textContent = figure(least);
  at('gallery-cell').hidden = !cell;
  if (cell) at('gallery-cell').replaceChildren(cellText(cell.row, cell.column), h('span', { 'aria-hidden': 'true' }, ' ×'));
  tiles = view.gallery.map((item) => ({ item, all: marks(item, least), isChosen: chooser(item) }))
    .filter(({ all, isChosen }) => isOpen() || all.some(isChosen));
  const count = `${number(tiles.length)} of ${plural(view.gallery.length, 'image')}`;
  const counted = cell ? tiles.reduce((sum, { item }) => sum + pairsOf(item).length, 0) : 0;
  at('gallery-count').textContent = cell ? `${count}, with ${number(counted)} of the ${number(cellCount())}` : count;
  at('gallery-empty').hidden = tiles.length > 0;
  at('gallery-empty').textContent = view.gallery.length === 0 ? 'There are no errors in any image.'
    : cell ? 'None of the worst images, which are those on this page, has it.' : 'No image shows this at this score.';
  at('gallery').replaceChildren(...tiles.map((tile, index) => {
    const { item, all, isChosen } = tile;
    const { name } = page.pictures[item.picture];
    const lines = cell ? [[null, `${number(pairsOf(item).length)} × ${cellText(cell.row, cell.column)}`]] : tally(all.filter(isChosen));
    const texts = lines.map(([kind, text]) => h('span', {}, kind ? h('i', { vars: { background: color(kind) } }) : null, text));
    return h('li', {},
      h('button', { type: 'button', 'aria-label': `Enlarge ${name}`, onclick: () => enlarge(index) },
        h('div', { class: 'frame' }, picture(item, all, isChosen))),
      h('div', { class: 'name', title: name }, name),
      h('p', { class: 'errors' }, ...(texts.length > 0 ? texts : [h('span', {}, nothing(all))])));
  }));
}

/** How much the chosen cell counts in all images, those that are not on the page too. */
function cellCount() {
  const { classes: shown, rows } = view.confusion;
  const place = (index) => (index === null ? shown.length : shown.indexOf(index));
  return rows[place(cell.row)][place(cell.column)];
}
