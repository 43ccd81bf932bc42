"""report: one page, complete in itself, as a browser shows it."""

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.conftest import RunCli

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)

HOST = """<!DOCTYPE html><meta charset="utf-8"><body><pre id="out"></pre><script>
const frame = document.createElement('iframe');
frame.style = 'width:WIDTHpx;height:900px;border:0';
frame.onload = () => {
  const page = frame.contentDocument, root = page.documentElement, images = [...page.images];
  document.getElementById('out').textContent = JSON.stringify({
    title: page.title, overflow: root.scrollWidth - root.clientWidth, images: images.length,
    loaded: images.filter(each => each.complete && each.naturalWidth > 0).length,
    without_alt: images.filter(each => !each.alt).length, scripts: page.scripts.length});
};
frame.src = 'PAGE';
document.body.append(frame);
</script>"""


@pytest.fixture(scope="module")
def run(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the run that may be written to."""
    return Path(shutil.copytree(tiny_run, tmp_path_factory.mktemp("report") / "run"))


@pytest.fixture(scope="module")
def page(run: Path) -> Path:
    """Return the page of a run, made by the command line."""
    from tests.conftest import invoke

    done = invoke("report", run, "--n-images", 1)
    assert done.exit_code == 0, done.stderr
    assert f"{run}/report.html" in done.stderr.replace("\n", "")
    return run / "report.html"


def look(page: Path, width_px: int) -> tuple[dict[str, object], str]:
    """Return what a browser measures of a page at a width, and what it logs."""
    if CHROMIUM is None:
        pytest.skip("no Chromium: install Debian's package chromium to see the report rendered")
    host = page.with_name(f"host-{width_px}.html")
    host.write_text(HOST.replace("WIDTH", str(width_px)).replace("PAGE", page.name))
    flags = ("--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files")
    done = subprocess.run(
        [CHROMIUM, *flags, f"--user-data-dir={page.parent / 'chromium'}", "--enable-logging=stderr",
         "--virtual-time-budget=20000", "--window-size=1600,1000", "--dump-dom", host.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    found = re.search(r'<pre id="out">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found is not None, done.stderr
    return json.loads(found.group(1)), done.stderr


class Tags(HTMLParser):
    """Collects the tags of a page with their attributes, and its text."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("width_px", [400, 1400])
def test_a_browser_shows_every_picture_and_nothing_sticks_out(page: Path, width_px: int) -> None:
    found, log = look(page, width_px)
    assert found["overflow"] == 0
    assert found["images"] == found["loaded"]
    assert (found["without_alt"], found["scripts"]) == (0, 0)
    # Confusion, curves, calibration, one worst, one best, one translation.
    assert found["images"] == 6
    assert "CONSOLE" not in log


def test_the_page_loads_nothing_from_elsewhere(page: Path) -> None:
    for tag, attributes in Tags(page).tags:
        for name in ("src", "href", "srcset", "data", "poster"):
            value = attributes.get(name)
            assert value is None or value.startswith(("data:image/png;base64,", "#")), (tag, value)
        assert tag not in {"script", "link", "iframe", "object"}


def test_the_page_has_all_its_sections_and_the_numbers_of_evaluate(
    cli: RunCli, run: Path, page: Path
) -> None:
    text = Tags(page).text
    for section in (
        *("Scores", "Training", "Calibration", "Worst images", "Best images", "Data", "Settings"),
        *("What the network enhanced", "Methods, ready to paste"),
    ):
        assert section in text
    values = json.loads(cli("evaluate", run, "--json").stdout)
    assert f"{100 * values['pooled']['miou']:.2f}" in text
    assert "@misc{kato2021aep" in text
    assert "1,707,691" in text  # the parameters of the light pair for 3 classes


def test_a_page_is_not_replaced_unasked(cli: RunCli, run: Path, page: Path) -> None:
    before = page.read_bytes()
    done = cli("report", run)
    assert done.exit_code == 2
    assert "--overwrite" in done.stderr
    assert page.read_bytes() == before


def test_what_is_no_run_is_refused(cli: RunCli, tmp_path: Path) -> None:
    done = cli("report", tmp_path)
    assert done.exit_code == 3
    assert "is not a run" in done.stderr.replace("\n", " ")


def test_a_checkpoint_file_is_referred_to_its_run(cli: RunCli, run: Path) -> None:
    done = cli("report", run / "checkpoints" / "best.safetensors")
    assert done.exit_code == 2
    assert "give its run folder" in done.stderr.replace("\n", " ")


def test_the_page_of_a_benchmark_shows_its_tables_as_they_stand(
    cli: RunCli, tmp_path: Path
) -> None:
    table = {
        "title": "as is",
        "header": ["", "mIoU"],
        "rows": [["light-unet", "50.00"], ["aep <b>", "60.00"]],
        "notes": ["bold: the interval excludes zero"],
        "bold": [[1, 1]],
    }
    values = {
        "dataset": "liver",
        "models": ["light-unet", "aep"],
        "folds": [1, 2],
        "seeds": [0],
        "split": "folds",
        "subset": "test",
        "runs": {"finished": 3, "total": 4, "failed": {"aep/fold-2": "no memory"}},
        "options": {"epochs": 2, "recipe": None},
        "command_line": "cellenhance benchmark liver",
        "tables": [table],
    }
    (tmp_path / "benchmark.json").write_text(json.dumps(values))
    done = cli("report", tmp_path, "-o", tmp_path / "page.html")
    assert done.exit_code == 0, done.stderr
    page = tmp_path / "page.html"
    assert "<strong>60.00</strong>" in page.read_text()
    text = Tags(page).text
    for part in ("3 of 4", "1 failed: aep/fold-2", "aep <b>", "interval excludes zero", "kato2021"):
        assert part in text


def test_a_broken_benchmark_is_named(cli: RunCli, tmp_path: Path) -> None:
    (tmp_path / "benchmark.json").write_text('{"runs": []}')
    done = cli("report", tmp_path)
    assert done.exit_code == 3
    assert "benchmark.json: is not what benchmark writes" in done.stderr.replace("\n", " ")
