// An image with objects and detections drawn on it, and what is said of them.

/** Everything in an image as it is at a score: objects first, then detections. */
function marks(item, score) {
  const objects = item.objects.map((object, index) => ({
    ...object,
    key: `object ${index}`,
    object: true,
    kind: object.ignored ? 'ignored' : object.found === null || object.found < score ? 'missed' : 'found',
  }));
  const detections = item.detections.map((detection, index) => ({ ...detection, key: `detection ${index}` }));
  return [...objects, ...detections.filter((detection) => detection.score >= score)];
}

const isError = (kind) => !['correct', 'found', 'ignored'].includes(kind);

const WORDS = { missed: 'missed', found: 'found', ignored: 'not counted' };

/** What became of an object or a detection, in a word or two. */
const word = (mark) => (mark.object ? WORDS[mark.kind] : KINDS[mark.kind].toLowerCase());

function describe(mark) {
  const name = isolated(className(mark.class));
  return mark.object ? `${name}, ${word(mark)}` : `${name} ${figure(mark.score, 2)}: ${word(mark)}, IoU ${figure(mark.iou, 2)}`;
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

const areaOf = ({ bbox: [, , w, h] }) => w * h;

/** The drawing of an image; what `isChosen` accepts lies on top, and the smallest of it on top of that. */
function picture(item, all, isChosen) {
  const { name, size: [width, height], uri } = page.pictures[item.picture];
  const errors = tally(all).map(([, text]) => text).join(', ') || 'no errors';
  const svg = s('svg', { class: 'picture', viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': `${name}: ${errors}` });
  svg.append(uri ? s('image', { href: uri, width, height, preserveAspectRatio: 'none' }) : s('rect', { class: 'canvas', width, height }));
  const shape = (mark, attributes) => {
    const [x, y, w, h] = mark.bbox;
    return mark.path ? s('path', { d: mark.path, ...attributes }) : s('rect', { x, y, width: w, height: h, ...attributes });
  };
  const draw = (mark) => s('g', { class: isChosen(mark) ? undefined : 'faint' },
    shape(mark, { class: `halo ${mark.object ? 'object' : ''}` }),
    shape(mark, { class: `mark ${mark.object ? 'object' : ''} ${mark.kind}` }),
    s('title', {}, describe(mark)));
  const order = (list) => list.sort((a, b) => (b.object ?? false) - (a.object ?? false) || areaOf(b) - areaOf(a));
  const [faint, strong] = [all.filter((mark) => !isChosen(mark)), all.filter(isChosen)];
  svg.append(...order(faint).map(draw), ...order(strong).map(draw));
  return svg;
}

/** A label's text: the class and, of a detection, its score. Where all are of one class, its name would say nothing. */
function labelText(mark) {
  const name = page.classes.length > 1 ? shortened(className(mark.class), 20) : '';
  return mark.object ? name && `${name}, ${word(mark)}` : `${name} ${figure(mark.score, 2)}`.trim();
}

const ruler = document.createElement('canvas').getContext('2d');

/** Labels on the drawing, errors first; one that has no place of its own is left out. */
function label(svg, all) {
  const { width, height } = svg.viewBox.baseVal;
  const box = svg.getBoundingClientRect();
  const pixel = 1 / Math.min(box.width / width, box.height / height);
  ruler.font = `600 11px ${getComputedStyle(document.body).fontFamily}`;
  const taken = [];
  const isFree = ([x, y, w, h]) => taken.every(([a, b, c, d]) => x + w <= a || a + c <= x || y + h <= b || b + d <= y);
  const wanted = all.filter(({ kind }) => kind !== 'found')
    .sort((a, b) => isError(b.kind) - isError(a.kind) || (b.score ?? 1) - (a.score ?? 1) || areaOf(b) - areaOf(a));
  const group = s('g', { class: 'labels', 'aria-hidden': 'true' });
  for (const mark of wanted) {
    const text = labelText(mark);
    if (!text) continue;
    const [w, h] = [(ruler.measureText(text).width + 7) * pixel, 15 * pixel];
    const [x, y, boxWidth, boxHeight] = mark.bbox;
    const places = [[x, y - h], [x, y], [x + boxWidth - w, y - h], [x, y + boxHeight], [x + boxWidth - w, y + boxHeight]];
    const place = places
      .map(([left, top]) => [clamp(left, 0, Math.max(0, width - w)), clamp(top, 0, Math.max(0, height - h)), w, h])
      .find(isFree);
    if (!place) continue;
    taken.push(place);
    group.append(s('g', {},
      s('rect', { x: place[0], y: place[1], width: w, height: h, fill: color(mark.kind), rx: 2 * pixel }),
      s('text', { x: place[0] + 3.5 * pixel, y: place[1] + 11 * pixel, 'font-size': 11 * pixel }, text)));
  }
  svg.append(group);
}
