// The charts, each with its figures as text for those who do not see it.

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
  const chart = frame({ ...space('curves', 560, 0.74), left: 34, bottom: 40, top: 26, xs: FIFTHS, ys: FIFTHS, x: 'recall', y: 'precision', label });
  const { svg, px, py } = chart;
  const last = known[0].points.length - 1;
  known.forEach(({ points }, index) => {
    svg.append(s('path', { class: 'curve', d: path(points.map((p, i) => [px(i / last), py(p)])), stroke: LINES[index] }));
  });
  const key = known.map(({ name, ap }, index) =>
    h('li', {}, h('i', { vars: { background: LINES[index] } }), `${name}, AP ${figure(ap)}`));
  at('curves').replaceChildren(readable(chart, {
    count: last + 1,
    start: 50,
    place: (i) => px(i / last),
    dots: (i) => known.map(({ points }, index) => [py(points[i]), LINES[index]]),
    lines: (i) => [[`recall ${figure(i / last, 2)}`, null],
      ...known.map(({ name, points }, index) => [`precision ${figure(points[i])}, ${name}`, LINES[index]])],
  }), h('ul', { class: 'key' }, ...key));
}

function byIou() {
  const known = view.by_iou.filter(([, ap]) => ap !== null);
  if (known.length === 0) { at('by-iou').replaceChildren(h('p', { class: 'about' }, 'There are no objects.')); return; }
  const label = `Average precision by overlap: ${known.map(([iou, ap]) => `${figure(ap)} at ${figure(iou, 2)}`).join(', ')}`;
  const chart = frame({ ...space('by-iou', 340, 0.56), left: 30, bottom: 36, top: 14, xs: [0.5, 0.65, 0.8, 0.95], ys: [0, 0.5, 1], x: 'IoU', y: '', label });
  const { svg, px, py } = chart;
  svg.append(s('path', { class: 'curve', d: path(known.map(([iou, ap]) => [px(iou), py(ap)])), stroke: LINES[0] }));
  for (const [iou, ap] of known) svg.append(s('circle', { cx: px(iou), cy: py(ap), r: 3.5, fill: LINES[0] }));
  at('by-iou').replaceChildren(readable(chart, {
    count: known.length,
    start: 0,
    place: (i) => px(known[i][0]),
    dots: (i) => [[py(known[i][1]), LINES[0]]],
    lines: (i) => [[`IoU ${figure(known[i][0], 2)}`, null], [`AP ${figure(known[i][1])}`, LINES[0]]],
  }));
}

/** A line of a bar chart: name, bar, number, remark. */
function bar(name, share, tone, text, remark, title) {
  return [
    h('span', {}, name),
    h('span', { class: 'track', title }, h('i', { vars: { width: `${clamp(share, 0, 1) * 100}%`, background: tone } })),
    h('span', { class: 'n' }, text),
    h('span', { class: 'soft' }, remark),
  ];
}

function bySize() {
  const spans = { small: 'under 32²', medium: '32² to 96²', large: 'over 96²' };
  at('by-size').replaceChildren(h('div', { class: 'bars' }, ...view.by_size.flatMap(({ name, ap, ar }) => [
    ...bar(name[0].toUpperCase() + name.slice(1), ap ?? 0, LINES[0], figure(ap), 'AP', `${name} objects, ${spans[name]} pixels`),
    ...bar('', ar ?? 0, LINES[2], figure(ar), 'AR', `${name} objects, ${spans[name]} pixels`),
  ])), h('p', { class: 'about after' }, 'Small is under 32² pixels, large over 96².'));
}

/** The number of objects that are missed by TIDE's rule. */
const missed = () => view.errors.find(({ kind }) => kind === 'missed').count;

function errors() {
  const most = Math.max(...view.errors.map((each) => each.delta_ap), 1e-9);
  const sorted = [...view.errors].sort((a, b) => b.delta_ap - a.delta_ap);
  at('errors').replaceChildren(h('div', { class: 'bars' }, ...sorted.flatMap(({ kind, delta_ap, count }) =>
    bar(KINDS[kind], delta_ap / most, color(kind), delta_ap < 0 ? figure(delta_ap) : `+${figure(delta_ap)}`, number(count), plural(count, 'error')))));
  const { not_detected, min_score } = view.confusion;
  at('about-missed').replaceChildren(
    `Missed (${number(missed())}): no detection of any score has found the object, and none lies on it with the wrong class or in a poor location, which are errors of their own. `,
    h('a', { href: '#h-confusion' }, 'Confusion'),
    ` counts ${number(not_detected)} as not detected by another rule: no detection with a score of at least ${figure(min_score)} overlaps them at IoU 0.5.`);
}

function calibration() {
  if (view.calibration.Err) { at('calibration').replaceChildren(h('p', { class: 'about' }, view.calibration.Err)); return; }
  const { ece, bins } = view.calibration.Ok;
  const label = `Fraction that is correct by score: ${bins.map(([score, correct, n]) => `${figure(correct, 2)} of ${plural(n, 'detection')} around ${figure(score, 2)}`).join(', ')}`;
  const chart = frame({ ...space('calibration', 340, 0.6), left: 30, bottom: 36, top: 22, xs: [0, 0.5, 1], ys: [0, 0.5, 1], x: 'score', y: 'fraction that is correct', label });
  const { svg, px, py } = chart;
  svg.append(s('line', { class: 'ideal', x1: px(0), y1: py(0), x2: px(1), y2: py(1) }));
  const most = Math.max(...bins.map(([, , n]) => n), 1);
  svg.append(s('path', { class: 'curve', d: path(bins.map(([score, correct]) => [px(score), py(correct)])), stroke: LINES[0] }));
  for (const [score, correct, n] of bins)
    svg.append(s('circle', { cx: px(score), cy: py(correct), r: 3 + 5 * Math.sqrt(n / most), fill: LINES[0], 'fill-opacity': 0.75 }));
  at('calibration').replaceChildren(readable(chart, {
    count: bins.length,
    start: bins.length - 1,
    place: (i) => px(bins[i][0]),
    dots: (i) => [[py(bins[i][1]), LINES[0]]],
    lines: (i) => [[`mean score ${figure(bins[i][0])}`, null], [`correct ${figure(bins[i][1])}`, LINES[0]], [plural(bins[i][2], 'detection'), null]],
  }), h('p', { class: 'about after' },
    `Expected calibration error ${figure(ece)} at IoU 0.5. On the dotted line a score is the chance of being correct; larger dots are more detections.`));
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
    h('p', { class: 'about after' }, about));
}

/** What depends on the width of its place. */
function drawings() {
  curves();
  thresholds();
  byIou();
  calibration();
}

/** The class of the curves by recall and by score; choosing one chooses it for both. */
function classChoices() {
  const before = at('curve-class').value;
  const choices = view.curves.map((curve) => [String(curve.class), curve.class === null ? 'All, mean' : className(curve.class)]);
  const chosen = choices.some(([value]) => value === before) ? before : 'null';
  options(at('curve-class'), choices, chosen);
  options(at('threshold-class'), choices.map(([value, text]) => [value, value === 'null' ? 'All together' : text]), chosen);
}

function chooseClass(event) {
  at('curve-class').value = at('threshold-class').value = event.target.value;
  threshold = null;
  curves();
  thresholds();
}
