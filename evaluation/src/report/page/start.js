// What happens once, when the page has been read.

function start() {
  const kinds = Object.entries(KINDS).filter(([kind]) => kind !== 'ignored');
  options(at('gallery-kind'), [['', 'Everything'], ['error', 'Any error'], ...kinds.filter(([kind]) => kind !== 'correct'), ['correct', 'Correct']], '');
  header();
  theme();
  for (const id of ['curve-class', 'threshold-class']) at(id).addEventListener('change', chooseClass);
  at('find-class').addEventListener('input', classes);
  for (const [id, chosen] of [['confusion-counts', false], ['confusion-rows', true]])
    at(id).addEventListener('click', () => { normalised = chosen; confusion(); });
  at('gallery-score').addEventListener('input', () => { least = Number(at('gallery-score').value); });
  // Several moves of the slider within a frame are drawn once.
  let waiting = 0;
  at('filters').addEventListener('input', () => {
    cell = null;
    waiting ||= requestAnimationFrame(() => { waiting = 0; show(); });
  });
  at('filters').addEventListener('submit', (event) => event.preventDefault());
  at('gallery-cell').addEventListener('click', () => { cell = null; show(); at('gallery-class').focus(); });
  dialog();
  render();
  let width = innerWidth;
  // A phone's address bar changes the height all the time.
  addEventListener('resize', () => {
    if (innerWidth === width) return;
    width = innerWidth;
    drawings();
    if (at('large').open) drawDialog();
  });
}

start();
