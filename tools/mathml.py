"""Sphinx extension: formulas become MathML while the book is built.

Browsers draw MathML themselves, so that a page needs no script and no network
for its formulas.
"""

import re

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

# Bars as brackets, a prime that is raised once, space after a function's name.
SPACING = (
    (
        re.compile(r'<mo stretchy="false">(&#x0007C;|&#x02016;)</mo>'),
        r'<mo stretchy="false" lspace="0" rspace="0">\1</mo>',
    ),
    (
        re.compile(r"<msup>(<mi>\w+</mi>)<mi>(&#x02032;)</mi></msup>"),
        r'<mrow>\1<mo lspace="0" rspace="0">\2</mo></mrow>',
    ),
    (
        re.compile(r"(?<!<msub>)(<mi>(?:ln|log|exp)</mi>)(?!<mo|</)"),
        r'\1<mspace width="0.17em" />',
    ),
)

logger = logging.getLogger(__name__)

# What latex2mathml does not know it passes through, without a word.
UNKNOWN = re.compile(
    r'<m[ion]>(?:\\[^<]*|&)</m[ion]>|<mspace linebreak="newline" />'
)


def mathml(node: nodes.Element, display: str) -> str:
    """Turn a formula into MathML; warn of what has no translation."""
    # The converter knows one kind of aligned lines; Sphinx numbers them.
    latex = re.sub(r"\{align(ed)?\}", "{align*}", node.astext().strip())
    latex = latex.replace(r"\epsilon", r"\varepsilon")  # what the font has
    try:
        braces = re.findall(r"(?<!\\)[{}]", latex)
        if braces.count("{") != braces.count("}"):
            raise ValueError("a brace has no partner")
        text = convert(latex, display=display)
    except Exception as error:  # the converter raises many kinds
        logger.warning("formula %r: %r", latex, error, location=node)
        return ""
    for unknown in UNKNOWN.findall(text):
        logger.warning(
            "formula %r: no MathML for %r", latex, unknown, location=node
        )
    for wrong, right in SPACING:
        text = wrong.sub(right, text)
    # Browsers align a column by its style, no longer by this attribute.
    return re.sub(r'columnalign="(\w+)"', r'style="text-align: \1"', text)


def visit_inline(self, node: nodes.math) -> None:
    """Write a formula of a sentence."""
    self.body.append(mathml(node, "inline"))
    raise nodes.SkipNode


def visit_block(self, node: nodes.math_block) -> None:
    """Write a formula of its own line, with its number if it has one."""
    self.body.append(self.starttag(node, "div", CLASS="math"))
    if node["number"]:
        number = get_node_equation_number(self, node)
        self.body.append(f'<span class="eqno">({number})')
        self.add_permalink_ref(node, "Link to this equation")
        self.body.append("</span>")
    self.body.append(mathml(node, "block") + "</div>\n")
    raise nodes.SkipNode


def setup(app) -> dict:
    """Register the renderer with Sphinx."""
    app.add_html_math_renderer(
        "mathml", (visit_inline, None), (visit_block, None)
    )
    return {"version": "1", "parallel_read_safe": True}
