"""The HTML report: valid, self-contained, and safe whatever a project folder holds."""

import html.parser
import re
from dataclasses import replace

import html5lib
import keras_tuner as kt
import pytest

import kt_extensions as kte
from kt_extensions.html_report import write_report
from kt_extensions.html_report.elements import Html, element, escaped
from kt_extensions.reports import Reports
from kt_extensions.searches import SearchView, TrialView
from kt_extensions.standing import failures
from tests.views import saved_space

EVIL = "<script>alert('&\"$x$')</script>\x00\x1b[31m\ud800"
VOID = {"meta", "br", "col"}


def trial(number, status="COMPLETED", score=0.5, values=None, **facts):
    unscored = status in ("FAILED", "INVALID", "RUNNING")
    known = {
        "number": number,
        "trial_id": f"{number:02}",
        "status": status,
        "score": None if unscored else score,
        "scores": [] if unscored else [score],
        "values": {"units": 8 + number} if values is None else values,
        "rung": {},
        "parent": None,
        "history": [{"epoch": [0, 1], "val_loss": [2.0, 1.0]}],
        "epochs": 2,
        "duration": 1.5,
        "runs": [],
        "message": None,
    }
    return TrialView(**(known | facts))


def search(trials, name="digits", objectives=(("val_loss", "min"),)):
    hp = kt.HyperParameters()
    hp.Int("units", 8, 64)
    hp.Choice(EVIL, [EVIL, "plain"])
    return SearchView(name, "", *objectives[0], list(objectives), saved_space(hp), trials)


MIXED = [
    trial(0, score=0.5),
    trial(1, score=0.25, values={"units": 9, EVIL: EVIL}),
    trial(2, "FAILED", message="Traceback\n  somewhere\nValueError: too large\n"),
    trial(3, "FAILED", message="Traceback\n  elsewhere\nValueError: too large\n"),
    trial(4, "FAILED", message=f"{EVIL}\n{EVIL}"),
    trial(5, "PRUNED", score=0.125, message=f"Pruned: {EVIL}."),
    trial(6, "RUNNING"),
]


class Page(html.parser.HTMLParser):
    """Reads a page strictly: every element is closed in its place, no attribute is given twice."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.elements, self.texts, self.table = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        names = [name for name, _ in attributes]
        assert len(names) == len(set(names))
        self.elements.append((tag, dict(attributes), tuple(self.open)))
        if tag == "table":
            self.table.append([])
        if tag == "tr":
            self.table[-1].append([])
        if tag in ("td", "th"):
            self.table[-1][-1].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        assert "svg" in self.open
        self.elements.append((tag, dict(attributes), tuple(self.open)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append((data, tuple(self.open)))
        if self.open and ("td" in self.open or "th" in self.open):
            self.table[-1][-1][-1] += data

    def handle_decl(self, declaration):
        assert declaration == "DOCTYPE html"

    def unknown_decl(self, data):
        raise AssertionError(data)

    def of(self, tag):
        return [attributes for name, attributes, _ in self.elements if name == tag]

    def text(self):
        return "".join(text for text, within in self.texts if not {"script", "style"} & {*within})


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    file = tmp_path_factory.mktemp("report") / "report.html"
    write_report(search(MIXED, name=EVIL), file)
    return file.read_text(encoding="utf-8")


def test_the_page_is_html_by_the_standard(written):
    html5lib.HTMLParser(strict=True).parse(written)
    with pytest.raises(html5lib.html5parser.ParseError):
        html5lib.HTMLParser(strict=True).parse(written.replace("</main>", "", 1))


@pytest.fixture(scope="module")
def page(written):
    return Page(written)


def column(table, name):
    place = table[0].index(name)
    return [row[place] for row in table[1:]]


# Validity


def test_page_is_well_formed(written, page):
    assert written.startswith('<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">')
    assert [tag for tag, _, within in page.elements if within == ("html",)] == ["head", "body"]
    assert len(page.of("h1")) == len(page.of("title")) == len(page.of("main")) == 1


def test_ids_are_unique_and_references_resolve(page, written):
    ids = [attributes["id"] for _, attributes, _ in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    references = {a["href"] for _, a, _ in page.elements if "href" in a}
    references |= set(re.findall(r"url\((#.*?)\)", written))
    assert references <= {f"#{name}" for name in ids}
    assert any(name.startswith("history-") for name in ids)


def test_page_needs_nothing_else(page, written):
    links = {"src", "srcset", "data", "action", "poster", "background"}
    assert not [a for _, a, _ in page.elements if links & {*a}]
    assert not {"link", "iframe", "object", "embed", "base", "img"} & {
        t for t, _, _ in page.elements
    }
    assert "@import" not in written
    assert not re.search(r"url\((?!#)", written)


def test_tables_have_as_many_cells_as_heads(page):
    assert [len({len(row) for row in table}) for table in page.table] == [1] * len(page.table)
    assert len(page.table) > 2


# What comes from a project


def test_everything_of_a_project_is_escaped(page, written):
    assert len(page.of("script")) == 1
    assert written.count("<script") == 1
    assert not [a for _, a, _ in page.elements if any(name.startswith("on") for name in a)]
    assert page.text().count("<script>alert('&\"$x$')</script>") >= 8
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f]", written)


def test_only_the_pages_own_script_may_run(page):
    import base64
    import hashlib

    [script] = [text for text, within in page.texts if within[-1:] == ("script",)]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    [policy] = [a["content"] for a in page.of("meta") if "http-equiv" in a]
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy


def test_elements_escape_their_texts():
    made = element("td", "<b>", Html("<br>"), title='"&', class_="x", data_key=None, tabindex=0)
    assert made == '<td title="&quot;&amp;" class="x" tabindex="0">&lt;b&gt;<br></td>'
    assert escaped("a\r\nb\rc\x1b[0;31md\x1b[K\x07\ud800") == "a\nb\ncd\ufffd\ufffd"


# What the page tells


def test_head_line(page):
    text = page.text()
    assert "Search for the best val_loss (lower is better)" in text
    assert "val_loss, best0.25trial 01" in text
    assert "Trials72 completed, 3 failed, 1 pruned, 1 running" in text
    assert "Epochs trained14" in text
    assert "Time in trials10.5 s" in text


def test_trials_are_ranked_pruned_ones_behind(page):
    table = next(table for table in page.table if "Rank" in table[0])
    assert column(table, "Trial") == ["01", "00", "05", "02", "03", "04", "06"]
    assert column(table, "Rank") == ["1", "2", "3", *["\u2013"] * 4]
    assert column(table, "val_loss (min)")[:4] == ["0.2500", "0.5000", "0.1250", "\u2013"]
    assert column(table, "Status")[:4] == ["completed", "completed", "pruned", "failed"]
    assert column(table, "units") == ["9", "8", "13", "10", "11", "12", "14"]


def test_one_row_is_marked_as_the_best(written):
    [row] = re.findall('<tr class="best">.*?</tr>', written)
    [[cells]] = Page(f"<table>{row}</table>").table
    assert cells[:2] == ["1", "01"]


def test_cells_have_keys_to_sort_by(page):
    places = [a.get("data-key") for tag, a, _ in page.elements if tag == "td" and "data-key" in a]
    assert {"0.25", "0.5", "completed", "1.5"} <= set(places)


def test_failures_of_one_reason_are_told_together(page):
    summaries = [text for text, within in page.texts if within[-2:] == ("summary", "strong")]
    assert summaries[0] == "ValueError: too large"
    assert len(summaries) == 2
    assert "trials 02, 03" in page.text()
    [first, _] = [text for text, within in page.texts if within[-1:] == ("pre",)]
    assert "somewhere" in first


def test_an_error_of_many_lines_is_told_from_its_beginning(tmp_path):
    message = (
        'Traceback (most recent call last):\n  File "a.py", line 1, in fit\n    raise error\n'
        "ValueError: Exception encountered when calling Sequential.call().\n\n"
        "\x1b[1mInput 0 is incompatible with the layer\x1b[0m\n\nArguments received:\n  - mask=None"
    )
    write_report(search([trial(0), trial(1, "FAILED", message=message)]), tmp_path / "page.html")
    page = Page((tmp_path / "page.html").read_text())
    [told] = [text for text, within in page.texts if within[-2:] == ("summary", "strong")]
    assert told == (
        "ValueError: Exception encountered when calling Sequential.call(). Input 0 is incompatible "
        "with the layer Arguments received: - mask=None"
    )


def test_an_end_that_was_not_kept_is_told_by_the_trial(tmp_path):
    reports = Reports(tmp_path)
    reports.begin("00", "tuner0")
    reports.end("00", "INVALID", "OSError: first")
    failed = trial(0, "FAILED", message="OSError: second")
    found = failures(replace(search([failed]), folder=str(tmp_path)))
    assert [message for _, message in found] == ["OSError: first", "OSError: second"]


def test_failures_that_were_retried_are_told(tmp_path):
    class Retried(kte.TPE):
        def run_trial(self, trial, *args, **kwargs):
            trial.hyperparameters.Int("units", 1, 9)
            if trial.trial_id == "1" and not self.failures():
                raise OSError("out of luck once")
            return {"val_loss": 1.0}

    tuner = Retried(
        objective="val_loss",
        max_trials=3,
        max_retries_per_trial=1,
        directory=tmp_path,
        project_name="retried",
    )
    tuner.search(verbose=0)
    write_report(tuner, tmp_path / "report.html")
    page = Page((tmp_path / "report.html").read_text())
    assert [text for text, within in page.texts if within[-1:] == ("strong",)] == [
        "OSError: out of luck once"
    ]
    assert "3 completed" in page.text()


def test_many_failures_do_not_fill_the_page(tmp_path):
    trials = [trial(number, "FAILED", message="no such luck") for number in range(25)]
    write_report(search(trials), tmp_path / "report.html")
    text = Page((tmp_path / "report.html").read_text()).text()
    assert "trials 00, 01, 02" in text
    assert "18, 19 and 5 more" in text


def kinds(page):
    """Returns the names that the ids in the figures begin with."""
    names = [a["id"] for tag, a, within in page.elements if tag == "g" and within[-1:] == ("svg",)]
    return [name.partition("-")[0] for name in names]


def test_figures_are_those_that_tell_anything(page, tmp_path):
    assert kinds(page) == ["history", "curves", "parallel", "slices"]
    rungs = [{"epochs": 2, "bracket": 0, "round": 0}] * 10 + [{"epochs": 4, "round": 1}] * 2
    trials = [trial(i, score=abs(i - 4.0), rung=rung, history=[]) for i, rung in enumerate(rungs)]
    write_report(search(trials), tmp_path / "report.html")
    page = Page((tmp_path / "report.html").read_text())
    assert kinds(page) == ["history", "importances", "rungs", "parallel", "slices"]


def test_columns_hold_something(tmp_path):
    trials = [trial(0, epochs=0, duration=None), trial(1, epochs=0, duration=None)]
    write_report(search(trials), tmp_path / "report.html")
    heads = Page((tmp_path / "report.html").read_text()).table[1][0]
    assert heads == ["Rank", "Trial", "Status", "val_loss (min)", "units"]
    write_report(search([trial(0), trial(1, parent="00")]), tmp_path / "report.html")
    table = Page((tmp_path / "report.html").read_text()).table[1]
    assert column(table, "Goes on from") == ["\u2013", "00"]


def test_search_space(page):
    table = next(table for table in page.table if "Domain" in table[0])
    assert table[1] == ["units", "integer, 8 to 64", "8", "57", "everywhere"]
    assert "Configurations: 114." in page.text()


def test_several_objectives_have_a_front(tmp_path):
    scores = [(0.9, 0.5), (0.8, 0.25), (0.7, 0.75)]
    trials = [trial(i, score=b - a, scores=[a, b]) for i, (a, b) in enumerate(scores)]
    objectives = (("accuracy", "max"), ("size", "min"))
    write_report(search(trials, objectives=objectives), tmp_path / "report.html")
    page = Page((tmp_path / "report.html").read_text())
    front = next(table for table in page.table if table[0][0] == "Trial")
    assert column(front, "Trial") == ["00", "01"]
    assert column(front, "accuracy (max)") == ["0.9000", "0.8000"]
    assert kinds(page) == ["front"]


@pytest.mark.parametrize("trials", [[], [trial(0, "RUNNING")], [trial(0, "FAILED", values={})]])
def test_a_search_without_scores(trials, tmp_path):
    write_report(search(trials), tmp_path / "report.html")
    page = Page((tmp_path / "report.html").read_text())
    assert "Best scorenone" in page.text()
    assert "Best configuration" not in page.text()


def test_a_space_that_only_keras_tuner_searches(tmp_path):
    hp = kt.HyperParameters()
    hp.Int("seed", 0, 10**18)
    found = replace(search(MIXED), space=saved_space(hp))
    write_report(found, tmp_path / "report.html")
    page = Page((tmp_path / "report.html").read_text())
    assert "Search spaceHyperparameter 'seed': Expected at most" in page.text()


@pytest.mark.parametrize("declare", [lambda hp: hp.Fixed("n", 3), lambda hp: hp.Choice("n", [3])])
def test_a_search_of_a_single_configuration(declare, tmp_path):
    hp = kt.HyperParameters()
    declare(hp)
    trials = [trial(n, score=0.5 / (n + 1), values={"n": 3}) for n in range(3)]
    write_report(replace(search(trials), space=saved_space(hp)), tmp_path / "report.html")
    assert kinds(Page((tmp_path / "report.html").read_text())) == ["history", "curves"]


def test_the_same_search_has_the_same_figures(tmp_path):
    pages = []
    for name in ("first", "second"):
        write_report(search(MIXED), tmp_path / name)
        pages.append(re.sub("<footer.*", "", (tmp_path / name).read_text()))
    assert pages[0] == pages[1]


def test_a_folder_without_trials(tmp_path):
    with pytest.raises(FileNotFoundError, match="Expected a KerasTuner project folder"):
        write_report(tmp_path, tmp_path / "report.html")
