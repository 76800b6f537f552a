// The gallery: images with objects and detections over each other, and what filters show of them.

/** The least score of detections that are shown: where F1 is best until another is chosen, which the slider cannot always hit. */
let least = 0;

/** The class and kind that are asked for, and the least score of detections. */
const filter = () => ({ class: at('gallery-class').value, kind: at('gallery-kind').value, score: least });

/** Everything in an image as it is at a score: objects first, then detections. */
function marks(item, score) {
  const objects = item.objects.map((object) => ({
    ...object,
    object: true,
    kind: object.ignored ? 'ignored' : object.found === null || object.found < score ? 'missed' : 'found',
  }));
  return [...objects, ...item.detections.filter((detection) => detection.score >= score)];
}

const isError = (kind) => !['correct', 'found', 'ignored'].includes(kind);

function fits(mark, { class: wanted, kind }) {
  return (wanted === '' || String(mark.class) === wanted) && (kind === '' || (kind === 'error' ? isError(mark.kind) : mark.kind === kind));
}

function describe(mark) {
  const name = isolated(className(mark.class));
  if (mark.object) return `${name}, ${{ missed: 'missed', found: 'found', ignored: 'not counted' }[mark.kind]}`;
  return `${name} ${figure(mark.score, 2)}: ${KINDS[mark.kind].toLowerCase()}, IoU ${figure(mark.iou, 2)}`;
}

/** Errors by kind, as text. */
function tally(all) {
  const counts = {};
  for (const { kind } of all) if (isError(kind)) counts[kind] = (counts[kind] ?? 0) + 1;
  return Object.keys(KINDS).filter((kind) => kind in counts).map((kind) => [kind, `${counts[kind]} ${KINDS[kind].toLowerCase()}`]);
}

/** What is said where no error is shown: others may be there. */
function nothing(all) {
  return all.some(({ kind }) => isError(kind)) ? 'No errors of what is chosen' : 'No errors at this score';
}

function picture(item, all, wanted) {
  const { name, size: [width, height], uri } = page.pictures[item.picture];
  const errors = tally(all).map(([, text]) => text).join(', ') || 'no errors';
  const svg = s('svg', { class: 'picture', viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': `${name}: ${errors}` });
  svg.append(uri ? s('image', { href: uri, width, height, preserveAspectRatio: 'none' }) : s('rect', { class: 'canvas', width, height }));
  const shape = (mark, attributes) => {
    const [x, y, w, h] = mark.bbox;
    return mark.path ? s('path', { d: mark.path, ...attributes }) : s('rect', { x, y, width: w, height: h, ...attributes });
  };
  // What is asked for lies on top.
  const draw = (mark) => s('g', { class: fits(mark, wanted) ? undefined : 'faint' },
    mark.object ? shape(mark, { class: 'halo' }) : null,
    shape(mark, { class: `mark ${mark.object ? 'object' : ''} ${mark.kind}` }),
    s('title', {}, describe(mark)));
  const [faint, strong] = [all.filter((mark) => !fits(mark, wanted)), all.filter((mark) => fits(mark, wanted))];
  svg.append(...faint.map(draw), ...strong.map(draw));
  return svg;
}

/** Errors that are told one by one beside an enlarged image. */
const TOLD = 40;

function enlarge(item, all, wanted) {
  at('large-title').textContent = page.pictures[item.picture].name;
  at('large-picture').replaceChildren(picture(item, all, wanted));
  const shown = all.filter((mark) => fits(mark, wanted) && isError(mark.kind)).map(describe);
  const more = shown.length > TOLD ? ` · … and ${plural(shown.length - TOLD, 'more error', 'more errors')}` : '';
  const undrawn = item.undrawn > 0 ? ` ${plural(item.undrawn, 'further detection')} of lower scores ${item.undrawn === 1 ? 'is' : 'are'} not drawn.` : '';
  at('large-about').textContent = (shown.slice(0, TOLD).join(' · ') + more || nothing(all)) + undrawn;
  at('large').showModal();
}

function gallery() {
  const names = new Set(view.gallery.flatMap((item) => [...item.objects, ...item.detections].map((mark) => mark.class)));
  const before = at('gallery-class').value;
  const list = [...names].sort((a, b) => className(a).localeCompare(className(b))).map((index) => [String(index), className(index)]);
  options(at('gallery-class'), [['', 'All'], ...list], list.some(([value]) => value === before) ? before : '');
  const scores = view.gallery.flatMap((item) => item.detections.map(({ score }) => score));
  const low = Math.floor(scores.reduce((a, b) => Math.min(a, b), 0));
  const high = Math.ceil(scores.reduce((a, b) => Math.max(a, b), 1));
  least = view.operating_point;
  Object.assign(at('gallery-score'), { min: low, max: high, step: (high - low) / 100, value: least });
  at('filters').hidden = at('legend').hidden = view.gallery.length === 0;
  show();
}

function show() {
  const wanted = filter();
  at('gallery-score-value').textContent = figure(wanted.score);
  const tiles = view.gallery.map((item) => ({ item, all: marks(item, wanted.score) }))
    .filter(({ all }) => (wanted.class === '' && wanted.kind === '') || all.some((mark) => fits(mark, wanted)));
  at('gallery-count').textContent = `${tiles.length} of ${plural(view.gallery.length, 'image')}`;
  at('gallery-empty').hidden = tiles.length > 0;
  at('gallery-empty').textContent = view.gallery.length === 0 ? 'Nothing went wrong in any image.' : 'No image shows this at this score.';
  at('gallery').replaceChildren(...tiles.map(({ item, all }) => {
    const { name } = page.pictures[item.picture];
    const errors = tally(all.filter((mark) => fits(mark, wanted)));
    const texts = errors.map(([kind, text]) => h('span', { vars: { color: color(kind) } }, text));
    return h('li', {},
      h('button', { type: 'button', 'aria-label': `Enlarge ${name}`, onclick: () => enlarge(item, all, wanted) },
        h('div', { class: 'frame' }, picture(item, all, wanted))),
      h('div', { class: 'name', title: name }, name),
      h('p', { class: 'errors' }, ...(texts.length > 0 ? texts : [h('span', {}, nothing(all))])));
  }));
}

function start() {
  const kinds = Object.entries(KINDS).filter(([kind]) => kind !== 'ignored');
  options(at('gallery-kind'), [['', 'Everything'], ['error', 'Any error'], ...kinds.filter(([kind]) => kind !== 'correct'), ['correct', 'Correct']], '');
  const swatch = (kind, text, dashed) => h('li', {}, h('i', { class: dashed ? 'dashed' : undefined, vars: { background: color(kind), 'border-color': color(kind) } }), text);
  at('legend').replaceChildren(
    h('li', {}, h('i', { class: 'dashed' }), 'Object'),
    ...kinds.map(([kind, text]) => swatch(kind, text, kind === 'missed')));
  header();
  theme();
  at('curve-class').addEventListener('change', curves);
  at('find-class').addEventListener('input', classes);
  at('gallery-score').addEventListener('input', () => { least = Number(at('gallery-score').value); });
  // Several moves of the slider within a frame are drawn once.
  let waiting = 0;
  at('filters').addEventListener('input', () => { waiting ||= requestAnimationFrame(() => { waiting = 0; show(); }); });
  at('filters').addEventListener('submit', (event) => event.preventDefault());
  at('close').addEventListener('click', () => at('large').close());
  at('large').addEventListener('click', (event) => { if (event.target === at('large')) at('large').close(); });
  render();
  let width = innerWidth;
  // A phone's address bar changes the height all the time.
  addEventListener('resize', () => { if (innerWidth !== width) { width = innerWidth; drawings(); } });
}

start();
