"""The page of `vovdet eval --report` in a real browser, driven over the DevTools protocol: Python's standard library alone.

    python tests/report_in_chromium.py target/release/vovdet [--pictures DIR] [--page FILE ...]

A small data set is made whose outcome is known, and its page is looked at: nothing is fetched, nothing lands in the console,
sorting and filtering do what they say, by mouse and by keyboard, in both colour schemes and at a phone's width. Figures are
compared with `--json`. `--page` adds pages that are only opened, and `--pictures` keeps screenshots of all.
Without Chromium (`chromium`, `google-chrome`, … or $CHROMIUM) it says that it is skipped.
"""

import argparse, base64, json, os, shutil, signal, subprocess, sys, tempfile, time
from pathlib import Path

NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"]
EVIL = "</script><img src=x onerror=window.hacked=1>"


class Browser:
    """One tab; messages go through a pipe, each ended by a zero byte."""

    def __init__(self, program, folder):
        # The browser reads from descriptor 3 and writes to 4.
        theirs_in, self.out = os.pipe()
        self.inp, theirs_out = os.pipe()
        args = [program, "--headless=new", "--remote-debugging-pipe", "--no-first-run", "--disable-gpu", "--no-sandbox",
                "--disable-dev-shm-usage", "--hide-scrollbars", "--force-color-profile=srgb", f"--user-data-dir={folder}"]

        def descriptors():
            a, b = os.dup(theirs_in), os.dup(theirs_out)
            os.dup2(a, 3), os.dup2(b, 4)

        self.process = subprocess.Popen(args, preexec_fn=descriptors, close_fds=False, start_new_session=True,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(theirs_in), os.close(theirs_out)
        self.rest, self.count, self.session, self.events = b"", 0, None, []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ["Page", "Runtime", "Log", "Network"]:
            self.call(f"{domain}.enable")

    def message(self):
        while b"\0" not in self.rest:
            read = os.read(self.inp, 1 << 20)
            if not read:
                sys.exit("the browser ended")
            self.rest += read
        text, self.rest = self.rest.split(b"\0", 1)
        return json.loads(text)

    def call(self, method, **params):
        self.count += 1
        message = {"id": self.count, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.message()
            if answer.get("id") == self.count:
                if "error" in answer:
                    sys.exit(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def open(self, path):
        self.events = []
        self.call("Page.navigate", url=Path(path).resolve().as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self.message())

    def js(self, text):
        result = self.call("Runtime.evaluate", expression=text, returnByValue=True)
        if "exceptionDetails" in result:
            sys.exit(f"{text}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def key(self, key):
        codes = {"Tab": (9, ""), "Enter": (13, "\r"), "Escape": (27, ""), "Home": (36, ""), "End": (35, ""),
                 "ArrowLeft": (37, ""), "ArrowUp": (38, ""), "ArrowRight": (39, ""), "ArrowDown": (40, "")}
        code, text = codes[key]
        common = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **common)
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def click(self, selector):
        x, y = self.js(f"(() => {{ const e = document.querySelector({json.dumps(selector)}); e.scrollIntoView({{block: 'center'}});"
                       "const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })()")
        for kind in ["mousePressed", "mouseReleased"]:
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def hover(self, selector, across=0.5, down=0.5):
        x, y = self.js(f"(() => {{ const e = document.querySelector({json.dumps(selector)}); e.scrollIntoView({{block: 'center'}});"
                       f"const r = e.getBoundingClientRect(); return [r.x + r.width * {across}, r.y + r.height * {down}]; }})()")
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def choose(self, selector, value):
        self.js(f"(() => {{ const e = document.querySelector({json.dumps(selector)}); e.value = {json.dumps(value)};"
                "e.dispatchEvent(new Event('input', {bubbles: true})); e.dispatchEvent(new Event('change', {bubbles: true})); })()")
        # The gallery is drawn with the next frame.
        self.call("Runtime.evaluate", expression="new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))", awaitPromise=True)

    def scheme(self, name):
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    def width(self, width, height=900, scale=1):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=width < 500)

    def picture(self, path, whole=True):
        image = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(image["data"]))

    def complaints(self):
        """Console errors, exceptions, and everything that was asked for beside the page itself."""
        found = []
        for event in self.events:
            method, params = event.get("method"), event.get("params", {})
            if method == "Runtime.exceptionThrown" or (method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert")):
                found.append(params)
            if method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
                found.append(params["entry"])
            if method == "Network.requestWillBeSent" and not params["request"]["url"].startswith("data:") and params["type"] != "Document":
                found.append(params["request"]["url"])
        return found

    def end(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def data_set(folder):
    """Four images of which everything is known, and the detections in them."""
    (folder / "images").mkdir()
    names = ["a.ppm", "b.ppm", "c.ppm", "d<i>.ppm"]
    for index, name in enumerate(names):
        (folder / "images" / name).write_bytes(b"P6 160 120 255\n" + bytes([40 + 40 * index, 90, 120]) * 160 * 120)
    left, right = [10, 10, 50, 60], [90, 30, 50, 60]
    truth = [(1, 1, left), (1, 2, right), (2, 2, left), (3, 1, left), (4, 3, left)]
    found = [(1, 1, left, 0.9), (2, 1, left, 0.8), (3, 1, left, 0.7), (3, 1, [12, 12, 50, 60], 0.6), (4, 3, left, 0.95), (4, 3, right, 0.85)]
    data = {
        "images": [{"id": i + 1, "file_name": name, "width": 160, "height": 120} for i, name in enumerate(names)],
        "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}, {"id": 3, "name": EVIL}],
        "annotations": [{"id": i + 1, "image_id": image, "category_id": kind, "bbox": box, "area": box[2] * box[3], "iscrowd": 0}
                        for i, (image, kind, box) in enumerate(truth)],
    }
    results = [{"image_id": image, "category_id": kind, "bbox": box, "score": score} for image, kind, box, score in found]
    (folder / "truth.json").write_text(json.dumps(data))
    (folder / "found.json").write_text(json.dumps(results))


def check(what, found, expected):
    if found != expected:
        sys.exit(f"FAILED: {what}\n  found    {found}\n  expected {expected}")
    print(f"ok: {what}")


def check_soon(what, browser, expression, expected):
    """A dialog's `close` event comes in a task of its own, after the key that closed it."""
    until = time.monotonic() + 10
    while (found := browser.js(expression)) != expected and time.monotonic() < until:
        time.sleep(0.02)
    check(what, found, expected)


def look(browser, figures, pictures):
    rows = "[...document.querySelectorAll('#classes tbody th')].map((e) => e.textContent)"
    tiles = "[...document.querySelectorAll('#gallery .name')].map((e) => e.textContent).sort()"
    strong = "[...document.querySelectorAll('#gallery g:not(.faint) > title')].map((e) => e.textContent).sort()"
    sorts = "[...document.querySelectorAll('#classes th[aria-sort]')].map((e) => [e.textContent, e.getAttribute('aria-sort')])"

    check("nothing in the console, nothing fetched", browser.complaints(), [])
    check("the first figure is that of --json", browser.js("document.querySelector('#headline b').textContent"), f"{figures['bbox'][0]:.3f}")
    check("names are texts", browser.js("[window.hacked, document.images.length, document.querySelectorAll('script').length]"), [None, 0, 2])
    check("classes come in the data set's order", browser.js(rows), ["cat", "dog", EVIL])

    ap = {name: each["bbox"][0] for name, each in figures["per_class"].items()}
    order = sorted(ap, key=ap.get)
    assert len(set(ap.values())) == 3, ap
    browser.click("#classes thead th:nth-child(2) button")
    check("a click on AP sorts, best first", [browser.js(rows), browser.js(sorts)], [order[::-1], [["AP", "descending"]]])
    browser.key("Enter")
    check("the heading keeps the focus, and Enter turns the order", [browser.js(rows), browser.js(sorts)], [order, [["AP", "ascending"]]])
    browser.click("#classes thead th:nth-child(1) button")
    check("a click on Class sorts by name", browser.js(rows), sorted(ap))
    browser.choose("#find-class", "O")
    check("Find keeps what it finds", browser.js(rows), [name for name in sorted(ap) if "o" in name.lower()])
    browser.choose("#find-class", "")

    check("at first the score is the one where F1 is best", browser.js("document.querySelector('#gallery-score-value').textContent"), "0.700")
    check("at it the cat that it found is found", browser.js("[...document.querySelectorAll('#gallery .errors')].map((e) => e.textContent).sort()"),
          ["1 background", "1 missed", "1 wrong class1 missed", "No errors at this score"])
    # Least score 0 shows everything.
    browser.choose("#gallery-score", "0")
    check("the gallery holds the images with errors", browser.js(tiles), ["a.ppm", "b.ppm", "c.ppm", "d<i>.ppm"])
    for kind, expected in [("wrong_class", ["b.ppm"]), ("duplicate", ["c.ppm"]), ("background", ["d<i>.ppm"]), ("missed", ["a.ppm", "b.ppm"])]:
        browser.choose("#gallery-kind", kind)
        check(f"kind {kind}", browser.js(tiles), expected)
    browser.choose("#gallery-kind", "error")
    browser.choose("#gallery-class", "1")
    check("class dog", [browser.js(tiles), browser.js(strong)], [["a.ppm", "b.ppm"], ["\u2068dog\u2069, missed", "\u2068dog\u2069, missed"]])
    browser.choose("#gallery-class", "0")
    check("class cat", browser.js(strong), ["\u2068cat\u2069 0.60: duplicate, IoU 0.87", "\u2068cat\u2069 0.80: wrong class, IoU 1.00"])
    browser.choose("#gallery-kind", "missed")
    check("cats that are missed", [browser.js(tiles), browser.js("document.querySelector('#gallery-count').textContent")], [[], "0 of 4 images"])
    browser.choose("#gallery-score", "0.75")
    check("a higher score misses the cat that was found at 0.70", browser.js(tiles), ["c.ppm"])
    browser.choose("#gallery-class", ""), browser.choose("#gallery-kind", ""), browser.choose("#gallery-score", "0")

    browser.js("document.querySelector('#gallery button').focus()")
    browser.key("Enter")
    check("Enter enlarges an image", browser.js("document.querySelector('dialog').open"), True)
    browser.key("Escape")
    check("Escape closes it and the focus is back", browser.js("[document.querySelector('dialog').open, document.activeElement.getAttribute('aria-label').startsWith('Enlarge')]"), [False, True])

    look_at_dialog(browser)
    look_at_charts(browser)
    look_at_threshold(browser)
    look_at_confusion(browser)
    browser.choose("#gallery-score", "0")
    check("the legend has the colours of the drawings", browser.js(COLOURS), [])

    browser.js("document.activeElement.blur(); scrollTo(0, 0)")
    reached = set()
    for _ in range(80):
        browser.key("Tab")
        reached.add(browser.js("document.activeElement.id || document.activeElement.textContent || document.activeElement.getAttribute('aria-label')"))
    wanted = {"theme", "curve-class", "threshold-class", "threshold-score", "threshold-best", "threshold-gallery", "find-class", "classes", "Class", "AP",
              "confusion-counts", "confusion-rows", "confusion", "1", "gallery-class", "gallery-kind", "gallery-score"}
    check("Tab reaches every control", wanted - reached, set())
    check("and shows where it is", browser.js("(() => { document.querySelector('#theme').focus(); return getComputedStyle(document.activeElement).outlineStyle; })()"), "solid")

    light = "(() => { const [r, g, b] = getComputedStyle(document.body).backgroundColor.match(/[0-9.]+/g).map(Number); return r + g + b > 384; })()"
    for scheme, expected in [("dark", False), ("light", True)]:
        browser.scheme(scheme)
        check(f"the system's colours, {scheme}", browser.js(light), expected)
    browser.click("#theme"), browser.click("#theme")
    check("the button overrides them", browser.js(light), False)
    browser.click("#theme")
    for width in [375, 320]:
        browser.width(width)
        check(f"nothing is wider than a phone's {width} pixels", browser.js("document.documentElement.scrollWidth"), width)
    browser.width(1280)
    check("still nothing in the console", browser.complaints(), [])


# Kinds of errors whose colour in the legend is not that of the drawing.
COLOURS = """(() => {
  const legend = new Map([...document.querySelectorAll('#legend li')].map((e) => [e.textContent, getComputedStyle(e.querySelector('i')).borderTopColor]));
  const wrong = [];
  for (const [kind, text] of [['found', 'Object, found'], ['missed', 'Object, missed'], ['correct', 'Correct'], ['wrong_class', 'Wrong class'],
                              ['duplicate', 'Duplicate'], ['background', 'Background']]) {
    const drawn = document.querySelector(`#gallery .mark.${kind}`);
    if (!drawn || getComputedStyle(drawn).stroke !== legend.get(text)) wrong.push([kind, drawn && getComputedStyle(drawn).stroke, legend.get(text)]);
  }
  return wrong;
})()"""


def look_at_dialog(browser):
    groups = "[...document.querySelectorAll('#large-groups span')].map((e) => e.textContent.replace(/[\\u2068\\u2069]/g, ''))"
    labels = "[...document.querySelectorAll('#large-picture .labels text')].map((e) => e.textContent).sort()"
    place = "document.querySelector('#large-title').textContent + ', ' + document.querySelector('#large-place').textContent"
    browser.js("document.querySelector('#gallery button').focus()")
    browser.key("Enter")
    check("the first image is the worst one", browser.js(place), "b.ppm, 1 of 4")
    check("what is in it is told by groups", browser.js(groups), ["1 × dog missed", "1 × cat wrong class"])
    check("and its marks have labels", browser.js(labels), ["cat 0.80", "dog, missed"])
    for key, expected in [("ArrowRight", "a.ppm, 2 of 4"), ("End", "c.ppm, 4 of 4"), ("ArrowRight", "c.ppm, 4 of 4"), ("ArrowLeft", "d<i>.ppm, 3 of 4")]:
        browser.key(key)
        check(f"{key} goes to another image", browser.js(place), expected)
    check("a group of one class and kind", browser.js(groups)[0], f"1 × {EVIL} background")
    browser.click("#large-groups button")
    check("a group can be seen alone", browser.js("[document.querySelector('#large-groups button').getAttribute('aria-pressed'),"
          "document.querySelectorAll('#large-picture g:not(.faint) > title').length]"), ["true", 1])
    check("and keeps the focus", browser.js("document.activeElement.dataset.key"), "detection 2 background")
    browser.click("#labels")
    check("labels can be put away", browser.js(labels), [])
    browser.click("#labels")
    browser.click("#next")
    check("the button goes on too", browser.js(place), "c.ppm, 4 of 4")
    browser.key("Escape")
    check_soon("after Escape the focus is at the image that was open", browser, "document.activeElement.getAttribute('aria-label')", "Enlarge c.ppm")


def look_at_charts(browser):
    note = "[...document.querySelectorAll('#curves .reading-note div')].map((e) => e.textContent)"
    hidden = "document.querySelector('#curves .reading-note').hidden"
    # Recall goes from 0 to 1 between the frame's edges.
    browser.hover("#curves svg .rule", 1.0)
    check("the pointer reads values", browser.js(note)[0], "recall 1.00")
    browser.hover("#title")
    check("and leaves none behind", browser.js(hidden), True)
    browser.js("document.querySelector('#curves svg').focus()")
    browser.key("Home")
    first = browser.js(note)
    check("the keyboard reads values", [first[0], len(first), browser.js("document.activeElement.getAttribute('aria-valuetext')")],
          ["recall 0.00", 4, ", ".join(first)])
    browser.key("ArrowRight")
    check("place by place", browser.js(note)[0], "recall 0.01")
    # Of the classes with objects only cat and owl are detected: at IoU 0.5 both curves start at 1, dogs' is 0.
    check("precision is the mean of the classes", [text.split(",")[0] for text in first[1:]], ["precision 0.667"] * 3)
    for chart, expected in [("by-iou", "IoU 0.50"), ("calibration", "mean score 0.600")]:
        browser.js(f"document.querySelector('#{chart} svg').focus()")
        browser.key("Home")
        check(f"{chart} too", browser.js(f"document.querySelector('#{chart} .reading-note div').textContent"), expected)


def look_at_threshold(browser):
    rates = "[...document.querySelectorAll('#threshold-rates dd')].map((e) => e.textContent)"
    counts = "document.querySelector('#threshold-counts').textContent"
    check("the threshold is where F1 is best", browser.js(f"[document.querySelector('#threshold-value').textContent, ...{rates}, {counts}]"),
          ["0.700", "0.600", "0.600", "0.600", "3 correct, 2 wrong; 2 of 5 objects not found"])
    check("and says so", browser.js("document.querySelector('#threshold-best').textContent"), "Best F1: 0.600 at 0.700")
    browser.js("document.querySelector('#threshold-score').focus()")
    browser.key("ArrowRight")
    check("an arrow key goes to the next score", browser.js(f"[document.querySelector('#threshold-value').textContent, {counts}]"),
          ["0.710", "2 correct, 2 wrong; 3 of 5 objects not found"])
    browser.click("#threshold-best")
    check("the button goes back to the best one", browser.js("document.querySelector('#threshold-value').textContent"), "0.700")
    browser.choose("#threshold-class", "2")
    check("a class has its own, and the curves follow", browser.js(f"[document.querySelector('#threshold-best').textContent, {counts}, document.querySelector('#curve-class').value]"),
          ["Best F1: 1.000 at 0.950", "1 correct, 0 wrong; 0 of 1 object not found", "2"])
    browser.choose("#threshold-class", "1")
    check("a class that is never detected says so", browser.js("[document.querySelector('#threshold').hidden, document.querySelector('#threshold-empty').textContent]"),
          [True, "There are no detections of this class."])
    browser.choose("#threshold-class", "null")
    best = "[...document.querySelectorAll('#classes tbody tr')].map((e) => [...e.cells].slice(-2).map((c) => c.textContent))"
    check("the table has the best of each class", sorted(browser.js(best)), [["0.800", "0.700"], ["1.000", "0.950"], ["–", "–"]])


def look_at_confusion(browser):
    cells = "[...document.querySelectorAll('#confusion tbody tr')].map((e) => [...e.cells].slice(1).map((c) => c.textContent))"
    tiles = "[...document.querySelectorAll('#gallery .name')].map((e) => e.textContent).sort()"
    browser.click("#confusion-rows")
    check("cells as parts of their rows", browser.js(cells), [["100", "·", "·", "·"], ["50", "·", "·", "50"], ["·", "·", "100", "·"], ["·", "·", "100", ""]])
    browser.click("#confusion-counts")
    check("and as counts", browser.js(cells), [["2", "·", "·", "·"], ["1", "·", "·", "1"], ["·", "·", "1", "·"], ["·", "·", "1", ""]])
    browser.click("#confusion tbody tr:nth-child(2) td:nth-child(2)")
    check("a click on a cell shows its images", browser.js(f"[{tiles}, document.querySelector('#gallery-count').textContent,"
          "document.querySelector('#gallery .errors').textContent.replace(/[\\u2068\\u2069]/g, '')]"),
          [["b.ppm"], "1 of 4 images, with 1 of the 1", "1 × dog detected as cat"])
    check("and only its marks", browser.js("[...document.querySelectorAll('#gallery g:not(.faint) > title')].map((e) => e.textContent.replace(/[\\u2068\\u2069]/g, ''))"),
          ["dog, missed", "cat 0.80: wrong class, IoU 1.00"])
    browser.click("#gallery-cell")
    check("the filter can be taken away", browser.js(tiles), ["a.ppm", "b.ppm", "c.ppm", "d<i>.ppm"])
    browser.js("document.querySelector('#confusion td[tabindex=\"0\"]').focus()")
    for key in ["ArrowRight", "ArrowRight", "ArrowRight", "Enter"]:
        browser.key(key)
    check("cells are reached by arrow keys", browser.js(tiles), ["a.ppm"])
    browser.click("#gallery-cell")
    text = "document.querySelector('#about-missed').textContent + document.querySelector('#about-not-detected').textContent"
    for words in ["Missed (1)", "counts 1 as not detected", "Not detected (1)", "counts 1 as missed"]:
        check(f"both rules are told beside both: {words}", words in browser.js(text), True)


def shots(browser, pictures, name):
    """Screenshots of the page that is open."""
    if not pictures:
        return
    for scheme in ["light", "dark"]:
        browser.scheme(scheme)
        for device, width, scale in [("wide", 1280, 1), ("phone", 375, 2)]:
            browser.width(width, 900, scale)
            time.sleep(0.3)
            browser.picture(pictures / f"{name}_{device}_{scheme}.png")
            browser.js("document.querySelector('#gallery button')?.click()")
            time.sleep(0.3)
            browser.picture(pictures / f"{name}_{device}_{scheme}_dialog.png", whole=False)
            browser.js("document.querySelector('#large').close()")
    browser.width(1280)
    browser.scheme("light")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", type=Path)
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--page", type=Path, nargs="*", default=[])
    args = parser.parse_args()
    chromium = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if not chromium:
        print("skipped: there is no Chromium")
        return
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        folder = Path(folder)
        data_set(folder)
        command = [args.program.resolve(), "eval", "coco", "--annotations", "truth.json", "--detections", "found.json", "--report", "out", "--json"]
        ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
        browser = Browser(chromium, folder / "profile")
        try:
            browser.width(1280)
            browser.scheme("light")
            browser.open(folder / "out/index.html")
            look(browser, json.loads(ran.stdout), args.pictures)
            shots(browser, args.pictures, "made")
            for page in args.page:
                browser.open(page)
                check(f"{page}: nothing in the console, nothing fetched", browser.complaints(), [])
                shots(browser, args.pictures, page.resolve().parent.name)
        finally:
            browser.end()
    print("all is well")


if __name__ == "__main__":
    main()
