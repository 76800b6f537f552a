// Precision, recall and F1 by score, and the score from which detections are best believed.

/** The score that is looked at; null for the one where F1 is best. */
let threshold = null;

/** Precision, recall and F1 of counts; null where there is nothing to divide by. */
function rates(correct, wrong, objects) {
  const part = (a, b) => (b > 0 ? a / b : null);
  return { precision: part(correct, correct + wrong), recall: part(correct, objects), f1: part(2 * correct, correct + wrong + objects) };
}

/** The counts of a class by score; those of all classes together come first. */
const countsOf = (index) => view.thresholds.curves[index === null ? 0 : index + 1];

function thresholds() {
  const chosen = at('threshold-class').value;
  const curve = countsOf(chosen === 'null' ? null : Number(chosen));
  const { scores } = view.thresholds;
  const { objects, best } = curve;
  const empty = objects === 0 ? 'There are no objects' : curve.correct[0] + curve.wrong[0] === 0 ? 'There are no detections' : null;
  at('threshold').hidden = empty !== null;
  at('threshold-empty').hidden = empty === null;
  at('threshold-empty').textContent = empty && `${empty}${curve.class === null ? '' : ' of this class'}.`;
  if (empty) return;

  const points = scores.map((score, i) => ({ score, ...rates(curve.correct[i], curve.wrong[i], objects) }));
  const [low, high] = [scores[0], scores[scores.length - 1]];
  const unit = low === 0 && high === 1;
  const ends = unit ? FIFTHS : [low, high].map((score) => Number(score.toPrecision(3)));
  const bestRates = rates(best.correct, best.wrong, objects);
  const label = `Precision, recall and F1 by score. F1 is best at ${figure(best.score)}: precision ${figure(bestRates.precision)}, recall ${figure(bestRates.recall)}, F1 ${figure(bestRates.f1)}`;
  const { width, height } = space('threshold-chart', 560, 0.5);
  const chart = frame({ width, height, left: 34, bottom: 22, top: 12, xs: ends, ys: FIFTHS, x: '', y: '', label });
  const { svg, px, py, top, floor } = chart;
  const series = [['precision', LINES[0]], ['recall', LINES[1]], ['f1', 'var(--ink)']];
  for (const [name, tone] of series) {
    const known = points.filter((point) => point[name] !== null);
    svg.append(s('path', { class: 'curve', d: path(known.map((point) => [px(point.score), py(point[name])])), stroke: tone }));
  }
  if (best.correct > 0) {
    const x = clamp(px(best.score), px(low), px(high));
    const before = x > width * 0.7;
    svg.append(
      s('line', { class: 'best', x1: x, x2: x, y1: top, y2: floor }),
      s('text', { class: 'value', x: x + (before ? -6 : 6), y: floor - 7, 'text-anchor': before ? 'end' : 'start' }, 'best F1'));
  }
  const marker = s('g', { class: 'reading' });
  svg.append(marker);

  const choose = (score) => {
    threshold = score;
    const isBest = score === null;
    // The place of a score among those that are counted.
    const index = isBest ? null : nearestScore(score);
    const [correct, wrong] = isBest ? [best.correct, best.wrong] : [curve.correct[index], curve.wrong[index]];
    const value = isBest ? best.score : scores[index];
    const now = rates(correct, wrong, objects);
    const slider = at('threshold-score');
    slider.value = value;
    slider.setAttribute('aria-valuetext', `${figure(value)}: precision ${figure(now.precision)}, recall ${figure(now.recall)}, F1 ${figure(now.f1)}`);
    at('threshold-value').textContent = figure(value);
    const x = clamp(px(value), px(low), px(high));
    marker.replaceChildren(
      s('line', { class: 'cursor', x1: x, x2: x, y1: top, y2: floor }),
      ...series.filter(([name]) => now[name] !== null).map(([name, tone]) => s('circle', { cx: x, cy: py(now[name]), r: 4, fill: tone })));
    at('threshold-rates').replaceChildren(...[['Precision', now.precision, LINES[0]], ['Recall', now.recall, LINES[1]], ['F1', now.f1, 'var(--ink)']]
      .map(([name, rate, tone]) => h('div', {}, h('dt', {}, h('i', { vars: { background: tone } }), name), h('dd', {}, figure(rate)))));
    at('threshold-counts').textContent =
      `${number(correct)} correct, ${number(wrong)} wrong; ${number(objects - correct)} of ${plural(objects, 'object')} not found`;
    at('threshold-best').setAttribute('aria-pressed', isBest);
  };
  const nearestScore = (score) => clamp(Math.round(((score - low) / (high - low)) * (scores.length - 1)), 0, scores.length - 1);

  Object.assign(at('threshold-score'), { min: low, max: high, step: (high - low) / (scores.length - 1) });
  // The slider's middle runs as far as the chart is wide.
  at('threshold-score').style.width = `${px(high) - px(low) + 16}px`;
  at('threshold-score').style.marginLeft = `${px(low) - 8}px`;
  at('threshold-score').oninput = (event) => choose(scores[nearestScore(Number(event.target.value))]);
  at('threshold-best').onclick = () => choose(null);
  at('threshold-best').disabled = best.correct === 0;
  at('threshold-best').textContent = best.correct === 0 ? 'No detection is correct' : `Best F1: ${figure(bestRates.f1)} at ${figure(best.score)}`;
  at('threshold-gallery').onclick = () => galleryAt(threshold ?? best.score);
  at('threshold-chart').replaceChildren(readable(chart, {
    count: scores.length,
    start: 0,
    place: (i) => px(scores[i]),
    dots: (i) => series.filter(([name]) => points[i][name] !== null).map(([name, tone]) => [py(points[i][name]), tone]),
    lines: (i) => [[`score ${figure(scores[i], unit ? 2 : 3)}`, null],
      ...[['precision', 'precision'], ['recall', 'recall'], ['F1', 'f1']].map(([text, name], index) => [`${text} ${figure(points[i][name])}`, series[index][1]])],
    pick: (i) => choose(scores[i]),
  }));
  choose(threshold);
}
