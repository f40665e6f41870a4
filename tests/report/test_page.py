import base64
import gzip
import hashlib
import json
import re
from html.parser import HTMLParser
from urllib.parse import unquote_to_bytes

import numpy as np
import pandas as pd
import pytest

from ecg_ccta.errors import StudyError
from ecg_ccta.files import write_json
from ecg_ccta.report.page import build_report
from ecg_ccta.vessels import VESSELS

VOID = {"meta", "img", "br", "hr", "link", "input", "col"}


class Page(HTMLParser):
    """Reads a page strictly: tags must nest."""

    def __init__(self, html: str):
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.refers: list[str] = []
        self.loads: list[str] = []
        self.tags: list[str] = []
        self.images: list[dict] = []
        self.links: list[dict] = []
        self.text: list[str] = []
        self.tables: list[list[list[str]]] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        if "id" in found:
            self.ids.append(found["id"])
        self.refers += [found[name] for name in ("aria-labelledby", "for") if name in found]
        if found.get("href", "").startswith("#"):
            self.refers.append(found["href"][1:])
        self.loads += [found[name] for name in ("src", "href", "srcset", "action") if name in found]
        if tag == "img":
            self.images.append(found)
        if tag == "a":
            self.links.append(found)
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("td", "th"):
            self.tables[-1][-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.text.append(data)
        if {"td", "th"} & set(self.open):
            self.tables[-1][-1][-1] += data

    @property
    def headline(self) -> list[list[str]]:
        """The table of AUCs beside the oracle's and the paper's."""
        return next(table for table in self.tables if "Paper, version 1" in table[0])

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


@pytest.fixture
def page(study, results, control, control_results) -> Page:
    return Page(build_report(study, results, control, control_results))


def test_the_page_is_whole_and_loads_nothing(page):
    assert page.tags.count("h1") == 1
    assert page.tags.count("script") == 1
    assert all(load.startswith(("data:", "#")) for load in page.loads)
    assert len(page.ids) == len(set(page.ids))
    assert set(page.refers) <= set(page.ids)


def test_style_and_script_are_let_through_by_their_hashes_alone(study, results):
    html = build_report(study, results)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)[1]
    for tag in ("style", "script"):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", html, flags=re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}';" in policy
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "unsafe" not in policy
    body = html[html.index("<body") :]
    assert not re.search(r"<[a-z][^>]*\s(style|on[a-z]+)=", re.sub(r'"data:[^"]*"', "", body))


def test_no_address_of_the_network_is_in_the_page(study, results):
    html = build_report(study, results)
    outside = re.sub(r'"data:[^"]*"', "", html)
    assert "http://" not in outside
    assert "https://" not in outside
    assert "@import" not in outside
    assert not re.search(r"url\((?!#)", outside)


def test_the_abstract_leads_to_the_sections_of_its_numbers(study, results):
    html = build_report(study, results)
    said = html[html.index("Where these numbers come from:") :]
    links = re.findall(r'<a href="#([\w-]+)">', said[: said.index("</p>")])
    assert links == ["inclusion", "results", "calibration", "cumulative-events"]
    assert all(f'id="{anchor}"' in html for anchor in links)


def test_every_figure_has_its_words_and_its_numbers(page):
    assert len(page.images) == 2 * (11 + 4 + 1 + 2 + 4 + 1 + 7) + 1
    assert all(len(image["alt"]) > 20 for image in page.images)
    downloads = [link for link in page.links if "download" in link]
    names = [link["download"] for link in downloads]
    assert {"discrimination_internal.csv", "recovery_external.csv", "waveforms_internal.csv"} <= set(names)
    assert len(names) == len(set(names)), "a file is embedded twice"
    for link in downloads:
        assert "," in content_of(link["href"]).decode().splitlines()[0]


def content_of(uri: str) -> bytes:
    """What a data URI holds."""
    head, data = uri.split(",", 1)
    return base64.b64decode(data) if head.endswith(";base64") else unquote_to_bytes(data)


def test_files_are_embedded_byte_for_byte(study, results, page):
    awkward = results / "tables/leakage.csv"
    awkward.write_bytes(awkward.read_bytes() + b'"50 % # <b> \xc3\xa4 & ""x""",a,1,b,0,c,\n')
    page = Page(build_report(study, results))
    embedded = {link["download"]: content_of(link["href"]) for link in page.links if "download" in link}
    assert embedded["leakage.csv"] == awkward.read_bytes()
    drawn = {content_of(image["src"]) for image in page.images}
    assert (results / "figures/roc_internal.svg").read_bytes() in drawn


def test_a_large_table_is_packed_and_a_very_large_one_named(study, results):
    path = results / "tables/normal_ecg/internal.csv"
    plain = path.read_bytes()
    path.write_bytes(plain + b"RCA,PR-AUC,0.1,0.1,0.1,0.95,1,1,1,a method that is listed nowhere,\n" * 2000)
    page = Page(build_report(study, results))
    packed = next(link for link in page.links if link.get("download") == "normal_ecg_internal.csv.gz")
    assert gzip.decompress(content_of(packed["href"])) == path.read_bytes()
    noise = np.random.default_rng(0).integers(0, 10**9, 50_000)
    path.write_bytes(plain + b"".join(b"RCA,PR-AUC,0.1,0.1,0.1,0.95,1,1,1,%d,\n" % number for number in noise))
    page = Page(build_report(study, results))
    assert "normal_ecg_internal.csv" not in {link.get("download", "").removesuffix(".gz") for link in page.links}
    assert "tables/normal_ecg/internal.csv in the study's results" in page.words


def test_the_headline_is_the_aucs_beside_oracle_and_paper(page):
    first = page.headline
    assert first[0][3:] == ["AUC (95 % interval)", "Oracle's AUC", "Paper, version 1", "Paper, released repository"]
    assert [row[0] for row in first if len(row) == 1] == [
        "Internal (simulated), out of fold",
        "External (simulated)",
        "Internal (simulated), clinically normal ECGs",
        "External (simulated), clinically normal ECGs",
    ]
    assert first[2] == ["RCA", "2\u202f200", "260", "0.710 (0.670 to 0.750)", "0.790", "0.794", "0.744"]
    assert first[3][3] == "too few events (7)"
    assert first[7][5:] == ["0.749", "0.714"]
    assert first[12][5:] == ["0.793", "0.693"]
    assert first[17][5:] == ["–", "–"]
    assert "internal AUCs of 0.683 to 0.744 over the vessels" in page.words


def test_missing_numbers_show_their_note_and_never_nan(study, results, control, control_results):
    words = Page(build_report(study, results, control, control_results)).words
    for nothing in ("nan", "NaN", "None", "<NA>", "inf", "not available"):
        assert not re.search(rf"(?<![A-Za-z]){re.escape(nothing)}(?![A-Za-z])", words), nothing
    assert "too few patients (4 high-risk)" in words


def test_recovery_and_negative_control_are_told_in_words(page):
    assert "66 % (58 to 74) of the planted discrimination is recovered" in page.words
    assert (
        "Negative control, nothing is planted. Mean AUC over vessels: Internal (simulated), out of fold" in page.words
    )
    assert "a leak that moves the mean AUC by clearly more than half the width of its interval" in page.words


def test_the_flow_shows_every_exclusion(page):
    assert "ECGs in the export 2 400 ECGs of 2 000 patients" in page.words
    assert "ECGs excluded 73 no CCTA within 90 days before or 7 days after 61" in page.words
    assert "flat lead 27" in page.words
    assert "CCTA: RCA 2 200 70 % or more 260 less 1 940 no finding 100" in page.words
    assert "CCTA: LM 2 100 70 % or more 7 less 2 093 no finding 200" in page.words
    assert ["Excluded: flat lead", "27", ""] in next(table for table in page.tables if table[0][0] == "Step")


def test_text_from_data_and_configuration_is_escaped(changed, results):
    attack = '<script>alert("x")</script><img src=x onerror=alert(1)>'
    study = changed({"title": attack, "sites": {"internal": {"title": f'"{attack}'}}})
    flow = results / "cohort/internal.flow.json"
    steps = json.loads(flow.read_text())
    steps["steps"][1]["excluded"] = attack
    write_json(flow, steps)
    table = results / "tables/discrimination/internal.csv"
    found = pd.read_csv(table)
    found.loc[1, "note"] = attack
    found.to_csv(table, index=False)
    page = Page(build_report(study, results))
    assert page.tags.count("script") == 1
    assert all("onerror" not in image for image in page.images)
    assert attack in page.words


def test_scored_only_sites_and_more_sites_have_their_place(changed, results, add_site):
    add_site(results, "third")
    for path in results.glob("tables/*/scored.csv"):
        path.unlink()
    write_json(results / "cohort/scored.flow.json", {"steps": [{"label": "ECGs included", "ecgs": 31, "patients": 30}]})
    more = {
        "third": {"role": "external", "title": "Third", "export": "exports/third"},
        "scored": {"role": "external", "title": "Scored", "export": "exports/scored", "tables": {"ccta": None}},
    }
    page = Page(build_report(changed({"sites": more}), results))
    groups = [row[0] for row in page.headline if len(row) == 1]
    assert "Third" in groups
    assert "Scored" not in groups
    assert "Scored: predicted only." in page.words
    assert "31 exported ECGs of 30 patients" in page.words


def test_a_study_of_real_hospitals_without_follow_up_leaves_those_sections_out(changed, results):
    for name in ("recovery", "planted", "cumulative_events"):
        for path in [*results.glob(f"tables/{name}*/*"), *results.glob(f"figures/{name}*")]:
            path.unlink()
    site = {"title": "One", "simulation": None, "export": "exports/one", "tables": {"follow_up": None}}
    study = changed({"sites": {"internal": site, "external": None}})
    page = Page(build_report(study, results))
    assert "Oracle's AUC" not in page.headline[0]
    assert "Planted" not in page.words
    for name in (study.title, study.foundation.name):
        assert name in page.words
    rest = page.words.replace(study.title, "").replace(study.foundation.name, "")
    assert "simulated" not in rest.lower()
    assert "cumulative-events" not in page.ids
    assert "Follow-up Kaplan-Meier" not in page.words


def test_a_missing_table_or_column_is_named(study, results):
    table = results / "tables/calibration_summary/external.csv"
    pd.read_csv(table).drop(columns="measure").to_csv(table, index=False)
    with pytest.raises(StudyError, match=r"calibration_summary/external.csv: no column measure"):
        build_report(study, results)
    table.unlink()
    with pytest.raises(StudyError, match=r"no such table\. Fix: run the rule that makes it"):
        build_report(study, results)


def test_large_figures_go_in_as_png(study, results):
    svg = results / "figures/roc_internal.svg"
    svg.write_text(svg.read_text().replace("</svg>", f"<!--{'x' * 1_000_001}--></svg>"))
    page = Page(build_report(study, results))
    kinds = [image["src"].split(";")[0] for image in page.images if "ROC curve of each vessel in Int" in image["alt"]]
    assert kinds == ["data:image/png"]


def test_methods_follow_the_configuration(changed, results):
    study = changed({"training": {"folds": 7}, "follow_up": {"landmark_days": 14}, "evaluation": {"level": 0.9}})
    page = Page(build_report(study, results))
    assert "split into 7 folds" in page.words
    assert "Kaplan-Meier estimates from day 14 after that CCTA" in page.words
    assert page.headline[0][3] == "AUC (90 % interval)"


def test_provenance_holds_hashes_times_and_versions_but_no_foreign_path(page):
    assert "a" * 40 in page.words
    assert "finetune.bin" in page.words
    assert "1" * 64 in page.words
    assert "2.13.0" in page.words
    assert "3 jobs took 3.1 minutes of job time in all, 19 % of it for running them as jobs" in page.words
    assert ["clean_signals", "2", "90.0", "30.0", "25 %"] in [row for table in page.tables for row in table]
    assert "/secret" not in page.words


def test_provenance_holds_the_inputs_the_seeds_and_the_configuration(changed, results):
    site = {"simulation": None, "export": "/secret/export", "pseudonym_key": "/secret/key", "title": "North"}
    page = Page(build_report(changed({"sites": {"internal": site}}), results))
    inputs = next(table for table in page.tables if table[1][0].startswith("outside the project"))
    assert ["outside the project, read by finetune internal", "0" * 64] in inputs
    assert "Seed of the study 20251129 Seed of the foundation's pre-training 7" in page.words
    assert "days_before_ccta:" in page.words
    assert "/secret" not in page.words


def test_calibration_of_normal_ecgs_is_told_by_the_slope_alone(page):
    assert (
        page.words.count("The calibration slope's interval leaves out 1 for RCA (0.85, predictions too extreme).")
        == 2 * 2
    )


def test_the_same_results_give_the_same_page(study, results):
    first = build_report(study, results)
    own = results / "records/build_report/report.json"
    write_json(own, {"rule": "build_report", "job": "build_report", "seconds": 3.0, "outputs": {}})
    assert build_report(study, results) == first


def test_every_vessel_is_in_the_waveform_section(page):
    assert all(f"Mean beats of high-risk and low-risk ECGs, {vessel}" in page.words for vessel in VESSELS)


def test_clusters_are_told_and_listed(page):
    assert "LAD: the beats differ in 2 stretches of time in 2 leads (grey: cluster p < 0.05)" in page.words
    assert "LCX: the beats differ in 1 stretch of time in 1 lead" in page.words
    assert "62 to 148" in page.words
    assert "1 000 permutations of patients" in page.words


def test_measurements_of_the_risk_groups_are_listed(page):
    assert "ST at J+60 ms, V5 (mV) 0.100 0.070 −0.030 (−0.050 to −0.010) −0.40 0.010" in page.words
    assert "QRS duration (ms) too few patients (4 high-risk)" in page.words
