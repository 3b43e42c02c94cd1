"""The steps that finish a built page, each on a page of a few lines."""

import io

import numpy as np
import pytest

import notebooks

bs4 = pytest.importorskip("bs4")
Image = pytest.importorskip("PIL.Image")
pytest.importorskip("scipy")

import cards  # noqa: E402
import dark  # noqa: E402
import finish  # noqa: E402
import hues  # noqa: E402
import icons  # noqa: E402
import measures  # noqa: E402
import pdf  # noqa: E402
import strips  # noqa: E402
from diagrams.drawing import ACCENT, KEY, QUERY, VALUE  # noqa: E402
from diagrams.model_map import TODAY  # noqa: E402

WHITE, BLACK, BLUE = (255, 255, 255), (0, 0, 0), (0, 114, 178)


def article(text: str):
    page = f"<head></head><body><article class='bd-article'>{text}</article>"
    return bs4.BeautifulSoup(f"<html>{page}</body></html>", "html.parser")


def png(path, size=(60, 40), dpi=90):
    Image.new("RGB", size, BLUE).save(path, dpi=(dpi, dpi))
    return path


def test_pictures_have_sizes_and_all_but_the_first_load_late(tmp_path):
    png(tmp_path / "a.png")
    png(tmp_path / "b.png", (120, 80), dpi=180)
    svg = '<svg width="30" height="20" viewBox="0 0 3 2"></svg>'
    (tmp_path / "c.svg").write_text(svg)
    fixed = '<img src="b.png" style="width: 60px; height: 40px;">'
    soup = article(f'<img src="a.png">{fixed}<img src="c.svg">')
    finish.sizes(soup, tmp_path / "page.html")
    found = soup.find_all("img")
    assert [(i["width"], i["height"]) for i in found] == [
        (60, 40),
        (60, 40),  # twice the pixels, the same size
        (30, 20),
    ]
    assert [i.get("loading") for i in found] == [None, "lazy", "lazy"]
    assert not soup.select("img[style]")  # it would be stretched on a phone


def test_each_picture_has_a_twin_for_dark_mode(tmp_path):
    png(tmp_path / "a.png")
    soup = article('<img src="a.png" alt="x" class="dark-light">')
    finish.variants(soup, tmp_path / "page.html")
    light, twin = soup.find_all("img")
    assert light["class"] == ["only-light"] and twin["class"] == ["only-dark"]
    assert twin["src"] == "a-dark.png" and twin["alt"] == "x"
    assert (tmp_path / "a-dark.png").is_file()


def turned(pixels: np.ndarray) -> np.ndarray:
    return dark.plot(pixels, dark.pictures(pixels))


def plot():
    """White paper, a label map of one colour, a black letter, a blue line."""
    pixels = np.full((80, 120, 3), 255, np.uint8)
    pixels[10:30, 10:40] = (230, 159, 0)
    pixels[15:20, 15:20] = WHITE  # inside the map
    pixels[50:62, 20:22] = BLACK
    pixels[70:73, 50:110] = BLUE
    pixels[69, 50:110] = (127, 184, 216)  # its edge, half of it
    return pixels


def test_paper_and_text_change_places_and_colours_stay():
    before, after = plot(), turned(plot())
    assert tuple(after[0, 0]) == dark.PAPER
    assert tuple(after[55, 20]) == dark.INK
    assert (after[10:30, 10:40] == before[10:30, 10:40]).all()
    assert tuple(after[71, 80]) == BLUE
    edge = (np.array(BLUE) + dark.PAPER) / 2
    assert np.abs(after[69, 80] - edge).max() < 3


def chart() -> np.ndarray:
    """A bar on a grid, a pale band, and patches of a legend below."""
    pixels = np.full((120, 120, 3), 255, np.uint8)
    pixels[:80:20] = dark.GRID
    pixels[:80, ::20] = dark.GRID
    pixels[10:70, 5:115] = (204, 204, 204)  # bands that nearly fill the plot
    pixels[30:50, 20:90] = (255 - 0.2 * (255 - np.array(BLUE))).round()
    pixels[95:107, 10:30] = (204, 204, 204)
    pixels[95:107, 50:70] = BLACK
    return pixels


def test_grey_bars_and_their_patch_turn_alike_and_black_gets_an_edge():
    after = turned(chart())
    assert (after[12, 8] == after[100, 20]).all()
    assert after[12, 8].max() < 80  # no white box
    assert (after[100, 60] == 0).all() and tuple(after[95, 60]) == dark.EDGE


def test_a_pale_tint_is_a_colour_on_paper():
    tint = turned(chart())[40, 50].astype(float)
    mixed = 0.2 * np.array(BLUE) + 0.8 * np.array(dark.PAPER)
    assert np.abs(tint - mixed).max() < 3


def test_a_grey_of_a_label_map_keeps_its_patch():
    pixels = np.full((120, 120, 3), 255, np.uint8)
    pixels[5:80, 5:80] = (217, 221, 225)
    pixels[20:40, 20:40] = BLUE
    pixels[95:107, 10:30] = (217, 221, 225)
    after = turned(pixels)
    assert (after[100, 20] == pixels[100, 20]).all()


def test_a_diagram_keeps_its_coloured_areas_and_the_text_on_them():
    rect = '<rect x="{}" y="0" width="40" height="20" fill="{}"/>'
    word = '<text x="{}" y="15" fill="{}">a</text>'
    text = dark.diagram(
        rect.format(0, "#0072b2")
        + word.format(5, "#ffffff")
        + rect.format(50, "#ffffff")
        + word.format(55, "#212529")
    )
    assert text.startswith(
        rect.format(0, "#0072b2") + word.format(5, "#ffffff")
    )
    assert rect.format(50, "#121212") in text
    assert "#212529" not in text


def test_icons_are_drawn_and_an_unknown_one_is_refused(tmp_path):
    script = tmp_path / "fontawesome.js"
    script.write_text(
        '{sun:[512,512,[],"f185","M1 2z"],"file-pdf":[3,4,[],"f1c1","M3z"]}'
    )
    shapes = icons.Icons(script)
    soup = article('<i class="theme-switch fa-solid fa-sun fa-lg"></i>')
    shapes.draw(soup)
    assert soup.svg["class"] == ["theme-switch", "drawn-icon"]
    assert soup.path["d"] == "M1 2z" and soup.i is None
    assert shapes.shape("file-pdf") == ("3", "4", "M3z")
    with pytest.raises(ValueError, match="no icon 'boat'"):
        shapes.shape("boat")


@pytest.mark.parametrize(
    ("section", "kind", "named"),
    [
        ("x", "source", "code"),
        ("x", "output", "output"),
        ("x", "content", "cell"),
        ("x", "imports", "imports"),
        ("solutions", "content", "solution"),
    ],
)
def test_a_fold_says_what_is_in_it(section, kind, named):
    soup = article(
        f'<section id="{section}"><details class="hide">'
        '<summary aria-label="T">'
        f'<p class="collapsed">Show the {kind}</p>'
        f'<p class="expanded">Hide the {kind}</p></summary></details></section>'
    )
    finish.folds(soup)
    assert not soup.summary.has_attr("aria-label")
    lines = [p.get_text() for p in soup.find_all("p")]
    assert lines == [f"Show the {named}", f"Hide the {named}"]


def test_scripts_stay_only_where_they_are_used():
    soup = article('<div class="highlight"></div>')
    for name in ("fontawesome.js", "searchindex.js", "copybutton.js", "a.js"):
        soup.head.append(soup.new_tag("script", src=f"../_static/{name}?v=1"))
    finish.lean(soup)
    left = [s["src"].split("/")[-1] for s in soup.find_all("script")]
    assert left == ["copybutton.js?v=1", "a.js?v=1"]
    assert all(s.has_attr("defer") for s in soup.find_all("script"))


def test_a_live_figure_keeps_its_own_script():
    soup = article('<a class="live-one dark-light"><img></a>')
    for name in ("live.js", "live-one.js", "live-two.js"):
        soup.head.append(soup.new_tag("script", src=f"_static/{name}?v=1"))
    finish.lean(soup)
    left = [s["src"].split("/")[-1] for s in soup.find_all("script")]
    assert left == ["live.js?v=1", "live-one.js?v=1"]
    soup.a["class"] = ["dark-light"]
    finish.lean(soup)
    assert not soup.find_all("script")


def test_no_line_breaks_before_a_stop_or_inside_short_code():
    soup = article("<p><code>b h w c</code> is <math></math>). Then more</p>")
    finish.kept(soup)
    assert soup.code["class"] == ["kept"]
    assert soup.math.parent.get_text() == ")."
    assert soup.p.get_text() == "b h w c is ). Then more"


def test_a_long_piece_of_code_breaks_between_its_words_alone():
    words = "python -m package.train --class-weights balanced --resume runs/b0"
    parts = "".join(f'<span class="pre">{w}</span> ' for w in words.split())
    soup = article(f"<p><code>{parts}</code></p>")
    finish.kept(soup)
    assert soup.code.get("class") is None
    assert all(part["class"] == ["pre", "kept"] for part in soup("span"))


@pytest.mark.parametrize(
    "text, kept",
    [
        ("of 16 × 16 pixels", "of 16_×_16 pixels"),
        ("62.4 % and 17 MB", "62.4_% and 17_MB"),
        ("in 12 ms or 3 s", "in 12_ms or 3_s"),
        ("2 · 3 in chapter 4", "2_·_3 in chapter_4"),
        ("stages 3 and 4 of a map", "stages 3 and 4 of a map"),
    ],
)
def test_a_number_stays_with_what_it_counts(text, kept):
    soup = article(f"<p>{text}</p><p><code>{text}</code></p>")
    finish.numbers(soup)
    assert soup.p.get_text() == kept.replace("_", "\u00a0")
    assert soup.code.get_text() == text


def test_the_menu_opens_without_a_script_and_ends_with_the_index():
    menu = "<nav><ul class='nav'><li class='toctree-l1'>a</li></ul></nav>"
    soup = bs4.BeautifulSoup(
        "<html data-content_root='../'><button class='primary-toggle'>"
        "</button><button class='secondary-toggle'></button>"
        f"<div id='pst-primary-sidebar'>{2 * menu}</div></html>",
        "html.parser",
    )
    finish.menu(soup)
    (toggle,) = soup.select("a.primary-toggle")
    assert toggle["href"] == "#pst-primary-sidebar"
    assert not soup.select(".secondary-toggle")  # it would open nothing
    links = [a["href"] for a in soup.select("nav a")]
    assert links == ["../genindex.html"]


def test_a_heading_without_words_is_none():
    soup = article("<table><tr><th></th><th>a</th></tr></table>")
    finish.tables(soup)
    assert len(soup.find_all("th")) == 1 and soup.td is not None


def test_the_head_describes_the_page_once():
    soup = article("<h1>A</h1><p>What is it?</p>")
    soup.head.append(soup.new_tag("title"))
    soup.title.string = "A – Book"
    for _ in range(2):
        finish.head(soup, address="https://e.org/a.html", picture=None)
    (said,) = soup.select("meta[name=description]")
    assert said["content"] == "What is it?"
    assert soup.select_one("meta[property='og:title']")["content"] == "A – Book"
    assert soup.select_one("link[rel=canonical]")["href"].endswith("a.html")


def test_a_page_moved_up_finds_its_files():
    soup = article(
        '<a href="b.html#x"></a><a href="#y"></a><img src="../_images/c.png">'
        '<a href="https://e.org/"></a>'
    )
    finish.moved_up(soup, "book")
    links = [a["href"] for a in soup.find_all("a")]
    assert links == ["book/b.html#x", "#y", "https://e.org/"]
    assert soup.img["src"] == "_images/c.png"


def test_chapters_have_places_and_minutes():
    listed = cards.chapters(notebooks.ROOT)
    assert [c.number for c in listed] == sorted(c.number for c in listed)
    assert all(1 <= c.minutes < 120 for c in listed)
    soup = article("<h1>T</h1><p>Why?</p>")
    cards.opening(soup, listed[1], listed[-1].number)
    line = soup.select_one("p.opening")
    assert line.get_text().startswith(
        f"Chapter 1 of {listed[-1].number} · about"
    )
    assert line.a["href"] == listed[1].colab


def test_cards_take_the_place_of_the_table():
    listed = cards.chapters(notebooks.ROOT)
    soup = article('<section id="the-chapters"><table></table></section>')
    cards.cards(soup, listed, {})
    assert soup.table is None
    titles = [a.get_text() for a in soup.select("ul.cards a")]
    assert titles == [c.title.replace("'", "’") for c in listed]
    with pytest.raises(ValueError, match="no table of chapters"):
        cards.cards(soup, listed, {})


def test_pages_in_one_keep_their_links():
    soup = article('<h2 id="x"></h2><a href="#x"></a><a href="b.html#y"></a>')
    pdf.renamed(soup.article, "book/a", {"book/a.html", "book/b.html"})
    assert soup.h2["id"] == "a--x"
    assert [a["href"] for a in soup.find_all("a")] == ["#a--x", "#b--y"]


def test_a_page_on_paper_leads_to_no_file_and_needs_no_click():
    picture = "<a class='image-reference' href='x.png'><img src='x.png'></a>"
    try_it = "<div class='without-script'><p>Needs JavaScript.</p></div>"
    works = "<section id='how-a-chapter-works'><h2>How</h2></section>"
    soup = article(picture + try_it + works)
    pdf.on_paper(soup.article, "https://b.c/try_it.html")
    assert [a["href"] for a in soup.find_all("a")] == [
        "https://b.c/try_it.html"
    ]
    assert soup.img["src"] == "x.png"
    assert [p.get_text() for p in soup.find_all("p")] == [
        f"{pdf.STILL}https://b.c/try_it.html.",
        pdf.OPEN,
    ]


def test_short_code_stays_on_one_page_and_long_code_does_not():
    text = "<div class='cell_input'><pre>{}</pre></div>"
    counts = (1, pdf.SHORT, pdf.SHORT + 1)
    soup = article("".join(text.format("x\n" * count) for count in counts))
    pdf.on_paper(soup.article, "")
    short = ["short" in code["class"] for code in soup.select(".cell_input")]
    assert short == [True, True, False]


def test_a_long_name_breaks_after_its_parts():
    soup = article("<b>encoder.norm_1</b><b>.q</b><b>MixFFNBlock</b>")
    for name in soup.find_all("b"):
        pdf.breakable(name)
    assert [name.decode_contents() for name in soup.find_all("b")] == [
        "encoder.<wbr/>norm_<wbr/>1",
        ".q",
        "Mix<wbr/>FFNBlock",
    ]


def test_the_list_of_chapters_has_the_pages_of_the_print():
    card = "<li><a href='#a'>A</a><p class='card-time'>5 minutes</p></li>"
    look_up = "<p><a href='#b'>B</a>, <a href='#c'>C</a></p>"
    soup = article(f"<div id='intro--the-chapters'>{card}{look_up}</div>")
    pdf.marked(soup)
    pdf.numbered(soup, {"a": 7, "b": 40})
    assert soup.article.get_text() == "A5 minutes · page 7B (page 40), C"


def test_a_print_says_on_which_page_a_place_is():
    text = b"""5 0 obj\n<</Type /Page\n/Parent 8 0 R>>
8 0 obj\n<</Type /Pages\n/Count 1\n/Kids [5 0 R]\n/Parent 9 0 R>>
9 0 obj\n<</Type /Pages\n/Count 3\n/Kids [6 0 R 8 0 R 2 0 R]>>
10 0 obj\n<</intro [6 0 R /XYZ 0 792 0]\n/a--x [5 0 R /XYZ 9 1 0]>>
11 0 obj\n<</Type /Catalog\n/Pages 9 0 R\n/Dests 10 0 R>>"""
    assert pdf.starts(text) == {"intro": 1, "a--x": 2}
    assert pdf.starts(b"") == {}


def test_a_palette_is_used_where_it_serves():
    """Few colours stay exact; a picture that is small already stays itself."""
    file = io.BytesIO()
    Image.fromarray(plot()).save(file, "png", dpi=(180, 180))
    small = notebooks.smaller(file.getvalue())
    with Image.open(io.BytesIO(small)) as image:
        assert round(image.info["dpi"][0]) == 180
        assert (np.asarray(image.convert("RGB")) == plot()).all()
    assert len(small) <= len(file.getvalue())
    assert notebooks.smaller(small) == small
    noise = np.random.default_rng(0).integers(0, 256, (90, 90, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "png")
    first = notebooks.smaller(file.getvalue())
    assert first == notebooks.smaller(file.getvalue())
    assert len(first) < len(file.getvalue())


def test_words_are_those_that_are_read():
    text = (
        "![a picture](x.png) Two [words](https://a.b/c/d-e_f), and `code` x.\n"
        "<details>\n<summary>More</summary>\n</details>\n"
        "| a | table |\n```bash\nmake it\n```\n- a *list* – with 3\n"
    )
    assert measures.words(text) == 10


def test_a_bright_sky_belongs_to_its_photo():
    """Paler than the lines of a grid, and still no paper."""
    pixels = np.full((200, 300, 3), 255, np.uint8)
    photo = pixels[40:160, 50:250]
    photo[:60] = 236, 240, 245
    photo[60:] = 90, 110, 70
    found = turned(pixels)
    assert (found[40:160, 50:250] == photo).all()
    assert (found[0, 0] == dark.PAPER).all()


def test_an_overview_with_a_part_in_colour_becomes_a_strip(tmp_path):
    (tmp_path / "_images").mkdir()
    whole = '<img alt="all of it" src="_images/map_attention.svg">'
    plain = '<p><img alt="all grey" src="_images/map.svg"></p>'
    soup = article(f"<p>{whole}</p>{plain}<p>Beside words {whole}</p>")
    strips.strips(soup, tmp_path / "page.html")
    (fold,) = soup.select("details")
    assert "open" not in fold.attrs
    assert [image["alt"] for image in fold.select("p > img")] == ["all of it"]
    small = fold.summary.img
    assert strips.SHORT["map_attention"] in small["alt"]
    assert "The efficient self-attention" in fold.summary.get_text()
    text = (tmp_path / small["src"]).read_text(encoding="utf-8")
    assert text.count(f'fill="{ACCENT}"') == 4  # one in each stage
    assert len(soup.select("article > p > img")) == 2


@pytest.mark.parametrize("name", sorted(set(TODAY) - {"map"}))
def test_a_strip_colours_what_its_diagram_does(name):
    text = strips.model_strip(name).svg()
    parts = {"ends": 2, "patch_embedding": 4, "attention": 4, "mix_ffn": 4}
    parts |= {"norm": 4, "maps": 4, "unify": 4, "fuse": 2}
    today = TODAY[name][1]
    lit = sum(count for part, count in parts.items() if part in today)
    assert text.count(f'fill="{ACCENT}"') == lit


def test_the_opening_shows_its_picture_before_the_code():
    def cell(name: str, output: str = "") -> str:
        shown = f"<div class='cell_output'>{output}</div>" if output else ""
        return f"<div class='cell' id='{name}'><pre></pre>{shown}</div>"

    cells = cell("imports") + cell("draw", "<img>")
    soup = article(f"<section><h1></h1><p></p>{cells}</section>")
    finish.picture_first(soup)
    order = [tag.get("id", "") for tag in soup.select("p ~ div")]
    assert order == ["", "imports", "draw"]
    assert soup.select_one("p + .cell > .cell_output > img")
    later = f"<section><h1></h1>{cell('a', '1')}<section><h2></h2>{cells}"
    soup = article(later)
    before = str(soup)
    finish.picture_first(soup)
    assert str(soup) == before


def test_queries_keys_and_values_have_one_colour_in_text_and_figures():
    soup = article(
        "<p><strong>query</strong> <strong>keys</strong> key <code>v</code>"
        "<math><mi>K</mi><mi>k</mi><msup><mi>Q</mi><mo>T</mo></msup>"
        "<msub><mi>W</mi><mi>v</mi></msub><msub><mi>C</mi><mi>k</mi></msub>"
        "</math></p><pre><code>q</code></pre>"
    )
    plain = str(soup)
    hues.hues(soup, "09_all_mlp_decoder")
    assert str(soup) == plain
    hues.hues(soup, "04_self_attention")
    marked = {
        part: [tag.get_text() for tag in soup.select(f".hue-{part}")]
        for part in ("query", "key", "value")
    }
    assert marked == {
        "query": ["query", "Q"],
        "key": ["K"],
        "value": ["v", "Wv"],
    }
    css = (notebooks.ROOT / "book/_static/custom.css").read_text()
    light = css.partition("--query")[2].partition("}")[0]
    night = css.partition("--query")[2].partition("--query")[2]
    night = night.partition("}")[0]
    for hue in (QUERY, KEY, VALUE):
        assert hue.fill in light and dark.GROUNDS[hue.fill] in night
