"""The report in a real browser: on a desk, on a telephone, on paper. From simulated registers."""

import csv
import hashlib
import re
from dataclasses import replace
from datetime import date
from itertools import pairwise

import pyarrow as pa
import pytest

from pprl.interventions.assign import assign
from pprl.interventions.previous import compare, read_previous, write_state
from pprl.interventions.rules import load_rules
from pprl.io.source import open_source
from pprl.lab.families.simulate import simulate_families
from pprl.normalise.nik import NikStatus, normalise_nik
from pprl.quality import check
from pprl.report.krs.data import (
    Bars,
    Bin,
    Decided,
    Matching,
    Minutes,
    Party,
    ReportData,
    Share,
    Similarities,
)
from pprl.report.krs.page import render

A4 = (595, 842)  # points
PAPER = 688  # CSS pixels of A4 between its margins
YES = {"Ya": True, "Tidak": False, "1": True, "0": False}
SCHOOLS = dict(
    zip(
        ("Tidak/Belum Tamat SD", "SD/Sederajat", "SMP/Sederajat", "SMA/Sederajat"),
        ("none", "sd", "smp", "sma"),
        strict=True,
    )
)
FACTS = {
    "pus": "pus",
    "pregnant": "hamil",
    "child_0_23": "baduta",
    "child_24_59": "balita",
    "latrine_ok": "jamban_layak",
    "water_ok": "air_minum_layak",
    "house_ok": "rumah_layak",
    "too_close": "terlalu_dekat",
    "modern_contraception": "kb_modern",
}
MINUTES = Minutes(
    run="krs-kutai-timur-2026-02",
    agreement=hashlib.sha256(b"agreement").hexdigest(),
    transcript=hashlib.sha256(b"transcript").hexdigest(),
    parties=(
        Party("dppkb-kutai-timur", "agency"),
        Party("dinsos-kutai-timur", "agency"),
        Party("diskominfo-kalimantan-timur", "coordinator"),
        Party("inspektorat", "auditor"),
    ),
    purpose="Menemukan keluarga berisiko stunting (KRS) yang berada pada desil kesejahteraan"
    " terendah, agar keluarga yang tepat memperoleh intervensi.",
    legal_basis="Perpres 72/2021; Inpres 4/2025; UU 27/2022 Pasal 20 ayat (2)",
    closed=True,
    version="0.1.0",
    agreed_on=date(2026, 1, 26),
    closed_on=date(2026, 2, 1),
    decided=Decided(accepted=41, refused=17, undecided=180),
)
PAIRS = (0, 4, 1, 14, 29, 59, 97, 135, 181, 318, 584, 920, 1551, 2098, 3091, 3484, 3312, 539, 9999)
PAIRS += (1_230_610,)
REVIEWED = (0,) * 8 + (14, 126, 211, 185, 1_108, 52, 7) + (0,) * 5
MATCHING = Matching(
    precision=Share(0.9994, 0.983, 0.9998),
    persons=Share(0.9931, 0.9897, 0.9956),
    recall=Share(0.968, 0.955, 0.979),
    bars=(
        Bars("nik", 0.62, None),
        Bars("nik15", None, 0.0),
        Bars("filter", 0.835, 0.79),
        Bars("contradicted", 0.87, 0.83),
    ),
    histogram=Similarities(
        tuple(
            Bin(0.6 + 0.02 * n, 0.62 + 0.02 * n, *pairs)
            for n, pairs in enumerate(zip(PAIRS, REVIEWED, strict=True))
        ),
        below=412,
        accepted_without=1_204,
        review_without=31,
    ),
)
# Everything that sticks out, is cut off or breaks inside a word.
MEASURE = r"""
(() => {
  const found = [];
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > width) found.push("the page is too wide");
  // What style adds before a cell is measured as text of the page.
  for (const cell of document.querySelectorAll("[data-name]")) {
    const added = getComputedStyle(cell, "::before");
    if (added.content === "none" || added.content === "normal") continue;
    const text = document.createElement("span");
    text.textContent = cell.dataset.name;
    text.style.cssText = `display: block; font-size: ${added.fontSize};
      line-height: ${added.lineHeight}; font-weight: ${added.fontWeight}`;
    cell.prepend(text);
  }
  for (const each of document.querySelectorAll("body *")) {
    const style = getComputedStyle(each);
    const box = each.getBoundingClientRect();
    if (style.display === "none" || !box.width || each.matches("svg *, .bar, .bar *")) continue;
    const name = each.textContent.trim().slice(0, 40);
    if (box.left < -0.5 || box.right > width + 0.5) found.push("outside: " + name);
    if (style.overflowX !== "visible" && each.tagName !== "svg"
        && each.scrollWidth > each.clientWidth + 1) found.push("cut: " + name);
  }
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const holders = "th, td, li, dd, dt, p, h1, h2, h3, caption, figure";
  while (walker.nextNode()) {
    const text = walker.currentNode;
    const cell = text.parentElement.closest(holders);
    if (!text.data.trim() || !cell || text.parentElement.closest("svg, style")) continue;
    const range = document.createRange();
    for (const word of text.data.matchAll(/[\p{L}\p{N}.,%]+/gu)) {
      range.setStart(text, word.index);
      range.setEnd(text, word.index + word[0].length);
      const lines = new Set([...range.getClientRects()].map((box) => Math.round(box.top)));
      if (lines.size > 1) found.push("broken word: " + word[0]);
    }
    range.selectNodeContents(text);
    const outer = cell.getBoundingClientRect();
    for (const box of range.getClientRects()) {
      if (box.left < outer.left - 1 || box.right > outer.right + 1) {
        found.push("over its cell: " + text.data.trim().slice(0, 40));
        break;
      }
    }
  }
  for (const svg of document.querySelectorAll("svg")) {
    const outer = svg.getBoundingClientRect();
    for (const text of svg.querySelectorAll("text")) {
      const box = text.getBoundingClientRect();
      if (box.width && (box.left < outer.left - 1 || box.right > outer.right + 1
          || box.top < outer.top - 1 || box.bottom > outer.bottom + 1))
        found.push("cut in a drawing: " + text.textContent);
    }
  }
  return found;
})()
"""
# Luminance of text and ground of each shade of the heat map, as WCAG computes it.
LUMINANCE = r"""
["s1", "s2", "s3", "s4", "s5"].map((name) => {
  const style = getComputedStyle(document.querySelector(`td.${name}`));
  return [style.color, style.backgroundColor].map((colour) => {
    const part = colour.match(/\d+/g).slice(0, 3).map((each) => each / 255)
      .map((each) => (each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4));
    return 0.2126 * part[0] + 0.7152 * part[1] + 0.0722 * part[2];
  });
})
"""


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as lines:
        delimiter = ";" if ";" in lines.readline() else ","
        lines.seek(0)
        return list(csv.DictReader(lines, delimiter=delimiter))


def table(rows):
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pa.table({name: [row.get(name) for row in rows] for name in names})


def share(family):
    """Return a number in [0, 1) that is always the same for a family."""
    return int.from_bytes(hashlib.sha256(family.encode()).digest()[:4], "big") / 2**32


def matched_by_truth(made):
    """Return the KRS family's row in the other register, by family."""
    entities, theirs = {}, {}
    for row in rows_of(made.truth_families_path):
        if row["party"] == "0":
            entities[row["family"]] = row["entity"]
        else:
            theirs.setdefault(row["entity"], row["family"])
    other = {}
    for row in rows_of(made.paths["dtsen"]):
        other.setdefault(row["id_keluarga"], row)
    return {family: other.get(theirs.get(entity)) for family, entity in entities.items()}


def family_of(row, theirs):
    luck = share(row["id_keluarga"])
    status = "none" if theirs is None or luck < 0.02 else "review" if luck < 0.05 else "matched"
    family = {
        "family": row["id_keluarga"],
        "district": row["kode_kecamatan"],
        "district_name": row["nama_kecamatan"],
        "village": row["kode_desa"],
        "village_name": row["nama_desa"],
        "match_status": status,
        **{name: YES.get(row[column]) for name, column in FACTS.items()},
    }
    if status == "matched":
        family |= {
            "desil": int(theirs["desil"]) if theirs["desil"] else None,
            "match_precision": 1 - luck / 20,
            **{name: YES.get(theirs[name]) for name in ("pkh", "sembako", "pbi_jk", "pip")},
        }
    return family


def earlier(families, members):
    """Return a run half a year before: other families, and other desil of the same."""
    then = {}
    for name, now in families.items():
        luck = share(name + "then")
        desil = now.get("desil")
        moved = {"desil": desil and min(max(desil + int(5 * luck) - 2, 1), 10)}
        family = name if luck < 0.8 else f"{name}-GONE"
        then[name] = now | moved | {"family": family}
    people = [each | {"family": then[each["family"]]["family"]} for each in members]
    return assign(table(list(then.values())), table(people), load_rules(), day=date(2024, 6, 30))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("registers")
    made = simulate_families(folder, krs=3_000, dtsen=6_000, damage="dirty", seed=7)
    rows, theirs = rows_of(made.paths["krs"]), matched_by_truth(made)
    families = {}
    for row in rows:
        family = row["id_keluarga"]
        if family not in families:
            families[family] = family_of(row, theirs[family])
    niks = normalise_nik(pa.array([row["nik"] or None for row in rows], pa.string()))
    names = [NikStatus(status).name.lower() for status in niks.status.tolist()]
    fine = ("ok", "ok_cleaned", "recovered_float")
    members = [
        {
            "family": row["id_keluarga"],
            "member": row["id_anggota"],
            "nik_status": "usable" if name in fine else name,
            "education": SCHOOLS.get(row["pendidikan"]),
            "in_school": YES.get(row["masih_sekolah"]),
            "jkn_active": YES.get(row["jkn_aktif"]),
            "age": 12,
        }
        for row, name in zip(rows, names, strict=True)
    ]
    done = assign(
        table(list(families.values())), table(members), load_rules(), day=made.as_of, language="id"
    )
    write_state(folder, earlier(families, members))
    return ReportData(
        owner="DPPKB Kabupaten Kutai Timur",
        assigned=done,
        minutes=MINUTES,
        quality=check(open_source(made.paths["krs"])),
        matching=MATCHING,
        compared=compare(done, read_previous(folder)),
    )


@pytest.fixture(scope="module")
def pages(data, tmp_path_factory):
    """The report in both languages, as an owner without match information has it, and public."""
    open_run = replace(
        data, matching=None, minutes=replace(MINUTES, closed=False, transcript=None, decided=None)
    )
    texts = {
        "id": render(data, language="id"),
        "en": render(data, language="en"),
        "provisional": render(open_run, language="id"),
        "public": render(data, language="id", public=True),
    }
    folder = tmp_path_factory.mktemp("pages")
    for name, text in texts.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in texts}


def page_sizes(path):
    boxes = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", path.read_bytes())
    return [(round(float(width)), round(float(height))) for width, height in boxes]


@pytest.mark.parametrize("width", [1200, 1000, 768, 360])
@pytest.mark.parametrize("name", ["id", "en", "provisional", "public"])
def test_every_label_can_be_read_at_every_width_without_complaint_or_request(
    browser, pages, name, width
):
    seen = browser.open(pages[name], width)
    assert seen.requests == []
    assert seen.complaints == []
    assert browser.evaluate(MEASURE) == []


@pytest.mark.parametrize("name", ["id", "en"])
def test_every_label_can_be_read_on_paper(browser, pages, name):
    browser.open(pages[name], PAPER)
    browser.call("Emulation.setEmulatedMedia", {"media": "print"})
    found = browser.evaluate(MEASURE)
    browser.call("Emulation.setEmulatedMedia", {"media": ""})
    assert found == []


@pytest.mark.parametrize("name", ["id", "public"])
def test_it_prints_on_a4(browser, pages, name, tmp_path):
    browser.open(pages[name])
    browser.print(tmp_path / "report.pdf")
    sizes = page_sizes(tmp_path / "report.pdf")
    assert set(sizes) == {A4}
    assert 5 <= len(sizes) <= 40


@pytest.mark.parametrize("name", ["id", "en", "provisional", "public"])
def test_the_berita_acara_is_one_page(browser, pages, name, tmp_path):
    browser.open(pages[name])
    others = '"header, section:not(#minutes)"'
    browser.evaluate(f"document.querySelectorAll({others}).forEach((each) => each.remove())")
    browser.print(tmp_path / "minutes.pdf")
    assert page_sizes(tmp_path / "minutes.pdf") == [A4]


def test_shades_can_be_told_without_colour_and_read(browser, pages):
    browser.open(pages["id"])
    luminances = browser.evaluate(LUMINANCE)
    grounds = [ground for _, ground in luminances]
    assert all(paler - darker > 0.05 for paler, darker in pairwise(grounds))
    for text, ground in luminances:
        lighter, darker = max(text, ground), min(text, ground)
        assert (lighter + 0.05) / (darker + 0.05) >= 4.5


@pytest.mark.parametrize(("name", "shown"), [("id", 1), ("en", 1), ("public", 0)])
def test_the_owner_alone_sees_what_has_changed(browser, pages, name, shown):
    browser.open(pages[name])
    assert browser.evaluate("document.querySelectorAll('#changes').length") == shown
    rows = "#changes table:last-of-type tbody tr"
    assert browser.evaluate(f"document.querySelectorAll('{rows}').length") >= 18 * shown


def test_links_inside_the_page_lead_somewhere(browser, pages):
    browser.open(pages["id"])
    script = "[...document.links].filter((each) => !document.querySelector(each.hash)).length"
    assert browser.evaluate(script) == 0
    assert browser.evaluate("document.links.length") >= 7


def test_the_browser_would_notice_what_these_tests_look_for(browser, tmp_path):
    page = tmp_path / "bad.html"
    page.write_text(
        """<!doctype html><meta charset="utf-8"><body>
        <table style="width: 40px; table-layout: fixed"><tr>
        <td style="white-space: nowrap">Kabupaten Kutai Timur<td>
        <td style="overflow-wrap: anywhere">tidakditemukan</table>
        <p style="width: 2000px">wide</p>
        <svg width="20" height="20"><text x="5" y="15">too long for it</text></svg>
        <img src="missing.png"><script>console.error("no")</script>""",
        encoding="utf-8",
    )
    seen = browser.open(page, 360)
    assert [url.rpartition("/")[2] for url in seen.requests] == ["missing.png"]
    assert len(seen.complaints) >= 2
    found = {each.partition(":")[0] for each in browser.evaluate(MEASURE)}
    assert found >= {"outside", "broken word", "over its cell", "cut in a drawing"}
