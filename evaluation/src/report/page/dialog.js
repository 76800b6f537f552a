// An image enlarged: labels on its marks, what is in it by groups, and the way to the next one.

/** The image that is open: its place among those shown, and the group that is looked at. */
const opened = { index: 0, group: null };

/** Whether labels are drawn. */
let labelled = true;

const groupOf = (mark) => `${mark.object ? 'object' : 'detection'} ${mark.class} ${mark.kind}`;

/** `0.41–0.93`, or one value. */
function range(values) {
  const [low, high] = [figure(Math.min(...values), 2), figure(Math.max(...values), 2)];
  return low === high ? low : `${low}–${high}`;
}

/** What is chosen in an image, by class and kind: errors first, the most frequent ones first. Objects that were found are told by their detections. */
function groups(list) {
  const all = new Map();
  for (const mark of list) {
    if (mark.kind === 'found') continue;
    all.set(groupOf(mark), [...(all.get(groupOf(mark)) ?? []), mark]);
  }
  return [...all].sort(([, a], [, b]) => isError(b[0].kind) - isError(a[0].kind) || b.length - a.length);
}

function drawDialog() {
  const { item, all, isChosen } = tiles[opened.index];
  const { name } = page.pictures[item.picture];
  at('large-title').textContent = name;
  at('large-place').textContent = `${opened.index + 1} of ${tiles.length}`;
  at('previous').setAttribute('aria-disabled', opened.index === 0);
  at('next').setAttribute('aria-disabled', opened.index === tiles.length - 1);
  const isShown = opened.group === null ? isChosen : (mark) => groupOf(mark) === opened.group && isChosen(mark);
  const svg = picture(item, all, isShown);
  at('large-picture').replaceChildren(svg);
  if (labelled) label(svg, all.filter(isShown));
  at('labels').setAttribute('aria-pressed', labelled);

  const row = ([key, list]) => {
    const [first] = list;
    const text = `${number(list.length)} × ${isolated(className(first.class))} ${word(first)}`;
    const about = first.object ? null : `score ${range(list.map(({ score }) => score))}, IoU ${range(list.map(({ iou }) => iou))}`;
    const onclick = () => {
      opened.group = opened.group === key ? null : key;
      drawDialog();
      [...at('large-groups').querySelectorAll('button')].find((button) => button.dataset.key === key).focus();
    };
    return h('li', {}, h('button', { type: 'button', 'data-key': key, 'aria-pressed': String(opened.group === key), onclick },
      h('i', { class: first.object ? 'dashed' : undefined, vars: { background: color(first.kind), 'border-color': color(first.kind) } }),
      h('span', {}, text), about && h('small', {}, about)));
  };
  const chosen = all.filter(isChosen);
  at('large-groups').replaceChildren(...groups(chosen).map(row));
  const rest = [
    chosen.some(({ kind }) => isError(kind)) ? null : `${nothing(all)}.`,
    item.undrawn > 0 ? `${plural(item.undrawn, 'further detection')} of lower scores ${item.undrawn === 1 ? 'is' : 'are'} not drawn.` : null,
  ];
  at('large-about').textContent = rest.filter((text) => text !== null).join(' ');
}

function enlarge(index) {
  Object.assign(opened, { index, group: null });
  // Labels are placed by the size of the drawing, which it has once it is shown.
  at('large').showModal();
  drawDialog();
}

function step(by) {
  const index = clamp(opened.index + by, 0, tiles.length - 1);
  if (index === opened.index) return;
  Object.assign(opened, { index, group: null });
  drawDialog();
}

function dialog() {
  const large = at('large');
  at('close').addEventListener('click', () => large.close());
  at('previous').addEventListener('click', () => step(-1));
  at('next').addEventListener('click', () => step(1));
  at('labels').addEventListener('click', () => { labelled = !labelled; drawDialog(); });
  large.addEventListener('click', (event) => { if (event.target === large) large.close(); });
  large.addEventListener('keydown', (event) => {
    const steps = { ArrowRight: 1, ArrowLeft: -1, Home: -tiles.length, End: tiles.length };
    if (!(event.key in steps) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    step(steps[event.key]);
  });
  // The focus goes on at the image that was looked at last.
  large.addEventListener('close', () => at('gallery').querySelectorAll('button')[opened.index]?.focus());
}
