// Charts: small drawings, each with its figures as text for those who do not see it.

const LINES = ['var(--accent)', 'var(--second)', 'var(--third)'];

/** The frame of a chart over parts of one: rules and numbers. */
function frame({ width, height, left, bottom, right = 10, top = 8, xs, ys, x, y, label }) {
  const px = (v) => left + ((v - xs[0]) / (xs[xs.length - 1] - xs[0])) * (width - left - right);
  const py = (v) => height - bottom - ((v - ys[0]) / (ys[ys.length - 1] - ys[0])) * (height - top - bottom);
  const svg = s('svg', { class: 'chart', viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': label });
  for (const v of ys) {
    svg.append(
      s('line', { class: 'rule', x1: left, x2: width - right, y1: py(v), y2: py(v) }),
      s('text', { x: left - 6, y: py(v) + 4, 'text-anchor': 'end' }, String(v)));
  }
  for (const v of xs) svg.append(s('text', { x: px(v), y: height - bottom + 16, 'text-anchor': 'middle' }, String(v)));
  svg.append(
    s('text', { x: width - right, y: height - bottom + 31, 'text-anchor': 'end' }, x),
    s('text', { x: left, y: top - 12 }, y));
  return { svg, px, py };
}

/** A drawing as wide as its place, so that its texts have the size of the page's; on a screen only, print scales it. */
function space(id, usual, ratio) {
  const width = Math.max(240, at(id).clientWidth || usual);
  return { width, height: Math.max(170, Math.round(width * ratio)) };
}

const FIFTHS = [0, 0.2, 0.4, 0.6, 0.8, 1];
const path = (points) => points.map(([x, y], i) => `${i ? 'L' : 'M'}${x.toFixed(1)} ${y.toFixed(1)}`).join('');

function curves() {
  const chosen = at('curve-class').value;
  const curve = view.curves.find((each) => String(each.class) === chosen) ?? view.curves[0];
  const known = curve.lines.filter(({ points }) => points.length > 0);
  if (known.length === 0) {
    at('curves').replaceChildren(h('p', { class: 'about' }, curve.class === null ? 'There are no objects.' : 'There are no objects of this class.'));
    return;
  }
  const label = `Precision over recall. ${known.map(({ name, points, ap }) => `${name}: AP ${figure(ap)}, precision ` +
    `${figure(points[25], 2)} at recall 0.25, ${figure(points[50], 2)} at 0.5, ${figure(points[75], 2)} at 0.75`).join('. ')}`;
  const { svg, px, py } = frame({ ...space('curves', 720, 0.6), left: 34, bottom: 40, top: 26, xs: FIFTHS, ys: FIFTHS, x: 'recall', y: 'precision', label });
  known.forEach(({ name, points, ap }, index) => {
    const line = points.map((p, i) => [px(i / (points.length - 1)), py(p)]);
    svg.append(s('path', { class: 'curve', d: path(line), stroke: LINES[index] }, s('title', {}, `${name}: AP ${figure(ap)}`)));
  });
  const key = known.map(({ name, ap }, index) =>
    h('li', {}, h('i', { vars: { background: LINES[index] } }), `${name}, AP ${figure(ap)}`));
  at('curves').replaceChildren(svg, h('ul', { class: 'key' }, ...key));
}

function byIou() {
  const known = view.by_iou.filter(([, ap]) => ap !== null);
  if (known.length === 0) { at('by-iou').replaceChildren(h('p', { class: 'about' }, 'There are no objects.')); return; }
  const label = `Average precision by overlap: ${known.map(([iou, ap]) => `${figure(ap)} at ${figure(iou, 2)}`).join(', ')}`;
  const { svg, px: x, py } = frame({ ...space('by-iou', 340, 0.56), left: 30, bottom: 36, top: 14, xs: [0.5, 0.65, 0.8, 0.95], ys: [0, 0.5, 1], x: 'IoU', y: '', label });
  svg.append(s('path', { class: 'curve', d: path(known.map(([iou, ap]) => [x(iou), py(ap)])), stroke: LINES[0] }));
  for (const [iou, ap] of known)
    svg.append(s('circle', { cx: x(iou), cy: py(ap), r: 3.5, fill: LINES[0] }, s('title', {}, `${figure(ap)} at IoU ${figure(iou, 2)}`)));
  at('by-iou').replaceChildren(svg);
}

/** A line of a bar chart: name, bar, number, remark. */
function bar(name, share, tone, text, remark, title) {
  return [
    h('span', {}, name),
    h('span', { class: 'track', title }, h('i', { vars: { width: `${Math.max(0, Math.min(1, share)) * 100}%`, background: tone } })),
    h('span', { class: 'n' }, text),
    h('span', { class: 'soft' }, remark),
  ];
}

function bySize() {
  const spans = { small: 'under 32²', medium: '32² to 96²', large: 'over 96²' };
  at('by-size').replaceChildren(h('div', { class: 'bars' }, ...view.by_size.flatMap(({ name, ap, ar }) => [
    ...bar(name[0].toUpperCase() + name.slice(1), ap ?? 0, LINES[0], figure(ap), 'AP', `${name} objects, ${spans[name]} pixels`),
    ...bar('', ar ?? 0, LINES[2], figure(ar), 'AR', `${name} objects, ${spans[name]} pixels`),
  ])), h('p', { class: 'about', vars: { margin: '.75rem 0 0' } }, 'Small is under 32² pixels, large over 96².'));
}

function errors() {
  const most = Math.max(...view.errors.map((each) => each.delta_ap), 1e-9);
  const sorted = [...view.errors].sort((a, b) => b.delta_ap - a.delta_ap);
  at('errors').replaceChildren(h('div', { class: 'bars' }, ...sorted.flatMap(({ kind, delta_ap, count }) =>
    bar(KINDS[kind], delta_ap / most, color(kind), delta_ap < 0 ? figure(delta_ap) : `+${figure(delta_ap)}`, number(count), `${plural(count, 'error')}`))));
}

function calibration() {
  if (view.calibration.Err) { at('calibration').replaceChildren(h('p', { class: 'about' }, view.calibration.Err)); return; }
  const { ece, bins } = view.calibration.Ok;
  const label = `Part that is right by score: ${bins.map(([score, right, n]) => `${figure(right, 2)} of ${plural(n, 'detection')} around ${figure(score, 2)}`).join(', ')}`;
  const { svg, px, py } = frame({ ...space('calibration', 340, 0.68), left: 30, bottom: 36, top: 22, xs: [0, 0.5, 1], ys: [0, 0.5, 1], x: 'score', y: 'part that is right', label });
  svg.append(s('line', { class: 'ideal', x1: px(0), y1: py(0), x2: px(1), y2: py(1) }));
  const most = Math.max(...bins.map(([, , n]) => n), 1);
  svg.append(s('path', { class: 'curve', d: path(bins.map(([score, right]) => [px(score), py(right)])), stroke: LINES[0] }));
  for (const [score, right, n] of bins)
    svg.append(s('circle', { cx: px(score), cy: py(right), r: 3 + 5 * Math.sqrt(n / most), fill: LINES[0], 'fill-opacity': 0.75 },
      s('title', {}, `${plural(n, 'detection')} around ${figure(score, 2)}: ${figure(right, 2)} are right`)));
  at('calibration').replaceChildren(svg,
    h('p', { class: 'about', vars: { margin: '.5rem 0 0' } }, `Expected calibration error ${figure(ece)} at IoU 0.5. On the dotted line a score is the chance of being right; larger dots are more detections.`));
}

function speed() {
  const times = page.times_ms;
  const images = page.processed;
  const order = ['decode', 'prepare', 'batch', 'network', 'postprocess', 'score', 'read', 'evaluate'];
  const stages = order.filter((stage) => stage in times).map((stage) => [stage, times[stage]]);
  const most = Math.max(...stages.map(([, ms]) => ms), 1e-9);
  const wall = times.wall ?? 0;
  const time = (ms) => (ms < 10_000 ? `${figure(ms, ms < 10 ? 1 : 0)} ms` : `${figure(ms / 1000, 1)} s`);
  const each = (ms) => (images > 0 ? `${figure(ms / images, 2)} ms` : time(ms));
  const seconds = `${figure(wall / 1000, wall < 10_000 ? 2 : 0)} s`;
  const rate = images > 0 && wall > 0 ? images / (wall / 1000) : null;
  const [large, small, about] = images === null
    ? [seconds, 'from files to figures', 'Saved detections; no network ran.']
    : rate === null
      ? [seconds, 'from files to figures', 'All detections are of an earlier run.']
      : [`${figure(rate, rate < 100 ? 1 : 0)} images/s`, `${plural(images, 'image')} in ${seconds}, loading included`,
        'Time per image; stages overlap, so they add up to more than the whole.'];
  at('speed').replaceChildren(
    h('p', { class: 'speed-figure' }, `${large} `, h('small', {}, small)),
    h('div', { class: 'bars' }, ...stages.flatMap(([stage, ms]) =>
      bar(stage[0].toUpperCase() + stage.slice(1), ms / most, LINES[0], each(ms), '', `${figure(ms, 1)} ms in all`))),
    h('p', { class: 'about', vars: { margin: '.75rem 0 0' } }, about));
}

/** What depends on the width of its place. */
function drawings() {
  curves();
  byIou();
  calibration();
}

function charts() {
  const before = at('curve-class').value;
  const classes = view.curves.map((curve) => [String(curve.class), curve.class === null ? 'All, mean' : className(curve.class)]);
  options(at('curve-class'), classes, classes.some(([value]) => value === before) ? before : 'null');
  drawings();
  bySize();
  errors();
  speed();
}
