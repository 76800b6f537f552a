// What all charts share: a frame with rules and numbers, and the values at one place, by pointer and by keyboard.

const LINES = ['var(--accent)', 'var(--second)', 'var(--third)'];
const FIFTHS = [0, 0.2, 0.4, 0.6, 0.8, 1];

/** A drawing as wide as its place, so that its texts have the size of the page's; on a screen only, print scales it. */
function space(id, usual, ratio) {
  const width = Math.max(240, at(id).clientWidth || usual);
  return { width, height: Math.max(170, Math.round(width * ratio)) };
}

const path = (points) => points.map(([x, y], i) => `${i ? 'L' : 'M'}${x.toFixed(1)} ${y.toFixed(1)}`).join('');

/** The frame of a chart: rules and numbers. */
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
  return { svg, px, py, width, top, floor: height - bottom };
}

/**
 * A chart with the values at one of `count` places beside it: under the pointer, and with the keyboard's arrows once the
 * chart has the focus. `place` is where a place lies across, `dots` are heights and colours there, and `lines` are its
 * values: texts, each with a colour or null. With `pick` a click chooses the place, and the keyboard is left to what it sets.
 */
function readable({ svg, width, top, floor }, { count, start, place, dots, lines, pick }) {
  const reading = s('g', { class: 'reading', visibility: 'hidden' });
  const note = h('div', { class: 'reading-note', 'aria-hidden': 'true', hidden: true });
  svg.append(reading);
  let current = clamp(start, 0, count - 1);
  const say = () => {
    svg.setAttribute('aria-valuenow', current);
    svg.setAttribute('aria-valuetext', lines(current).map(([text]) => text).join(', '));
  };
  const show = (index) => {
    current = clamp(index, 0, count - 1);
    const x = place(current);
    reading.replaceChildren(
      s('line', { class: 'cursor', x1: x, x2: x, y1: top, y2: floor }),
      ...dots(current).map(([y, tone]) => s('circle', { cx: x, cy: y, r: 4, fill: tone })));
    reading.setAttribute('visibility', 'visible');
    note.hidden = false;
    note.replaceChildren(...lines(current).map(([text, tone]) =>
      h('div', {}, tone ? h('i', { vars: { background: tone } }) : null, text)));
    const side = x > width / 2 ? ['right', 1 - x / width] : ['left', x / width];
    note.style.left = note.style.right = '';
    note.style[side[0]] = `calc(${side[1] * 100}% + 10px)`;
    if (!pick) say();
  };
  const hide = () => {
    note.hidden = true;
    reading.setAttribute('visibility', 'hidden');
  };
  const nearest = (event) => {
    const box = svg.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * width;
    let best = 0;
    for (let index = 1; index < count; index++) if (Math.abs(place(index) - x) < Math.abs(place(best) - x)) best = index;
    return best;
  };
  svg.addEventListener('pointermove', (event) => show(nearest(event)));
  svg.addEventListener('pointerdown', (event) => { show(nearest(event)); pick?.(current); });
  svg.addEventListener('pointerleave', () => { if (document.activeElement !== svg) hide(); });
  if (!pick) {
    for (const [name, value] of Object.entries({ role: 'slider', tabindex: 0, 'aria-valuemin': 0, 'aria-valuemax': count - 1 }))
      svg.setAttribute(name, value);
    say();
    svg.addEventListener('focus', () => show(current));
    svg.addEventListener('blur', hide);
    svg.addEventListener('keydown', (event) => {
      const steps = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10, Home: -count, End: count };
      if (!(event.key in steps) || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      show(current + steps[event.key]);
    });
  }
  return h('div', { class: 'reader' }, svg, note);
}
