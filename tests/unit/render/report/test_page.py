"""The page as text: everything escaped, tables, emphasis, methods paragraph, BibTeX."""

import pytest

from cellenhance.render.report.citations import find_bibtex
from cellenhance.render.report.methods_text import MethodsFacts, describe_methods
from cellenhance.render.report.page import (
    Fact,
    Listing,
    Numbers,
    Paragraph,
    Picture,
    Report,
    Section,
    render_report,
)
from cellenhance.render.tables import Table

HOSTILE = "<script>alert('x')</script>\"&"


def test_no_text_of_a_user_becomes_markup() -> None:
    table = Table(HOSTILE, (HOSTILE,), ((HOSTILE,),), (HOSTILE,))
    blocks = (
        *(Paragraph(HOSTILE), Listing(HOSTILE), Numbers(table)),
        Picture(b"\x89PNG", HOSTILE, HOSTILE),
    )
    page = render_report(
        Report(
            HOSTILE,
            HOSTILE,
            (Fact(HOSTILE, HOSTILE, HOSTILE),),
            (Section(HOSTILE, blocks),),
            HOSTILE,
        )
    )
    assert "<script" not in page
    # Title 2, subtitle 1, fact 3, section in the list and above it 2, paragraph 1, listing 1,
    # table 5 (heading, label, header, cell, note), picture 2, footer 1.
    assert page.count("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&#34;&amp;") == 18


def test_emphasised_cells_are_bold_and_notes_stand_below() -> None:
    table = Table("t", ("a", "b"), (("1", "2"), ("3", "4")), ("bold: the best",))
    section = Section("s", (Numbers(table, emphasised=frozenset({(1, 0)})),))
    page = render_report(Report("r", "", (), (section,), ""))
    assert page.count("<strong>") == 1
    assert "<td><strong>3</strong></td>" in page
    assert page.index("bold: the best") > page.index("</table>")


def facts(**changes: object) -> MethodsFacts:
    values: dict[str, object] = {
        "version": "1.2",
        "torch_version": "2.13",
        "model": "light-unet",
        "paper": "none; a control",
        "n_parameters": 853826,
        "initialised_from": None,
        "dataset": "liver",
        "n_train": 35,
        "n_val": 5,
        "classes": ["cell", "membrane", "rest"],
        "recipe": {
            "learning_rate": 0.001,
            "batch_size": 8,
            "crop_px": 256,
            "loss": {"cross_entropy": {"weight": 1}, "dice": None},
            "augmentation": {"flip": True, "rot90": False},
        },
        "normalization": "dataset",
        "seed": 4,
        "epoch": 7,
        "n_epochs": 20,
        "result": "It was good.",
    }
    return MethodsFacts(**(values | changes))  # type: ignore[arg-type]


def test_the_methods_paragraph_says_what_was_recorded() -> None:
    text = describe_methods(facts())
    for part in (
        "into cell, membrane and rest with cellenhance 1.2 (PyTorch 2.13), model light-unet, "
        "853,826 parameters",
        "from random initial weights on 35 annotated images of liver (5 more for validation) for "
        "20 epochs with Adam (learning rate 0.001) and the loss cross entropy, in batches of 8 "
        "random crops of 256 x 256 pixels",
        "images were augmented by flip.",
        "The seed was 4.",
        "The weights of epoch 7, with the best mean IoU on the validation images, were used.",
    ):
        assert part in text
    assert text.endswith("It was good.")


def test_without_validation_images_the_last_epoch_is_named() -> None:
    text = describe_methods(facts(n_val=0, initialised_from="a.safetensors"))
    assert "weights of the last epoch" in text
    assert "from the weights of a.safetensors" in text


@pytest.mark.parametrize("paper", ["none; a control", "Low-level feature fusion, PRCV 2021"])
def test_papers_without_a_known_number_have_no_bibtex(paper: str) -> None:
    assert find_bibtex(paper) == ""


def test_each_paper_is_cited_once() -> None:
    found = find_bibtex("arXiv 1505.04597; again arXiv 1505.04597; arXiv 1807.10165")
    assert found.count("@misc{") == 2
    assert "eprint = {1807.10165}" in found
